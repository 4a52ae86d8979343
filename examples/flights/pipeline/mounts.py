"""What a step's pod finds mounted, as files: addresses, names and credentials.

Files rather than variables, because which keys a Secret has depends on the substrate: with workload identity there
are no access keys, and a variable taken from a key that is not there would keep the pod from starting.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

SETTINGS = Path("/etc/platform/settings")
"""ConfigMap `platform`."""

OBJECT_STORE = Path("/etc/platform/object-store")
"""Secret `object-store`; optional."""

MLFLOW = Path("/etc/platform/mlflow")
"""Secret `mlflow-client`."""

FEAST = Path("/etc/feast")
"""Secret `feast-config`: `feature_store.yaml`."""

VARIABLES = (SETTINGS, OBJECT_STORE, MLFLOW)
"""Folders of which each file is a variable."""


def read(folders: tuple[Path, ...] = VARIABLES, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set a variable for every mounted file, unless the environment has it already."""
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            # Kubernetes keeps the files' versions in hidden folders beside the links to them.
            if not file.name.startswith(".") and file.is_file():
                environ.setdefault(file.name, file.read_text().strip())
