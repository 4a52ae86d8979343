"""Reads the settings of the predictor from environment variables and command-line options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from typing_extensions import override


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the predictor.

    Attributes:
        model_name: Name in the URLs; the name of the InferenceService.
        model_dir: MLflow model folder, to which the storage initializer downloads the model.
        model_version: Version reported in `X-Model-Version`; when None, taken from the model folder.
        feast_config: Feast's `feature_store.yaml`.
        feature_service: Feast feature service to read; when None, taken from the model's metadata.
        host: Address to listen on.
        port: TCP port to listen on.
        feature_timeout_ms: Timeout for reading the features of a request, connecting included.
        refresh_seconds: Pause between two refreshes of the plan from the registry.
        max_body_bytes: Maximum size of a request body.
        max_instances: Maximum number of instances in a request.
        max_concurrency: Maximum number of concurrent requests; further ones get 503.
        drain_seconds: Time after SIGTERM during which requests are answered although the server reports not ready.
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
"""Minimum and maximum of each number."""


class SettingsError(Exception):
    """A setting is unknown, has the wrong type, or is out of range; the text has its name, value and allowed values."""


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message)


def read(environ: Mapping[str, str], argv: Sequence[str] = ()) -> Settings:
    """Return the settings; an option has precedence over its variable.

    Args:
        environ: `MODEL_NAME`, `MODEL_DIR`...: the fields of `Settings` in capitals.
        argv: `--model-name=...`; underscores are accepted instead of dashes, as in KServe's runtimes.

    Raises:
        SettingsError: An option is unknown, or a value is not allowed.
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
            raise SettingsError(f"{field.upper()} is {value!r}; allowed: a whole number from {low} to {high}")
        return number
    return Path(value) if field in {"model_dir", "feast_config"} else value
