"""Generates the reference of settings and a page for each application: `python -m infra.pages`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from common.paths import ROOT
from components.applications.catalog import APPLICATIONS
from components.applications.description import AnyApplication
from components.substrates.requests import Grant
from components.teams.team import TeamGrant
from infra.aws.regions import regions
from infra.schema import Settings

DOCS = ROOT / "docs"
APPLICATIONS_FOLDER = ROOT / "components" / "applications"

HEAD = """# Settings

Every key of `stacks/Pulumi.<stack>.yaml`, generated from the model that checks it (`python -m infra.pages`).
Keys are below `config:` and have the prefix `mlplatform:`. Before anything changes, the model refuses an unknown key,
a wrong type, a value out of range and a combination that cannot work. The message names the key, the value and what is
allowed. The section of an application is on its own page in [applications](applications/).
"""

LIMITS = {
    annotated_types.Ge: ("at least {}", "ge"),
    annotated_types.Gt: ("more than {}", "gt"),
    annotated_types.Le: ("at most {}", "le"),
    annotated_types.MinLen: ("at least {} of them", "min_length"),
    annotated_types.MaxLen: ("at most {} of them", "max_length"),
}


def models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    """Yield the settings sections in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


NAMES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "IPv4Network": "CIDR",
    "IPv4Address": "IPv4 address",
}


def type_name(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    """Return the name of a type as users write its values in YAML."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        name = " or ".join(f"`{part}`" for part in parts)
    elif origin in (Union, UnionType):
        name = " or ".join(type_name(part) for part in parts if part is not type(None))
    elif origin in (tuple, dict):
        name = f"list of {type_name(parts[0])}" if origin is tuple else f"map of {type_name(parts[1])}"
    elif parts:
        name = type_name(parts[0])
    elif issubclass(annotation, BaseModel):
        name = "section"
    else:
        name = NAMES.get(annotation.__name__, annotation.__name__)
    return name


def limits(field: FieldInfo) -> str:
    """Return the allowed range or pattern of a field."""
    found = []
    for item in field.metadata:
        if type(item) in LIMITS:
            phrase, attribute = LIMITS[type(item)]
            found.append(phrase.format(getattr(item, attribute)))
        elif isinstance(item, StringConstraints) and item.pattern:
            # A pipe would end the table cell.
            found.append(f"`{str(item.pattern).replace('|', chr(92) + '|')}`")
    return ", ".join(found)


def default(field: FieldInfo) -> str:
    """Return the default of a field; empty if it must be set."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None or value in ((), {}):
        return "none"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}`"


def rows(section: type[BaseModel]) -> list[str]:
    """Return the Markdown table of one section."""
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in section.model_fields.items():
        value = "; ".join(part for part in (type_name(field.annotation), limits(field)) if part)
        meaning = field.description or next((doc(model) for model in models(field.annotation)), "")
        lines.append(f"| `{name}` | {value} | {default(field)} | {meaning} |")
    return lines


def doc(section: type[BaseModel]) -> str:
    """Return the first line of a section's docstring, in lower case at its start."""
    text = (section.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def sections(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section with the path of its keys, outer sections first; `<name>` stands for a key of a map."""
    yield path, section
    for name, field in section.model_fields.items():
        below = f"{path}.{name}" if path else name
        for model in models(field.annotation):
            yield from sections(model, f"{below}.<name>" if get_origin(field.annotation) is dict else below)


def tables(found: Iterable[tuple[str, type[BaseModel]]], level: str = "##") -> list[str]:
    """Return a Markdown table for each section. A section that occurs more than once gets one table.

    Args:
        found: Path and model of each section.
        level: Markdown mark of the headings.
    """
    places: dict[type[BaseModel], list[str]] = {}
    for path, section in found:
        places.setdefault(section, []).append(path)
    blocks = []
    for section, paths in places.items():
        title = ", ".join(f"`{path}`" for path in paths) if paths != [""] else "Top level"
        blocks.append("\n".join([f"{level} {title}", "", (section.__doc__ or "").strip(), "", *rows(section), ""]))
    return blocks


def settings_reference() -> str:
    """Return the reference of all settings except those of the applications, as Markdown."""
    offered = ["## Regions", "", "What `infra/aws/regions.yaml` offers.", "", "| region | zones | GPU types |"]
    offered.append("| --- | --- | --- |")
    for name, region in regions().items():
        offered.append(f"| {name} | {', '.join(region.zones)} | {', '.join(region.gpus)} |")
    return "\n".join([HEAD, *tables(sections(Settings)), *offered, ""])


def listed(values: Iterable[str]) -> str:
    """Return values as a table cell."""
    return ", ".join(f"`{value}`" for value in values) or "none"


def rights(grant: Grant | TeamGrant) -> str:
    """Return what a grant allows, in words."""
    verbs = (("reads and writes", grant.read_write), ("reads", grant.read_only))
    return "; ".join(f"{verb} {listed(purposes)}" for verb, purposes in verbs if purposes)


def facts(item: AnyApplication) -> list[str]:
    """Return the table of an application's description."""
    grants = [f"`{grant.namespace}/{grant.service_account}`: {rights(grant)}" for grant in item.grants]
    of_teams = [f"`{grant.identity}`: {rights(grant)}" for grant in item.team_grants]
    routes = [f"`{route.path}` ({PROTECTION[route.protection]})" for route in item.routes]
    entries = {
        "namespace": f"`{item.namespace}`",
        "requires": listed(item.requires),
        "addresses": ", ".join(
            f"`{address.path or '/'}` (health: "
            + (f"`{address.path}{address.health}`)" if address.health else "any answer below 500)")
            for address in item.addresses.values()
        )
        or "none",
        "routes": ", ".join(routes) or "none",
        "images": listed(item.images),
        "upstream manifests": listed(item.manifests),
        "Postgres databases": listed(item.postgres),
        "MySQL databases": listed(item.mysql.values()),
        "buckets": ", ".join(grants) or "none",
        "credentials": listed(f"Secret {item.namespace}/{secret}" for secret in item.credentials.values()),
        "buckets of each team": ", ".join(of_teams) or "none",
        "credentials of each team": listed(f"Secret {secret}" for secret in item.team_credentials.values()),
        "objects of users": listed(f"{kind.plural}.{kind.group}" for kind in item.user_objects),
        "smoke checks": listed(item.checks),
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in entries.items())]


PROTECTION = {
    "login": "the application's own login",
    "token": "a token, which the Gateway checks",
    "open": "no login",
}
"""Protection of a route, in words."""


def page(item: AnyApplication) -> str:
    """Return the page of an application: guide, description and settings."""
    guide = APPLICATIONS_FOLDER / item.name / "guide.md"
    own = [(path, section) for path, section in sections(item.settings, item.name)]
    parts = [
        f"# {item.name}",
        "",
        f"{item.title}.",
        "",
        guide.read_text(encoding="utf-8").strip(),
        "",
        "## Description",
        "",
        f"From `components/applications/{item.name}/description.py`.",
        "",
        *facts(item),
        "",
        "## Settings",
        "",
        *tables(own, "###"),
    ]
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    return {
        DOCS / "settings.md": settings_reference(),
        **{DOCS / "applications" / f"{item.name}.md": page(item) for item in APPLICATIONS},
    }


def write() -> None:
    """Write every generated page."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
