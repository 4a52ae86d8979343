"""Reads the settings of the app from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.tracking.protection import names

PROTECTED = "MLPLATFORM_PROTECTED_ALIASES"
"""Aliases and stages that only promoters change, with commas between them."""

LOGINS = "MLPLATFORM_LOGINS"
"""Path of the file with the logins that should exist; see `services.tracking.logins`."""

MIB = 1 << 20

MAX_BODY = 64 * MIB
"""Largest body of a request that is not a file, in bytes: MLflow keeps such a body in memory, more than once."""

MAX_SPOOLED = 1024 * MIB
"""Largest file, in bytes, that the pages hand out: MLflow copies it to the pod's /tmp first."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the app.

    Attributes:
        protected: Aliases and stages that only promoters change, in lower case.
    """

    protected: frozenset[str]


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        KeyError: A variable is missing.
    """
    return Settings(protected=names(environment[PROTECTED]))
