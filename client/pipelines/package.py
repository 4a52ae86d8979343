"""A compiled pipeline: its image filled in, its arguments checked before anything is submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError

PLACEHOLDER = "image.of/job:filled-at-submission"
"""Image of a committed pipeline's steps, until it is submitted."""

KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "STRING": ("a text", (str,)),
    "NUMBER_INTEGER": ("a whole number", (int,)),
    "NUMBER_DOUBLE": ("a number", (int, float)),
    "BOOLEAN": ("true or false", (bool,)),
    "LIST": ("a list", (list,)),
    "STRUCT": ("a mapping", (dict,)),
}
"""What each parameter type of the pipeline format takes."""


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        documents: The pipeline's specification, and what it asks of Kubernetes.
    """

    documents: tuple[dict[str, Any], ...]

    @property
    def spec(self) -> dict[str, Any]:
        """The pipeline's specification."""
        return self.documents[0]

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Type, default and description of every parameter."""
        return self.spec["root"].get("inputDefinitions", {}).get("parameters", {})

    @property
    def steps(self) -> list[str]:
        """The tasks in an order in which they can run."""
        waiting = {
            name: set(task.get("dependentTasks", [])) for name, task in self.spec["root"]["dag"]["tasks"].items()
        }
        ordered: list[str] = []
        while waiting:
            free = sorted(name for name, after in waiting.items() if after <= set(ordered))
            ordered += free
            waiting = {name: after for name, after in waiting.items() if name not in free}
        return ordered

    def with_image(self, image: str) -> Package:
        """Return the pipeline with `image` wherever the placeholder stands."""
        return Package(tuple(yaml.safe_load_all(self.text().replace(PLACEHOLDER, image))))

    def text(self) -> str:
        """Return the pipeline as kfp reads it."""
        return yaml.safe_dump_all(self.documents, sort_keys=True)

    @property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of the pipeline: the name of its version."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:12]

    def arguments(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return the arguments, typed as the pipeline wants them.

        Args:
            given: Values by parameter; texts are read as YAML where the parameter is no text.

        Raises:
            UserError: A parameter is unknown, a value is of the wrong type.
        """
        known = self.parameters
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise UserError(
                f"pipeline {self.name} has no such parameter", seen=", ".join(unknown), allowed=", ".join(sorted(known))
            )
        return {name: typed(name, value, known[name]["parameterType"]) for name, value in given.items()}


def typed(name: str, value: object, kind: str) -> object:
    """Return a value as a parameter of type `kind` takes it.

    Raises:
        UserError: It is no such value.
    """
    phrase, types = KINDS[kind]
    read = value
    if isinstance(value, str) and kind != "STRING":
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = value
    if not isinstance(read, types) or (isinstance(read, bool) and bool not in types):
        raise UserError(f"parameter {name} is of the wrong type", seen=repr(value), allowed=phrase)
    return read


def load(path: Path) -> Package:
    """Read a compiled pipeline.

    Raises:
        UserError: There is none.
    """
    if not path.is_file():
        raise UserError("there is no such compiled pipeline", seen=path)
    return Package(tuple(yaml.safe_load_all(path.read_text())))
