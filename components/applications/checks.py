"""Checks of application descriptions: refuse clashes between them and references to things that do not exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set

from artifacts.images.catalog import catalog
from artifacts.manifests.pins import pins
from common.errors import UserError
from components.applications.description import AnyApplication
from components.substrates.requests import BUCKET_PURPOSES, Requests
from components.teams.team import IDENTITIES, Team, grants

NAMESPACE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
OWN_NAMESPACES = {"data", "default", "external-dns"}
"""Namespaces of the substrate and of every cluster, as are those that begin with `kube-`."""

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def refuse_clashes(applications: Sequence[AnyApplication]) -> None:
    """Refuse descriptions that claim the same name, database, path or grant, or refer to something that does not exist.

    Raises:
        UserError: Names the application, the field, the value seen and what is allowed.
    """
    _unique(applications, "name", lambda item: [item.name])
    _unique(applications, "namespace", lambda item: [item.namespace])
    _unique(applications, "postgres", lambda item: item.postgres)
    _unique(applications, "mysql", lambda item: [*item.mysql])
    _unique(applications, "mysql", lambda item: [*item.mysql.values()])
    _unique(applications, "grants", lambda item: [grant.application for grant in item.grants])
    _unique(applications, "addresses", lambda item: [*item.addresses])
    _unique(applications, "addresses", lambda item: [address.path for address in item.addresses.values()])
    _unique(applications, "credentials", lambda item: [*item.credentials])
    _unique(applications, "team_credentials", lambda item: [*item.team_credentials, *item.withheld_credentials])
    _unique(applications, "team_environment", lambda item: [*item.team_environment])
    _unique(applications, "user_objects", lambda item: [f"{kind.plural}.{kind.group}" for kind in item.user_objects])
    _unique(applications, "routes", lambda item: [route.name for route in item.routes])
    _refuse_unusable_namespaces(applications)
    _refuse_overlapping_routes(applications)
    _refuse_unknown_grants(applications)
    # Images that the cluster does not load, such as those of benchmarks, are unknown to a pod.
    _refuse_unknown(applications, "images", lambda item: item.images, "images", catalog().wanted(None))
    _refuse_unknown(applications, "manifests", lambda item: item.manifests, "manifests", pins().components)
    _refuse_unknown_names(applications)
    _refuse_routes_without_gateway(applications)


def refuse_unknown_checks(applications: Sequence[AnyApplication], known: Collection[str]) -> None:
    """Refuse descriptions that name a smoke check which does not exist.

    Args:
        applications: Descriptions.
        known: Names of the smoke checks; this package does not import the checks.

    Raises:
        UserError: Names the application, the check and the known ones.
    """
    _refuse_unknown(applications, "checks", lambda item: item.checks, "smoke checks", known)


def requested(applications: Iterable[AnyApplication], teams: Iterable[Team]) -> Requests:
    """Return everything that the applications request from their substrate, for themselves and for the teams."""
    chosen = tuple(applications)
    for_teams = [grant for item in chosen for grant in item.team_grants]
    return Requests(
        postgres=tuple(name for item in chosen for name in item.postgres),
        mysql={key: name for item in chosen for key, name in item.mysql.items()},
        grants=(
            *(grant for item in chosen for grant in item.grants),
            *(grant for team in teams for grant in grants(team, for_teams)),
        ),
    )


def taken_by_applications(applications: Iterable[AnyApplication]) -> dict[str, str]:
    """Return the names that no team may have, each with what has it.

    An application's own name is among them, because applications name folders in buckets after themselves.
    """
    taken = dict.fromkeys(OWN_NAMESPACES, "a namespace of the cluster or the substrate")
    for item in applications:
        taken[item.name] = f"the name of application {item.name}"
        taken[item.namespace] = f"the namespace of application {item.name}"
        taken |= dict.fromkeys(item.reserved_names, f"a name with a meaning in application {item.name}")
    return taken


def missing_requirements(applications: Sequence[AnyApplication], on: Set[str]) -> Mapping[str, list[str]]:
    """Return, for each application that is on, the applications that it requires and that are off.

    Applications with nothing missing are left out.
    """
    lacking = {item.name: [name for name in item.requires if name not in on] for item in applications}
    return {name: missing for name, missing in lacking.items() if missing and name in on}


def _clash(application: str, key: str, seen: str, allowed: str) -> UserError:
    return UserError(
        f"The description of application {application} cannot be used: {key}.",
        seen=seen,
        allowed=allowed,
        next_step=f"edit components/applications/{application}/description.py",
    )


def _unique(
    applications: Sequence[AnyApplication], key: str, values: Callable[[AnyApplication], Iterable[str]]
) -> None:
    owners: dict[str, str] = {}
    for item in applications:
        for value in values(item):
            if value in owners:
                raise _clash(item.name, key, value, f"a unique value; application {owners[value]} uses this one")
            owners[value] = item.name


def _refuse_unusable_namespaces(applications: Sequence[AnyApplication]) -> None:
    for item in applications:
        taken = item.namespace in OWN_NAMESPACES or item.namespace.startswith("kube-")
        if taken or not NAMESPACE.fullmatch(item.namespace):
            allowed = "at most 63 lower-case letters, digits and hyphens; not kube-* or " + ", ".join(
                sorted(OWN_NAMESPACES)
            )
            raise _clash(item.name, "namespace", item.namespace, allowed)


def _refuse_routes_without_gateway(applications: Sequence[AnyApplication]) -> None:
    """Refuse routes of an application that does not require the Gateway, whose kinds of objects they are."""
    requires = {item.name: item.requires for item in applications}
    for item in applications:
        needed = list(item.requires)
        for name in needed:
            needed += [below for below in requires.get(name, ()) if below not in needed]
        if item.routes and "gateway" not in (item.name, *needed):
            seen = ", ".join(item.requires) or "no application"
            raise _clash(item.name, "requires", seen, "gateway among them, because the application has routes")


def _refuse_overlapping_routes(applications: Sequence[AnyApplication]) -> None:
    routes = [(item.name, route.path) for item in applications for route in item.routes]
    for place, (name, path) in enumerate(routes):
        if not PATH.fullmatch(path):
            allowed = "a path with a leading and without a trailing slash, of letters, digits and . _ ~ -"
            raise _clash(name, "routes", path or "an empty path", allowed)
        for other, taken in routes[:place]:
            # Paths of one application may nest: the longer path refines the shorter one.
            same = path == taken or (other != name and _below(path, taken)) or (other != name and _below(taken, path))
            if same:
                raise _clash(name, "routes", path, f"a path that does not overlap {taken} of application {other}")


def _below(path: str, parent: str) -> bool:
    return path.startswith(f"{parent}/")


def _refuse_unknown_grants(applications: Sequence[AnyApplication]) -> None:
    def purposes(item: AnyApplication) -> list[str]:
        return [purpose for grant in item.grants for purpose in (*grant.read_write, *grant.read_only)]

    def team_purposes(item: AnyApplication) -> list[str]:
        return [purpose for wanted in item.team_grants for purpose in (*wanted.read_write, *wanted.read_only)]

    _refuse_unknown(applications, "grants", purposes, "buckets", BUCKET_PURPOSES)
    _refuse_unknown(applications, "team_grants", team_purposes, "buckets", BUCKET_PURPOSES)
    _refuse_unknown(
        applications,
        "team_grants",
        lambda item: [wanted.identity for wanted in item.team_grants],
        "identities",
        IDENTITIES,
    )
    for item in applications:
        for grant in item.grants:
            if grant.prefix and not grant.prefix.endswith("/"):
                raise _clash(item.name, "grants", grant.prefix, "an empty prefix or one that ends with a slash")


def _refuse_unknown(
    applications: Sequence[AnyApplication],
    key: str,
    values: Callable[[AnyApplication], Iterable[str]],
    kind: str,
    known: Collection[str],
) -> None:
    for item in applications:
        unknown = [value for value in values(item) if value not in known]
        if unknown:
            raise _clash(item.name, key, ", ".join(unknown), f"{kind}: {', '.join(known)}")


def _refuse_unknown_names(applications: Sequence[AnyApplication]) -> None:
    """Refuse an unknown application in `requires` or `flows`, and a requirement that is declared later."""
    names = {item.name for item in applications}
    earlier: list[str] = []
    for item in applications:
        for name in item.requires:
            if name not in earlier:
                allowed = f"applications before it in catalog.py: {', '.join(earlier) or 'it is the first'}"
                raise _clash(item.name, "requires", name, allowed)
        for flow in item.flows:
            if flow.source not in names:
                raise _clash(item.name, "flows", flow.source, f"an application: {', '.join(sorted(names))}")
        earlier.append(item.name)
