"""Administrators' passwords, kept in Secrets Manager for emergency access."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.substrates.aws.site import Site


def stored(
    name: str,
    kept_as: str,
    site: Site,
    key_arn: pulumi.Input[str],
    values: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> None:
    """Store `values` as one JSON document in Secrets Manager.

    Args:
        name: Name of the resources.
        kept_as: Name below the environment's prefix. It differs from the component's name, which may change.
        site: Account, region and names.
        key_arn: Key that encrypts it.
        values: Values to store.
        opts: Options of the resources.
    """
    secret = aws.secretsmanager.Secret(
        name,
        name=f"{site.prefix}/{kept_as}",
        description=f"Administrator: {kept_as} of {site.environment}",
        kms_key_id=key_arn,
        # No recovery window without protection: the environment is recreated often, and its names must be free.
        recovery_window_in_days=30 if site.protect else 0,
        opts=opts,
    )
    aws.secretsmanager.SecretVersion(
        name,
        secret_id=secret.id,
        secret_string=pulumi.Output.secret(pulumi.Output.json_dumps(dict(values), sort_keys=True)),
        opts=opts,
    )
