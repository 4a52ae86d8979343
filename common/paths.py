"""Paths of generated files: `.mlp/` belongs to one checkout, the user's cache folder is shared by all checkouts."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Root folder of the checkout."""

WORK = ROOT / ".mlp"
"""All generated files of this checkout; ignored by git, safe to delete while no cluster runs."""

VENV = WORK / "venv"
STATE = WORK / "state"
"""Pulumi's file backend for the `local` stack."""

UPSTREAM = WORK / "upstream"
"""Rendered upstream manifests, one folder for each component."""

REPORTS = WORK / "reports"
LOGS = WORK / "logs"
CLUSTER = WORK / "cluster"
"""Data of the embedded cluster: keys, etcd, containerd, volumes, kubeconfig."""

KUBECONFIG = CLUSTER / "kubeconfig"


def cache() -> Path:
    """Return the cache folder: built tools, image layers and downloads, named by their content."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mlplatform"
