"""Keys and features of each feature view, readable without importing Feast, which takes seconds."""

from __future__ import annotations

from pathlib import Path

import yaml

CATALOG = yaml.safe_load((Path(__file__).parent / "catalog.yaml").read_text())

SERVICE: str = CATALOG["service"]
"""Feature service of the workload's models."""

VIEW_KEYS: dict[str, list[str]] = {view: spec["keys"] for view, spec in CATALOG["views"].items()}
"""Join keys of each feature view."""

FEATURES: dict[str, dict[str, str]] = {view: spec["features"] for view, spec in CATALOG["views"].items()}
"""Features of each view with their descriptions, in the order of the model's inputs."""

KEYS: list[str] = list(dict.fromkeys(key for keys in VIEW_KEYS.values() for key in keys))
"""Join keys of a request."""

FEATURE_NAMES: list[str] = [name for features in FEATURES.values() for name in features]
"""All features, in the order of the model's inputs."""
