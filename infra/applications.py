"""Declares the applications of a stack on a substrate, from their descriptions."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.applications.description import AnyApplication, Context
from components.applications.gateway.component import Gateway
from components.applications.gateway.route import GatewayRoute, GatewayRouteArgs
from components.substrates.contract import Substrate
from components.teams.component import TeamSpace, TeamSpaceArgs
from infra.schema import Settings


def declare(settings: Settings, substrate: Substrate) -> None:
    """Declare the teams, then every application that is on, its routes, and what each team gets of it."""
    context = Context(substrate=substrate, applications=settings.applications, teams=_spaces(settings, substrate))
    for item in settings.applications:
        component = item.declare(context, settings.of(item))
        context.declared.append(component)
        _routes(item, component, context)
        if item.per_team:
            for space in context.teams:
                item.declare_team(context, space)


def _spaces(settings: Settings, substrate: Substrate) -> list[TeamSpace]:
    return [
        TeamSpace(
            team.name,
            TeamSpaceArgs(
                substrate=substrate,
                team=team,
                defaults=settings.teams[team.name].defaults.resources(),
                environment=team_environment(settings.applications, team.name),
            ),
        )
        for team in settings.described_teams
    ]


def team_environment(applications: Sequence[AnyApplication], team: str) -> dict[str, str]:
    """Return the variables that applications add to the ConfigMap `platform` of a team."""
    return {name: value.format(team=team) for item in applications for name, value in item.team_environment.items()}


def _routes(item: AnyApplication, component: pulumi.Resource, context: Context) -> None:
    for route in item.routes:
        if route.protection == "token":
            continue  # the application declares this route itself, after the token
        GatewayRoute(
            route.name,
            GatewayRouteArgs(namespace=item.namespace, route=route, base_url=context.substrate.gateway.base_url),
            pulumi.ResourceOptions(
                provider=context.substrate.kubernetes, depends_on=[context.component(Gateway).crds, component]
            ),
        )


def urls(settings: Settings, base: str) -> dict[str, str]:
    """Return the URLs of the applications by name, as users see them.

    Args:
        settings: Settings, which say which applications are on.
        base: URL of the Gateway.
    """
    return {name: base + address.path for item in settings.applications for name, address in item.addresses.items()}


def health(settings: Settings) -> dict[str, str | None]:
    """Return the path below each URL that answers 200 without a login; None: any answer below 500 is healthy."""
    return {name: address.health for item in settings.applications for name, address in item.addresses.items()}


def namespaces(settings: Settings) -> dict[str, str]:
    """Return the namespace of each application."""
    return {item.name: item.namespace for item in settings.applications}
