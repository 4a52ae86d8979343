"""Reads a compiled pipeline, fills in its image, and checks arguments before a run is submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common.errors import UserError

PLACEHOLDER = "image.of/job:filled-at-submission"
"""Image of the steps in a committed pipeline; replaced at submission."""

KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "STRING": ("a string", (str,)),
    "NUMBER_INTEGER": ("a whole number", (int,)),
    "NUMBER_DOUBLE": ("a number", (int, float)),
    "BOOLEAN": ("true or false", (bool,)),
    "LIST": ("a list", (list,)),
    "STRUCT": ("a mapping", (dict,)),
}
"""Description and Python types of the values of each parameter type in the pipeline format."""


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        documents: The pipeline's specification, and its Kubernetes settings.
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
        """Names of the tasks in an order in which they can run."""
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
        """Return the pipeline with `image` in place of the placeholder."""
        return Package(tuple(yaml.safe_load_all(self.text().replace(PLACEHOLDER, image))))

    def text(self) -> str:
        """Return the pipeline as YAML for kfp."""
        return yaml.safe_dump_all(self.documents, sort_keys=True)

    @property
    def digest(self) -> str:
        """First 12 hex digits of the pipeline's SHA-256; the name of its version."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:12]

    def arguments(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return the arguments, converted to the types of the pipeline's parameters.

        Args:
            given: Values by parameter; a string for a parameter of another type is parsed as YAML.

        Raises:
            UserError: A parameter is unknown, or a value has the wrong type.
        """
        known = self.parameters
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise UserError(
                f"Pipeline {self.name} does not have this parameter.",
                seen=", ".join(unknown),
                allowed=", ".join(sorted(known)),
            )
        return {name: converted(name, value, known[name]["parameterType"]) for name, value in given.items()}


def converted(name: str, value: object, kind: str) -> object:
    """Return a value converted to parameter type `kind`.

    Raises:
        UserError: The value does not have that type.
    """
    phrase, types = KINDS[kind]
    read = value
    if isinstance(value, str) and kind != "STRING":
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = value
    if not isinstance(read, types) or (isinstance(read, bool) and bool not in types):
        raise UserError(f"Parameter {name} has the wrong type.", seen=repr(value), allowed=phrase)
    return read


def load(path: Path) -> Package:
    """Read a compiled pipeline.

    Raises:
        UserError: The file does not exist.
    """
    if not path.is_file():
        raise UserError("The compiled pipeline does not exist.", seen=path)
    return Package(tuple(yaml.safe_load_all(path.read_text())))
