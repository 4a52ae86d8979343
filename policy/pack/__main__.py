"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policy/pack`, after `eval "$(mlp env)"`.

The engine tells a resource's inputs when it is registered, and the whole stack at the end with outputs only: none of
those in a first preview, whose cluster does not exist. So one policy keeps the inputs, and the others judge them at the
end. The stack is handed over once for each policy, and pulumi-policy converts it anew each time, so that a policy is an
area of rules instead of one rule.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policy.exceptions import exemptions, judge
from policy.model import Area, Resource
from policy.pack_adapter import message, registered, stack
from policy.rules import all_rules

SEEN: dict[str, Resource] = {}
"""Resources by URN, as they were registered."""


def _keep(args: ResourceValidationArgs, _report: ReportViolation) -> None:
    SEEN[args.urn] = registered(args, UnknownValueError)


def _policy(area: Area) -> StackValidationPolicy:
    rules = [rule for rule in all_rules() if rule.area is area]

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        found = stack(args.resources, SEEN, UnknownValueError)
        findings = [finding for rule in rules for finding in rule.problems(found)]
        for finding in judge(findings, exemptions(), found.name).violations:
            report(message(finding), finding.resource.urn)

    return StackValidationPolicy(
        name=area.value,
        description=f"{len(rules)} rules on {area.value}: {', '.join(rule.id for rule in rules)}",
        validate=validate,
    )


def _warn(args: StackValidationArgs, report: ReportViolation) -> None:
    found = stack(args.resources, SEEN, UnknownValueError)
    findings = [finding for rule in all_rules() if rule.area is Area.SUPPORT for finding in rule.problems(found)]
    for finding in judge(findings, exemptions(), found.name).warnings:
        report(message(finding), finding.resource.urn)


PolicyPack(
    name="mlplatform",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="inputs", description="Keeps what is registered, for the others.", validate=_keep
        ),
        *(_policy(area) for area in Area),
        StackValidationPolicy(
            name="warnings",
            description="What leaves standard support within the next months; stops nothing.",
            validate=_warn,
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
    ],
)
