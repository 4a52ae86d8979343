"""The Pulumi program of every stack: settings, substrate, applications, outputs."""

from __future__ import annotations

import pulumi

from components.kubernetes.provider import with_field_manager
from components.substrates.contract import Substrate
from components.teams.component import object_store_secret
from infra import applications, outputs, substrates
from infra.schema import Settings
from infra.settings import from_pulumi

TEAM_CREDENTIALS = {"object_store": object_store_secret("jobs")}
"""Credentials of a team that do not depend on an application."""


def program() -> None:
    """Declare all resources and export the output `platform`.

    Raises:
        UserError: A setting is invalid.
    """
    settings = from_pulumi()
    pulumi.runtime.register_stack_transformation(with_field_manager)
    substrate = substrates.substrate(settings)
    applications.declare(settings, substrate)
    pulumi.export("platform", exported(settings, substrate))


def exported(settings: Settings, substrate: Substrate) -> pulumi.Output[dict[str, object]]:
    """Return the output `platform` once the bucket names are known."""
    purposes = dict(substrate.object_store.buckets)
    return pulumi.Output.all(**purposes).apply(lambda buckets: document(settings, substrate, buckets))


def document(settings: Settings, substrate: Substrate, buckets: dict[str, str]) -> dict[str, object]:
    """Return the output `platform` for bucket names by purpose."""
    values = outputs.PlatformOutputs(
        environment=settings.environment,
        kubeconfig=substrates.kubeconfig_path(settings.local) if settings.local else None,
        urls=applications.urls(settings, substrate.gateway.base_url),
        health=applications.health(settings),
        namespaces=applications.namespaces(settings),
        buckets=buckets,
        object_store=outputs.ObjectStoreAddress(
            endpoint=substrate.object_store.endpoint, region=substrate.object_store.region
        ),
        budgets=outputs.Budgets(**settings.budgets.model_dump()),
        images={"job": substrate.images["job"]},
        credentials={
            name: outputs.SecretReference(namespace=item.namespace, secret=secret)
            for item in settings.applications
            for name, secret in item.credentials.items()
        },
        teams=teams(settings),
        default_team=settings.described_teams[0].name,
    )
    return values.model_dump(by_alias=True)


def teams(settings: Settings) -> dict[str, outputs.Team]:
    """Return what each team has on the platform, by the team's name."""
    own = {
        **TEAM_CREDENTIALS,
        **{name: secret for item in settings.applications for name, secret in item.team_credentials.items()},
    }
    withheld = [
        (name, item.namespace, secret)
        for item in settings.applications
        for name, secret in item.withheld_credentials.items()
    ]
    return {
        team.name: outputs.Team(
            namespace=team.namespace,
            credentials={
                **{name: outputs.SecretReference(namespace=team.namespace, secret=key) for name, key in own.items()},
                **{
                    name: outputs.SecretReference(namespace=namespace, secret=key.format(team=team.name))
                    for name, namespace, key in withheld
                },
            },
        )
        for team in settings.described_teams
    }
