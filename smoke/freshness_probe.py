"""Measures how far the online store is behind the offline store; prints one line of JSON. Runs inside the cluster.

For every feature view of a feature service, reads the newest offline row of a sample of entities, and compares its
timestamp with the event timestamp that the online store returns for the same entity.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore, FeatureView

SAMPLE = 200
"""Entities compared in each feature view; a failed materialization affects far more than one entity in 200."""

NEVER = datetime.fromtimestamp(0, UTC)


def latest_offline(view: FeatureView, keys: list[str], endpoint: str | None) -> pd.DataFrame:
    """Return the newest event timestamp of each entity in the view's source: key columns plus `newest` (UTC)."""
    import fsspec
    import pandas as pd

    source = view.batch_source
    options = {"client_kwargs": {"endpoint_url": endpoint}} if endpoint else {}
    stamp = source.timestamp_field
    filesystem, path = fsspec.core.url_to_fs(source.path, **(options if source.path.startswith("s3://") else {}))
    rows = pd.read_parquet(path, columns=[*keys, stamp], filesystem=filesystem)
    rows[stamp] = pd.to_datetime(rows[stamp], utc=True)
    newest = rows.groupby(keys, as_index=False)[stamp].max().rename(columns={stamp: "newest"})
    stride = max(len(newest) // SAMPLE, 1)
    return newest.iloc[::stride].head(SAMPLE)


def lags(store: FeatureStore, view: FeatureView, sample: pd.DataFrame, keys: list[str]) -> list[float]:
    """Return the seconds by which the online row is older than the offline row, for each entity of `sample`."""
    response = store.get_online_features(
        features=[f"{view.name}:{view.features[0].name}"], entity_rows=sample[keys].to_dict("records")
    )
    stamps = response.proto.results[len(keys)].event_timestamps
    seconds = []
    for newest, stamp in zip(sample["newest"], stamps, strict=True):
        online = stamp.ToDatetime(tzinfo=UTC) if stamp.seconds else NEVER
        seconds.append((newest.to_pydatetime() - online).total_seconds())
    return seconds


def probe(store: FeatureStore, service: str, endpoint: str | None) -> dict[str, Any]:
    """Return `{view: {"entities": n, "missing": n, "lag_seconds": worst}}` for every view of `service`."""
    found: dict[str, Any] = {}
    for projection in store.get_feature_service(service).feature_view_projections:
        view = store.get_feature_view(projection.name)
        keys = [column.name for column in view.entity_columns]
        sample = latest_offline(view, keys, endpoint)
        seconds = lags(store, view, sample, keys)
        missing = sum(1 for newest, lag in zip(sample["newest"], seconds, strict=True) if lag >= newest.timestamp())
        present = [lag for newest, lag in zip(sample["newest"], seconds, strict=True) if lag < newest.timestamp()]
        found[view.name] = {"entities": len(sample), "missing": missing, "lag_seconds": max(present, default=None)}
    return found


def main() -> None:
    """Print the result for the feature service named on the command line."""
    from feast import FeatureStore

    config = Path(os.environ.get("FEAST_CONFIG", "/etc/feast/feature_store.yaml"))
    store = FeatureStore(fs_yaml_file=config)
    sys.stdout.write("FRESHNESS " + json.dumps(probe(store, sys.argv[1], os.environ.get("AWS_ENDPOINT_URL"))) + "\n")


if __name__ == "__main__":
    main()
