"""Steps `apply`, `materialize` and `verify`: register definitions in Feast, fill and check the online store."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.flights.bucket import Folder
from examples.flights.environment import Environment
from examples.flights.features.catalog import FEATURES, KEYS, SERVICE, VIEW_KEYS

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore

log = logging.getLogger("flights.registry")

MATERIALIZED = "materialized.json"
PROBES = 16
"""Number of keys that are read to check whether the online store still has the materialized rows."""

REGISTERED = "registered feature service: "
"""Text before the fingerprint in the log of step `feature-service`."""


class FeatureServiceError(Exception):
    """Code, model and registry have different versions of the feature service; the text names the versions."""


def open_store(environment: Environment) -> FeatureStore:
    """Return the platform's feature store.

    Raises:
        FileNotFoundError: Feast's configuration does not exist.
    """
    from feast import FeatureStore

    if not environment.feast_config.is_file():
        raise FileNotFoundError(f"Feast's configuration {environment.feast_config} does not exist; set FEAST_CONFIG")
    return FeatureStore(fs_yaml_file=environment.feast_config)


def fingerprint(store: FeatureStore, service: str = SERVICE) -> str:
    """Return the fingerprint of a registered feature service: of its views, keys and features, in any environment.

    The predictor computes the same fingerprint and refuses a model with another one.
    """
    from services.predictor.plan import fingerprint as of_views

    views: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}
    for projection in store.get_feature_service(service).feature_view_projections:
        view = store.get_feature_view(projection.name)
        keys = [column.name for column in view.entity_columns]
        views[projection.name_to_use()] = (keys, {field.name: str(field.dtype) for field in projection.features})
    return of_views(views)


def fingerprint_of_code() -> str:
    """Return the fingerprint of the feature service as this code defines it."""
    from examples.flights.dataset import local_store

    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        return fingerprint(local_store(Path(folder)))


def checked_fingerprint(store: FeatureStore) -> str:
    """Return the fingerprint of the registered feature service after comparing it with this code's definitions.

    Raises:
        FeatureServiceError: The fingerprints differ, so training and serving would use different features.
    """
    registered, here = fingerprint(store), fingerprint_of_code()
    if registered != here:
        raise FeatureServiceError(
            f"feature service {SERVICE} is registered as version {registered}, this code defines version {here}; run "
            f"`mlp workload run flights` to register version {here}, or use the image that registered {registered}"
        )
    return registered


def apply(environment: Environment, store: FeatureStore) -> str:
    """Register entities, feature views and the feature service; return the service's fingerprint."""
    from examples.flights.features.definitions import repository

    store.apply(repository(environment.features_address, environment.endpoint))
    store.refresh_registry()
    mark = fingerprint(store)
    log.info("feature service %s is registered (%s)", SERVICE, mark)
    return mark


def newest(tables: Mapping[str, pd.DataFrame], keys: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the newest value of every feature for each row of keys; None where there is no value."""
    rows = keys.copy()
    for view, features in FEATURES.items():
        ordered = tables[view].sort_values("event_timestamp")
        last = ordered.drop_duplicates(VIEW_KEYS[view], keep="last")
        rows = rows.merge(last[[*VIEW_KEYS[view], *features]], on=VIEW_KEYS[view], how="left")
    return [
        {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in rows.to_dict("records")
    ]


def online(store: FeatureStore, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return keys and features of each entity row from the online store; None where it has no value."""
    rows = [{key: row[key] for key in KEYS} for row in keys]
    answer = store.get_online_features(features=store.get_feature_service(SERVICE), entity_rows=rows).to_dict()
    return [{name: values[place] for name, values in answer.items()} for place in range(len(rows))]


def equal(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Tell whether two rows are exactly equal in every key and feature; None equals NaN."""
    names = [*KEYS, *(name for features in FEATURES.values() for name in features)]
    return all(equal_values(left.get(name), right.get(name)) for name in names)


def equal_values(left: object, right: object) -> bool:
    """Tell whether two values are exactly equal; None equals NaN."""
    absent = [value is None or (isinstance(value, float) and math.isnan(value)) for value in (left, right)]
    return all(absent) or (not any(absent) and left == right)


def read_tables(folder: Folder) -> dict[str, pd.DataFrame]:
    """Return the feature tables of the features bucket."""
    import pandas as pd

    return {view: pd.read_parquet(io.BytesIO(folder.read(f"{view}.parquet"))) for view in FEATURES}


def materialize(environment: Environment, store: FeatureStore, manifest: Mapping[str, Any]) -> None:
    """Write the snapshot to the online store unless it has it already; compare a sample afterwards.

    Args:
        environment: Bucket of the tables.
        store: The platform's feature store.
        manifest: Manifest of the feature tables.

    Raises:
        RuntimeError: The online store returns other values than were materialized.
    """
    import pandas as pd

    folder = environment.features
    mark = {"digest": manifest["digest"], "fingerprint": fingerprint(store), "project": store.project}
    done = folder.manifest(MATERIALIZED)
    if {name: done.get(name) for name in mark} == mark and _has(store, done["probes"]):
        log.info("the online store already has the snapshot of %s", manifest["as_of"])
        return
    tables = read_tables(folder)
    first = min(table["event_timestamp"].min() for table in tables.values()).to_pydatetime()
    end = datetime.fromisoformat(manifest["as_of"])
    for view in FEATURES:
        with contextlib.redirect_stdout(io.StringIO()):  # Feast prints a banner for each view
            store.materialize(first - timedelta(days=1), end, feature_views=[view])
        log.info("materialized %s up to %s", view, manifest["as_of"])
    labels = pd.read_parquet(io.BytesIO(folder.read("labels.parquet")), columns=["flight_id", *KEYS])
    keys = labels.drop_duplicates(KEYS).sample(PROBES, random_state=0)[KEYS]
    probes = newest(tables, keys)
    wrong = [row for row, found in zip(probes, online(store, probes), strict=True) if not equal(row, found)]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(probes)} keys differ online after materializing: {wrong[0]}")
    folder.write_manifest({**mark, "as_of": manifest["as_of"], "probes": probes}, MATERIALIZED)


def _has(store: FeatureStore, probes: Sequence[Mapping[str, Any]]) -> bool:
    return all(equal(row, found) for row, found in zip(probes, online(store, probes), strict=True))


def verify(environment: Environment, store: FeatureStore, manifest: Mapping[str, Any], *, rows: int = 500) -> int:
    """Compare the online store with Feast's historical join at the time of the snapshot; values must be exactly equal.

    Args:
        environment: Bucket of the tables.
        store: The platform's feature store.
        manifest: Manifest of the feature tables.
        rows: Largest number of keys to compare.

    Returns:
        Number of keys compared.

    Raises:
        RuntimeError: A value differs; the text shows the first key with a difference.
    """
    import pandas as pd

    from examples.flights import dataset

    folder = environment.features
    labels = pd.read_parquet(io.BytesIO(folder.read("labels.parquet")), columns=["flight_id", *KEYS])
    keys = labels.drop_duplicates(KEYS)
    keys = keys.sample(min(rows, len(keys)), random_state=1)
    entities = keys.assign(event_timestamp=pd.Timestamp(manifest["as_of"]).tz_convert("UTC"))
    offline = [
        {str(name): value for name, value in row.items()}
        for row in dataset.join(entities, read_tables(folder)).to_dict("records")
    ]
    found = online(store, offline)
    wrong = [(there, here) for there, here in zip(offline, found, strict=True) if not equal(there, here)]
    if wrong:
        there, here = wrong[0]
        names = [name for name in there if name in here and not equal_values(there[name], here[name])]
        shown = ", ".join(f"{name} ({here[name]} online, {there[name]} offline)" for name in names)
        keys = [here[key] for key in KEYS]
        raise RuntimeError(f"{len(wrong)} of {len(offline)} keys differ online from offline; first {keys}, in {shown}")
    log.info("%d keys are exactly equal online and offline at %s", len(offline), manifest["as_of"])
    return len(offline)
