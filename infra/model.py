"""Base of every section of settings, and how a rule between fields refuses a value."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def refused(key: str, seen: object, allowed: str) -> PydanticCustomError:
    """Return the error of a rule between fields.

    Args:
        key: The setting at fault, below the section that checks the rule: `network.zones`.
        seen: Its value.
        allowed: What would be accepted, as a phrase.
    """
    return PydanticCustomError("setting", "{allowed}", {"key": key, "seen": str(seen), "allowed": allowed})
