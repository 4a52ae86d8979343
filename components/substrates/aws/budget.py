"""Monthly budget of the environment, with alarms on actual and on forecast cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws.site import Site


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """Arguments of `Budget`.

    Attributes:
        site: Account, region and names.
        monthly_usd: Monthly limit in US dollars.
        emails: Recipients of the alarms.
        percents: Percentages of the limit at which actual cost raises an alarm.
    """

    site: Site
    monthly_usd: int
    emails: Sequence[str]
    percents: Sequence[int]


class Budget(pulumi.ComponentResource):
    """Budget of all resources with the environment's tag."""

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Budget", name, None, opts)
        alarms = [("ACTUAL", percent) for percent in args.percents] + [("FORECASTED", 100)]
        aws.budgets.Budget(
            name,
            name=args.site.name("monthly"),
            account_id=args.site.account,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.monthly_usd),
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:Environment${args.site.environment}"]}],
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": list(args.emails),
                }
                for kind, percent in alarms
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
