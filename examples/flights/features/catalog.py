"""Names: which table has which keys and features, without importing Feast (that takes seconds)."""

from __future__ import annotations

from pathlib import Path

import yaml

CATALOG = yaml.safe_load((Path(__file__).parent / "catalog.yaml").read_text())

SERVICE: str = CATALOG["service"]
"""Feature service a model trained here asks for."""

VIEW_KEYS: dict[str, list[str]] = {view: spec["keys"] for view, spec in CATALOG["views"].items()}
"""Join keys of each feature view."""

FEATURES: dict[str, dict[str, str]] = {view: spec["features"] for view, spec in CATALOG["views"].items()}
"""Features of each view, with what they mean, in the order the model takes them."""

KEYS: list[str] = list(dict.fromkeys(key for keys in VIEW_KEYS.values() for key in keys))
"""Every join key a request carries."""

FEATURE_NAMES: list[str] = [name for features in FEATURES.values() for name in features]
"""Every feature, in the order the model takes them."""
