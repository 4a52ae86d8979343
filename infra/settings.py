"""Reads a stack's settings, from Pulumi's configuration or from the stack file, into one checked model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common import paths
from common.errors import UserError
from components.applications.catalog import APPLICATIONS
from components.applications.checks import refuse_clashes
from components.section import Problem
from infra.schema import SETTINGS, Settings, section_problems

NAMESPACE = "mlplatform"
"""Namespace of the keys. It is the project's name, so Pulumi accepts keys without it too."""

ENGINE_KEYS = {"config", "environment", "encryptionsalt", "encryptedkey", "secretsprovider"}
"""Top-level keys that Pulumi knows in a stack file."""

PLAIN = {
    "dict_type": "a mapping of keys to values",
    "ip_v4_network": "an IPv4 network by its first address, such as 10.20.0.0/16",
    "model_type": "a mapping of keys to values",
}
"""Allowed values by kind of error, where pydantic's own message names types of Python."""


def stack_file(stack: str) -> Path:
    """Return the path of the stack file of `stack`.

    Raises:
        UserError: The stack does not exist.
    """
    path = paths.ROOT / "stacks" / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(p.name.split(".")[1] for p in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"))
        raise UserError(
            "The stack does not exist.",
            seen=stack,
            allowed=", ".join(known),
            next_step=f"add stacks/Pulumi.{stack}.yaml, or choose one with --stack",
        )
    return path


def parse(values: Mapping[str, Any], *, stack: str) -> Settings:
    """Check the values of one stack.

    Args:
        values: Setting by key, without the namespace.
        stack: Name of the stack, for messages and the file that they point to.

    Raises:
        UserError: Names every setting that is wrong, what was seen and what is allowed; or the description of an
            application that clashes with another.
    """
    refuse_clashes(APPLICATIONS)
    try:
        return SETTINGS.model_validate(dict(values))
    except ValidationError as error:
        problems = [found for item in error.errors(include_url=False) for found in describe(item)]
    # Rules between fields are checked only after the fields, but a missing section belongs into the same message.
    named = {problem.key for problem in problems}
    sections = [item._replace(key=f"{NAMESPACE}:{item.key}") for item in section_problems(values)]
    problems += [item for item in sections if item.key not in named]
    edit = f"edit stacks/Pulumi.{stack}.yaml, then run the command again"
    if len(problems) == 1:
        key, seen, allowed = problems[0]
        raise UserError(f"Setting {key} of stack {stack} is invalid.", seen=seen, allowed=allowed, next_step=edit)
    lines = [f"{key}: {seen} (allowed: {allowed})" for key, seen, allowed in problems]
    raise UserError(
        f"{len(lines)} settings of stack {stack} are invalid.", seen="\n           ".join(lines), next_step=edit
    )


def describe(error: ErrorDetails) -> list[Problem]:
    """Return the settings that one error of pydantic is about."""
    location = error["loc"]
    key = f"{NAMESPACE}:{'.'.join(str(part) for part in location)}" if location else NAMESPACE
    kind, message = error["type"], error["msg"]
    seen = repr(error["input"])
    if kind == "setting":
        prefix = f"{key}." if location else f"{key}:"
        return [problem._replace(key=f"{prefix}{problem.key}") for problem in error["ctx"]["problems"]]
    if kind == "extra_forbidden":
        return [Problem(key, f"{seen}, an unknown key", ", ".join(known_keys(location[:-1])))]
    if kind == "missing":
        return [Problem(key, "nothing", "a value; the setting has no default")]
    if kind == "value_error":
        return [Problem(key, shortened(seen), message.removeprefix("Value error, "))]
    if kind in PLAIN:
        return [Problem(key, shortened(seen), PLAIN[kind])]
    allowed = re.sub(r"^(Input|String|Value) should ", "", message).removeprefix("be ")
    return [Problem(key, shortened(seen), allowed)]


def shortened(text: str, limit: int = 120) -> str:
    """Return the text, cut to `limit` characters."""
    return text if len(text) <= limit else f"{text[:limit]}..."


def known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at `location`; its parts are keys of sections and maps, and places in lists."""
    section: type[BaseModel] = SETTINGS
    values: Any = None
    for part in location:
        # A field that is a map or a list takes two parts; the second one leads to its values.
        annotation = section.model_fields[str(part)].annotation if values is None else values
        options = [annotation, *get_args(annotation)]
        found = next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), None)
        inside = values is not None or get_origin(annotation) not in (dict, tuple)
        section, values = (found or section), (None if inside else annotation)
    return sorted(section.model_fields)


def load_stack(path: Path) -> Settings:
    """Check a stack file without Pulumi, before anything changes.

    Args:
        path: `stacks/Pulumi.<stack>.yaml`.

    Raises:
        UserError: The file is not YAML, has keys that Pulumi does not know, or a setting is invalid.
    """
    stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML.", seen=" ".join(str(error).split()), allowed="YAML") from None
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise UserError(f"{path} has no settings.", seen=type(content).__name__, allowed="a mapping `config`")
    unknown = sorted(set(content) - ENGINE_KEYS)
    if unknown:
        raise UserError(
            f"{path} has a key that Pulumi does not know.",
            seen=", ".join(unknown),
            allowed=", ".join(sorted(ENGINE_KEYS)),
        )
    return parse(own_values(content["config"]), stack=stack)


def own_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in the platform's namespace, without the namespace; ignore keys of providers (`aws:region`)."""
    values: dict[str, Any] = {}
    for key, value in config.items():
        namespace, _, name = key.rpartition(":")
        if namespace in {"", NAMESPACE}:
            values[name] = value
    return values


def from_pulumi() -> Settings:
    """Check the values of the running stack.

    Raises:
        UserError: A setting is invalid.
    """
    import pulumi

    config = pulumi.Config(NAMESPACE)
    present: dict[str, Any] = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    values = {name: decoded(config.require(name)) for name in own_values(present)}
    return parse(values, stack=pulumi.get_stack())


def decoded(text: str) -> object:
    """Return a value in its original type: the engine passes structures as JSON and scalars as text."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
