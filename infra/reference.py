"""Writes the reference of all settings from the model itself: `python -m infra.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.regions import regions
from infra.schema import Settings

PATH = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

HEAD = """# Settings

Every key of `stacks/Pulumi.<stack>.yaml`, generated from the model that checks them (`python -m infra.reference`).
Keys stand below `config:` with the prefix `mlplatform:`. An unknown key, a wrong type, a value out of range or a
combination that cannot work is refused before anything is touched, with the key, the value and what is allowed.
"""

LIMITS = {
    annotated_types.Ge: ("at least {}", "ge"),
    annotated_types.Gt: ("more than {}", "gt"),
    annotated_types.Le: ("at most {}", "le"),
    annotated_types.MinLen: ("at least {} of them", "min_length"),
    annotated_types.MaxLen: ("at most {} of them", "max_length"),
}


def models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    """Yield the sections that an annotation contains."""
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
    """Return a type as people write it in YAML."""
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
    """Return the range or pattern of a field."""
    found = []
    for item in field.metadata:
        if type(item) in LIMITS:
            phrase, attribute = LIMITS[type(item)]
            found.append(phrase.format(getattr(item, attribute)))
        elif isinstance(item, StringConstraints) and item.pattern:
            # A pipe would end the table's cell.
            found.append(f"`{str(item.pattern).replace('|', chr(92) + '|')}`")
    return ", ".join(found)


def default(field: FieldInfo) -> str:
    """Return the default of a field; empty when it must be set."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if value is None or value in ((), {}):
        return "none"
    return f"`{', '.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}`"


def rows(section: type[BaseModel]) -> list[str]:
    """Return the table of one section."""
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in section.model_fields.items():
        value = "; ".join(part for part in (type_name(field.annotation), limits(field)) if part)
        meaning = field.description or next((doc(model) for model in models(field.annotation)), "")
        lines.append(f"| `{name}` | {value} | {default(field)} | {meaning} |")
    return lines


def doc(section: type[BaseModel]) -> str:
    """Return what a section is, from its docstring."""
    text = (section.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def sections(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section with the path of its keys, outer ones first; `<name>` stands for a key of a map."""
    yield path, section
    for name, field in section.model_fields.items():
        below = f"{path}.{name}" if path else name
        for model in models(field.annotation):
            yield from sections(model, f"{below}.<name>" if get_origin(field.annotation) is dict else below)


def reference() -> str:
    """Return the whole reference, Markdown. Sections that occur more than once are described once."""
    blocks, places = [HEAD], dict[type[BaseModel], list[str]]()
    for path, section in sections(Settings):
        places.setdefault(section, []).append(path)
    for section, paths in places.items():
        title = ", ".join(f"`{path}`" for path in paths) if paths != [""] else "Top level"
        blocks.append("\n".join([f"## {title}", "", f"{(section.__doc__ or '').strip()}", "", *rows(section), ""]))
    offered = ["## Regions", "", "What `infra/regions.yaml` offers.", "", "| region | zones | GPU types |"]
    offered.append("| --- | --- | --- |")
    for name, region in regions().items():
        offered.append(f"| {name} | {', '.join(region.zones)} | {', '.join(region.gpus)} |")
    return "\n".join([*blocks, *offered, ""])


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
