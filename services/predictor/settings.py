"""Settings of the process: environment variables, each also a command-line option."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside.

    Attributes:
        model_name: Name in the URLs; the InferenceService's name.
        model_dir: MLflow model folder, where the storage initializer puts it.
        model_version: Version reported in `X-Model-Version`; from the model folder when None.
        feast_config: Feast's `feature_store.yaml`.
        feature_service: Feast feature service to read; from the model's metadata when None.
        host: Address to listen on.
        port: TCP port to listen on.
        feature_timeout_ms: Deadline for the features of one request, connecting included.
        refresh_seconds: Pause between two looks at the registry.
        max_body_bytes: Largest request body.
        max_instances: Most instances in one request.
        max_concurrency: Most requests in work at once; the next gets 503.
        drain_seconds: Time after SIGTERM during which requests are still answered while readiness is refused.
    """

    model_name: str = "model"
    model_dir: Path = Path("/mnt/models")
    model_version: str | None = None
    feast_config: Path = Path("/etc/feast/feature_store.yaml")
    feature_service: str | None = None
    host: str = "0.0.0.0"  # noqa: S104 -- a pod serves on its own address
    port: int = 8080
    feature_timeout_ms: int = 250
    refresh_seconds: int = 60
    max_body_bytes: int = 1 << 20
    max_instances: int = 256
    max_concurrency: int = 64
    drain_seconds: int = 5


LIMITS: Mapping[str, tuple[int, int]] = {
    "port": (1, 65535),
    "feature_timeout_ms": (1, 60_000),
    "refresh_seconds": (1, 86_400),
    "max_body_bytes": (1 << 10, 64 << 20),
    "max_instances": (1, 100_000),
    "max_concurrency": (1, 4096),
    "drain_seconds": (0, 300),
}
"""Lowest and highest value of each number."""


class SettingsError(Exception):
    """A setting is unknown, ill-typed or out of range; the text names it, its value and what is allowed."""


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def read(environ: Mapping[str, str], argv: Sequence[str] = ()) -> Settings:
    """Return the settings; an option wins over its variable.

    Args:
        environ: `MODEL_NAME`, `MODEL_DIR`... the fields of `Settings` in capitals.
        argv: `--model-name=...`; underscores are accepted for dashes, as in KServe's own runtimes.

    Raises:
        SettingsError: A value or option is not allowed.
    """
    parser = _Parser(prog="python -m services.predictor", allow_abbrev=False)
    for field in Settings.__dataclass_fields__:
        names = dict.fromkeys([f"--{field.replace('_', '-')}", f"--{field}"])
        parser.add_argument(*names, dest=field, default=None)
    options = vars(parser.parse_args(list(argv)))
    values: dict[str, str] = {}
    for field in Settings.__dataclass_fields__:
        value = options[field] if options[field] is not None else environ.get(field.upper())
        if value is not None and value != "":
            values[field] = value
    return Settings(**{field: _typed(field, value) for field, value in values.items()})  # type: ignore[arg-type]


def _typed(field: str, value: str) -> str | int | Path:
    if field in LIMITS:
        low, high = LIMITS[field]
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise SettingsError(f"{field.upper()} is {value!r}; allowed is a whole number from {low} to {high}")
        return number
    return Path(value) if field in {"model_dir", "feast_config"} else value
