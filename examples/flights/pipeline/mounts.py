"""Reads a step's settings and credentials from mounted files into environment variables.

The pipeline mounts files, because the keys of a Secret depend on the substrate: with workload identity there are no
access keys, and a variable from a missing key would prevent the start of the pod.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

SETTINGS = Path("/etc/platform/settings")
"""Mount path of ConfigMap `platform`."""

OBJECT_STORE = Path("/etc/platform/object-store")
"""Mount path of the optional Secret `object-store`."""

MLFLOW = Path("/etc/platform/mlflow")
"""Mount path of Secret `mlflow-client`."""

FEAST = Path("/etc/feast")
"""Mount path of Secret `feast-config` with `feature_store.yaml`."""

VARIABLES = (SETTINGS, OBJECT_STORE, MLFLOW)
"""Folders in which each file becomes a variable."""


def read(folders: tuple[Path, ...] = VARIABLES, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set a variable for every mounted file, unless the environment has the variable."""
    for folder in folders:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            # Kubernetes stores the versions of the files in hidden folders and links to them.
            if not file.name.startswith(".") and file.is_file():
                environ.setdefault(file.name, file.read_text().strip())
