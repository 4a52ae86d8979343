"""Refuses provider plugins on PATH whose major version differs from that of the program's packages."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from common import paths
from common.errors import UserError

IGNORE = "PULUMI_IGNORE_AMBIENT_PLUGINS"
"""Variable that makes the engine ignore plugins on PATH."""

NAMES = ("aws", "kubernetes", "random")
"""Providers that the program uses."""

ANSWER_SECONDS = 30.0

NO_ENGINE = "127.0.0.1:1"
"""Placeholder for the engine's address; a plugin only connects to the engine when it logs a message."""


def refuse_foreign(environ: Mapping[str, str]) -> None:
    """Refuse plugins on PATH with another major version, unless the engine ignores plugins on PATH.

    Args:
        environ: The engine's environment.

    Raises:
        UserError: There is such a plugin; shows its path and version.
    """
    if environ.get(IGNORE, "").lower() in {"1", "true"}:
        return
    for name in NAMES:
        found = _on_path(name, environ.get("PATH", ""))
        if found is None:
            continue
        wanted, seen = version(f"pulumi-{name}"), reported_version(found, environ)
        if seen.lstrip("v").split(".")[0] != wanted.split(".")[0]:
            raise UserError(
                f"A plugin on PATH has another major version than the program's pulumi-{name}.",
                seen=f"{found}: {seen}",
                allowed=f"{wanted.split('.')[0]}.x, as pulumi-{name} {wanted}",
                next_step=f"remove it from PATH, or make Pulumi ignore plugins on PATH: export {IGNORE}=true",
            )


def reported_version(executable: Path, environ: Mapping[str, str]) -> str:
    """Start a plugin and return the version that it reports, or why it reports none."""
    with subprocess.Popen(
        [str(executable), NO_ENGINE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(environ)
    ) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port.isdigit():
                return "does not start"
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                return stub.GetPluginInfo(empty_pb2.Empty(), timeout=ANSWER_SECONDS).version or "no version"
        except grpc.RpcError as error:
            return f"no response: {error}"
        finally:
            process.kill()


def _on_path(name: str, folders: str) -> Path | None:
    for folder in filter(None, folders.split(os.pathsep)):
        candidate = Path(folder) / f"pulumi-resource-{name}"
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return None if candidate.resolve().is_relative_to(paths.ROOT) else candidate
    return None
