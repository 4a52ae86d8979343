"""KServe's model server according to its documentation: Feast's SDK for the features, LightGBM on a data frame.

Runs in a pod from a ConfigMap; the image contains kserve, feast and lightgbm.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import kserve  # type: ignore[import-not-found]
import lightgbm
import uvloop
import yaml
from feast import FeatureStore

MODEL = Path("/mnt/models")


class Stock(kserve.Model):
    """A predictor whose requests contain entity keys."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        """Load model and feature store."""
        document = yaml.safe_load((MODEL / "MLmodel").read_text())
        self.columns = [column["name"] for column in json.loads(document["signature"]["inputs"])]
        self.booster = lightgbm.Booster(model_file=str(MODEL / document["flavors"]["lightgbm"]["data"]))
        self.store = FeatureStore(fs_yaml_file=Path("/etc/feast/feature_store.yaml"))
        self.service = self.store.get_feature_service(document["metadata"]["feature_service"])
        self.ready = True
        return True

    def predict(self, payload: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Return one probability for each instance."""
        del headers
        found = self.store.get_online_features(features=self.service, entity_rows=payload["instances"]).to_df()
        frame = found[self.columns].astype("float64")
        return {"predictions": [{"probability": float(value)} for value in self.booster.predict(frame, num_threads=1)]}


if __name__ == "__main__":
    options = argparse.ArgumentParser(parents=[kserve.model_server.parser]).parse_known_args()[0]
    # With one worker the server ignores its own option for the event loop.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # The server uses the current loop, which uvloop does not create.
    asyncio.set_event_loop(uvloop.new_event_loop())
    kserve.ModelServer(http_port=8080, workers=1, enable_grpc=False).start([Stock(options.model_name)])
