"""Base class of settings sections, the types of their values, and the error of a rule between fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from components.kubernetes import quantities

if TYPE_CHECKING:
    from components.kubernetes.kube import Resources

Quantity = Annotated[str, StringConstraints(pattern=quantities.PATTERN)]
Cron = Annotated[str, StringConstraints(pattern=r"^\S+ \S+ \S+ \S+ \S+$")]
Instant = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$")]
Hostname = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")]


class Section(BaseModel):
    """A section of a stack's settings: unknown keys are refused, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Problem(NamedTuple):
    """A setting at fault: its key, its value, and what would be accepted, as a phrase."""

    key: str
    seen: object
    allowed: str


def refused(key: str, seen: object, allowed: str) -> PydanticCustomError:
    """Return the error of a rule between fields.

    Args:
        key: The setting at fault, below the section that checks the rule: `network.zones`.
        seen: Its value.
        allowed: What would be accepted, as a phrase.
    """
    return refused_together([Problem(key, seen, allowed)])


def refused_together(problems: Sequence[Problem]) -> PydanticCustomError:
    """Return one error for several settings; their keys are below the section that checks the rule."""
    told = "; ".join(f"{problem.key}: {problem.allowed}" for problem in problems)
    return PydanticCustomError("setting", "{told}", {"told": told, "problems": list(problems)})


class Size(Section):
    """Requests and limits of one container."""

    cpu: Quantity = Field(description="CPU request, for example 100m")
    memory: Quantity = Field(description="memory request, for example 256Mi")
    cpu_limit: Quantity = Field(description="CPU limit")
    memory_limit: Quantity = Field(description="memory limit")

    @model_validator(mode="after")
    def _requests_fit(self) -> Size:
        for name, request, limit in (
            ("cpu", self.cpu, self.cpu_limit),
            ("memory", self.memory, self.memory_limit),
        ):
            if quantities.value(request) > quantities.value(limit):
                raise ValueError(f"{name} of at most {name}_limit; {request} is more than {limit}")
        return self

    def resources(self) -> Resources:
        """Return the sizes as components take them."""
        from components.kubernetes.kube import Resources  # not at the top: settings load without Pulumi

        return Resources(cpu=self.cpu, memory=self.memory, cpu_limit=self.cpu_limit, memory_limit=self.memory_limit)
