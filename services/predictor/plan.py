"""The plan of a feature service: all that is needed to read its features for a request, without Feast."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from services.predictor.keys import ENCODERS, KeyType

Row = Sequence[str | int]
"""Join key values of one instance, in the order of `Plan.key_fields`."""

Value: TypeAlias = Any
"""A feature's value as Feast's SDK returns it: a number, a string, a bool, a datetime, a list... or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyField:
    """A join key that a request must have."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPlan:
    """How to read one feature view.

    Attributes:
        name: Name of the view in the service (its alias, if it has one).
        entities: Names of its entities.
        join_keys: Join keys as stored, sorted.
        request_fields: Field of the request for each join key; its name differs when a join key map is used.
        key_prefix: Constant start of the Redis key.
        key_suffix: Constant end of the Redis key: the project's name.
        positions: Index of each join key's value in a request row; the encoded value for a constant key.
        types: Type of each join key.
        features: Names of the features as returned.
        dtypes: Feast's name of each feature's type.
        fields: Hash fields to fetch: one per feature, then the event timestamp.
    """

    name: str
    entities: tuple[str, ...]
    join_keys: tuple[str, ...]
    request_fields: tuple[str, ...]
    key_prefix: bytes
    key_suffix: bytes
    positions: tuple[int | bytes, ...]
    types: tuple[KeyType, ...]
    features: tuple[str, ...]
    dtypes: tuple[str, ...]
    fields: tuple[bytes, ...]

    def redis_key(self, row: Row) -> bytes:
        """Return the key of the hash that holds `row`'s entity."""
        parts = [self.key_prefix]
        for position, kind in zip(self.positions, self.types, strict=True):
            parts.append(position if isinstance(position, bytes) else ENCODERS[kind](row[position]))
        parts.append(self.key_suffix)
        return b"".join(parts)

    def entity_key(self, row: Row) -> dict[str, str | int]:
        """Return the key values of `row` for this view, by the request's field names."""
        pairs = zip(self.request_fields, self.positions, strict=True)
        return {name: row[position] for name, position in pairs if isinstance(position, int)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A feature service, compiled for reading.

    Attributes:
        service: Name of the feature service.
        key_fields: Join keys that a request must have, sorted by name.
        views: Feature views in the service's order.
        decode: Converts a stored value to a Python value; None for a null.
        decode_timestamp: Converts a stored event timestamp to seconds since the epoch.
    """

    service: str
    key_fields: tuple[KeyField, ...]
    views: tuple[ViewPlan, ...]
    decode: Callable[[bytes], Value]
    decode_timestamp: Callable[[bytes], float]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all features, view by view: the order of values in a row."""
        return tuple(name for view in self.views for name in view.features)

    @property
    def dtypes(self) -> Mapping[str, str]:
        """Feast's type of each feature."""
        return {name: dtype for view in self.views for name, dtype in zip(view.features, view.dtypes, strict=True)}

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the service's content; see the function `fingerprint`."""
        return fingerprint(
            {view.name: (view.join_keys, dict(zip(view.features, view.dtypes, strict=True))) for view in self.views}
        )


def fingerprint(views: Mapping[str, tuple[Sequence[str], Mapping[str, str]]]) -> str:
    """Return the first 16 hex digits of the SHA-256 of a feature service's views, join keys, features and types.

    Args:
        views: For each feature view its join keys and the type name of each of its features.
    """
    content = {name: [sorted(keys), dict(sorted(types.items()))] for name, (keys, types) in views.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


NUMERIC_DTYPES = frozenset({"Int32", "Int64", "Float32", "Float64", "Bool"})
"""Feast types that a model with numeric inputs accepts."""


def mismatches(plan: Plan, columns: Sequence[str], *, numeric: bool, trained_on: str | None) -> list[str]:
    """Return why `plan` cannot feed a model; empty when it can.

    Args:
        plan: The current plan of the feature service.
        columns: The model's input columns.
        numeric: Whether the model only accepts numbers.
        trained_on: Fingerprint of the feature service at training time, if recorded.
    """
    dtypes = plan.dtypes
    reasons = []
    absent = [column for column in columns if column not in dtypes]
    if absent:
        reasons.append(f"feature service {plan.service} no longer has the model's inputs {', '.join(absent)}")
    if numeric:
        wrong = [f"{name} ({dtypes[name]})" for name in columns if dtypes.get(name, "Int64") not in NUMERIC_DTYPES]
        if wrong:
            reasons.append(f"the model only accepts numbers, but feature service {plan.service} has {', '.join(wrong)}")
    if trained_on is not None and trained_on != plan.fingerprint:
        reasons.append(
            f"feature service {plan.service} has fingerprint {plan.fingerprint}, the model was trained on {trained_on}"
        )
    return reasons
