"""Prometheus metrics of the predictor."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of histogram buckets in seconds; they include the latency budgets (10, 50 and 100 ms)."""

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()


class Metrics:
    """Metrics of one process, in a separate registry, so that tests do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.features = self._histogram("serving_features_seconds", "Duration of reading the features of a request")
        self.predict = self._histogram("serving_predict_seconds", "Duration of applying the model to a request")
        self.total = self._histogram("serving_total_seconds", "Duration of a prediction request, without the network")
        self.errors = Counter("serving_errors", "Requests without a prediction", ["kind"], registry=self.registry)
        self.in_flight = Gauge("serving_in_flight_requests", "Requests being handled", registry=self.registry)
        self.ready = Gauge("serving_ready", "1 if requests can be answered", registry=self.registry)
        self.store_up = Gauge("serving_online_store_up", "1 if the online store responds", registry=self.registry)
        self.plan_age = Gauge(
            "serving_plan_age_seconds", "Time since the plan was last confirmed by the registry", registry=self.registry
        )
        self.plan_refreshes = Counter(
            "serving_plan_refreshes", "Refreshes of the plan by outcome", ["outcome"], registry=self.registry
        )

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=BUCKETS, registry=self.registry)

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
