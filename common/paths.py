"""Where things live: `.mlp/` for one checkout, the user's cache folder for what all checkouts share."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

WORK = ROOT / ".mlp"
"""Everything generated for this checkout; git-ignored, safe to delete while no cluster runs."""

VENV = WORK / "venv"
STATE = WORK / "state"
"""Pulumi's file backend of the `local` stack."""

UPSTREAM = WORK / "upstream"
"""Rendered upstream manifests: one folder a component."""

REPORTS = WORK / "reports"
LOGS = WORK / "logs"
CLUSTER = WORK / "cluster"
"""Data of the embedded cluster: keys, etcd, containerd, volumes, kubeconfig."""

KUBECONFIG = CLUSTER / "kubeconfig"


def cache() -> Path:
    """Return the folder of content-addressed, expensive artifacts: built tools, image layers, downloads."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mlplatform"
