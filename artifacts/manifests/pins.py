"""Reads pins.yaml (upstream versions, edited by people) and lock.yaml (digests, written by `mlp vendor`)."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import UserError

FOLDER = Path(__file__).resolve().parent
PINS = FOLDER / "pins.yaml"
LOCK = FOLDER / "lock.yaml"

LOCK_HEADER = """\
# Digests of the components in pins.yaml, written by `mlp vendor --update-pins`.
#   module     Go's checksum of the module's zip, as in go.sum
#   pin        sha256 of the component's entry in pins.yaml and the Kubernetes version
#   crds, manifests   sha256 of the rendered files
"""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Frozen):
    """One folder of a module and how it is rendered; pins.yaml describes the fields."""

    files: str | None = None
    chart: str | None = None
    kustomize: str | None = None
    keep: Literal["crds", "objects"] | None = None
    release: str = "upstream"
    values: dict[str, Any] = Field(default_factory=dict)
    values_template: str | None = None
    placeholders: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(path is not None for path in (self.files, self.chart, self.kustomize)) != 1:
            raise ValueError("exactly one of files, chart and kustomize must be given")
        return self

    @property
    def path(self) -> str:
        """Path inside the module, without a leading slash."""
        return self.files or self.chart or self.kustomize or ""


class Component(_Frozen):
    """One upstream component."""

    version: str
    module: str
    module_version: str | None = None
    namespace: str = "default"
    sources: tuple[Source, ...]

    @property
    def go_version(self) -> str:
        """Version of the Go module, with a leading v."""
        return self.module_version or f"v{self.version}"


class Pins(_Frozen):
    """The content of pins.yaml."""

    kubernetes: str
    components: dict[str, Component]

    def component(self, name: str) -> Component:
        """Return the component called `name`.

        Raises:
            UserError: pins.yaml has no such component.
        """
        try:
            return self.components[name]
        except KeyError:
            raise UserError(
                "There is no such upstream component.", seen=name, allowed=", ".join(sorted(self.components))
            ) from None

    def digest(self, name: str) -> str:
        """Return the sha256 of the entries in pins.yaml that determine how `name` is rendered."""
        entry = {"kubernetes": self.kubernetes, **self.component(name).model_dump(mode="json")}
        return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


class Digests(_Frozen):
    """The entry of one component in lock.yaml."""

    module: str
    pin: str
    crds: str
    manifests: str


def parse_pins(text: str, *, source: str = "artifacts/manifests/pins.yaml") -> Pins:
    """Parse the text of pins.yaml.

    Raises:
        UserError: A key is unknown, a value has the wrong type, or a field is missing.
    """
    try:
        return Pins.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{source}: {where}: {first['msg']}", seen=first.get("input")) from None


@functools.cache
def pins() -> Pins:
    """Return the pins of this checkout."""
    return parse_pins(PINS.read_text())


def read_lock(path: Path = LOCK) -> dict[str, Digests]:
    """Return the digests by component; empty when the file does not exist."""
    if not path.exists():
        return {}
    return {name: Digests(**entry) for name, entry in (yaml.safe_load(path.read_text()) or {}).items()}


def write_lock(digests: dict[str, Digests], path: Path = LOCK) -> None:
    """Write `digests` to `path`, sorted by component."""
    body = yaml.safe_dump({name: digests[name].model_dump() for name in sorted(digests)}, sort_keys=False, width=200)
    path.write_text(LOCK_HEADER + body)
