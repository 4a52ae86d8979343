"""Checks that a stack is on AWS, and that the credentials of this shell belong to its account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.progress import console

if TYPE_CHECKING:
    from infra.aws.schema import Aws
    from infra.schema import Settings

TIMEOUT_SECONDS = 10


def caller(region: str) -> tuple[str, str]:
    """Return the account id and the ARN of the current credentials.

    Args:
        region: Region of STS; `AWS_ENDPOINT_URL` replaces its address.

    Raises:
        UserError: There are no credentials, or AWS refuses them.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 2})
    try:
        identity: dict[str, Any] = boto3.client("sts", region_name=region, config=config).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            "AWS does not accept the credentials of this shell.",
            seen=str(error),
            allowed="credentials from the environment, a profile (AWS_PROFILE) or a role",
            next_step="aws sso login, or export AWS_PROFILE=...; then run the command again",
        ) from None
    return identity["Account"], identity["Arn"]


def is_administrator(arn: str, administrators: tuple[str, ...]) -> bool:
    """Tell whether the ARN is that of an administrator's role or of a session of such a role."""
    _, session, rest = arn.partition(":assumed-role/")
    role = rest.partition("/")[0] if session else arn.rpartition("/")[-1]
    return role in {administrator.rpartition("/")[-1] for administrator in administrators}


def on_aws(settings: Settings, refusal: str, next_step: str | None = None) -> Aws:
    """Return the section `aws` of a stack's settings.

    Args:
        settings: Settings of the stack.
        refusal: What the stack lacks, in one sentence.
        next_step: What to do instead, if anything.

    Raises:
        UserError: The stack is not on AWS.
    """
    if settings.aws is None:
        raise UserError(
            refusal,
            seen=f"substrate: {settings.substrate}",
            allowed="a stack with substrate: aws",
            next_step=next_step,
        )
    return settings.aws


def check_account(settings: Settings, stack: str) -> None:
    """Refuse credentials of another account than the stack's; do nothing for a stack that is not on AWS.

    Raises:
        UserError: There are no credentials, or they belong to another account.
    """
    if settings.aws is None:
        return
    account, arn = caller(settings.aws.region)
    if account != settings.aws.account_id:
        raise UserError(
            f"The credentials of this shell belong to another account than stack {stack}.",
            seen=f"account {account} ({arn})",
            allowed=f"account {settings.aws.account_id}, from setting mlplatform:aws.account_id",
            next_step=f"export AWS_PROFILE=<a profile of account {settings.aws.account_id}>,"
            f" or correct the setting in stacks/Pulumi.{stack}.yaml",
        )
    if not is_administrator(arn, settings.aws.cluster.administrators):
        console.print(f"[yellow]{arn} is not in mlplatform:aws.cluster.administrators: the cluster will refuse it.[/]")


def ecr_login(region: str) -> tuple[str, str]:
    """Return user and password for the account's ECR; they are valid for twelve hours."""
    import base64

    import boto3

    data = boto3.client("ecr", region_name=region).get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return user, password
