"""State of the predictor: model, plan, feature reader, and whether the process is ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.predictor import events
from services.predictor.errors import ModelError, PlanError
from services.predictor.feast_plan import RedisTarget, Registry
from services.predictor.metrics import Metrics
from services.predictor.model import Model, load
from services.predictor.plan import Plan, mismatches
from services.predictor.reader import FeatureReader
from services.predictor.settings import Settings

RETRY_SECONDS = 2.0
"""Pause between two attempts to load the model and the plan."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A model combined with the plan that reads its features.

    Attributes:
        model: The model.
        plan: The plan.
        columns: Index of each of the model's columns in a row of features.
    """

    model: Model
    plan: Plan
    columns: tuple[int, ...]


def bind(model: Model, plan: Plan) -> Bound:
    """Combine a model with a plan.

    Raises:
        PlanError: The plan does not have the features that the model needs.
    """
    reasons = mismatches(plan, model.columns, numeric=model.predictor.native, trained_on=model.trained_on)
    if reasons:
        raise PlanError("; ".join(reasons))
    features = plan.features
    return Bound(model, plan, tuple(features.index(column) for column in model.columns))


class State:
    """Loads and refreshes what the process needs to serve.

    Attributes:
        bound: Model and plan that requests use; replaced as a whole when the registry changes.
        reason: Why requests cannot be answered; None when they can.
        reader: Client of the online store; None until its address is known.
        draining: Whether the process is shutting down.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        registry: Callable[[], Registry] | None = None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.bound: Bound | None = None
        self.reason: str | None = "starting: loading the model"
        self.reader: FeatureReader | None = None
        self.draining = False
        self._retry_seconds = retry_seconds
        self._make_registry = registry or (lambda: Registry(settings.feast_config))
        self._registry: Registry | None = None
        self._confirmed = time.monotonic()
        self._refresh_error: str | None = None
        self._wake = asyncio.Event()
        metrics.plan_age.set_function(lambda: time.monotonic() - self._confirmed if self.bound else 0.0)
        metrics.ready.set_function(lambda: float(self.ready))

    @property
    def ready(self) -> bool:
        """Whether the process should receive new requests."""
        return self.reason is None and not self.draining

    def report(self) -> dict[str, Any]:
        """Return the readiness document.

        It shows the state of the online store, but an unavailable store does not make the process unready: it is
        usually unavailable to all pods, and an error response with the reason is more useful than a gateway without
        backends.
        """
        reason = "draining: the process is shutting down" if self.draining else self.reason
        down = self.reader.down if self.reader is not None else None
        report: dict[str, Any] = {"name": self.settings.model_name, "ready": self.ready}
        if reason is not None:
            report["reason"] = reason
        report["dependencies"] = {
            "online_store": down or "ok",
            "registry": self._refresh_error or ("ok" if self.bound else "not read yet"),
        }
        return report

    async def start(self) -> None:
        """Load the model and the plan; retry until both are loaded."""
        while True:
            try:
                await self._load()
            except (ModelError, PlanError) as error:
                self._not_ready(str(error))
            except Exception as error:
                self._not_ready(f"Feast's registry cannot be read: {brief(error)}")
            else:
                return
            await self._pause(self._retry_seconds)

    async def keep_fresh(self) -> None:
        """Refresh the plan periodically, until the process ends."""
        while True:
            well = self.reason is None and self._refresh_error is None
            await self._pause(self.settings.refresh_seconds if well else self._retry_seconds)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the registry and use the new plan; if the registry is unreachable, keep the current plan."""
        if self.bound is None or self._registry is None:
            return
        model, old = self.bound.model, self.bound.plan
        try:
            plan = await asyncio.to_thread(self._registry.compile, old.service)
            bound = bind(model, plan)
        except PlanError as error:
            self._confirmed = time.monotonic()
            self._refresh_error = None
            self.metrics.plan_refreshes.labels("refused").inc()
            self._not_ready(str(error))
            return
        except Exception as error:
            self.metrics.plan_refreshes.labels("failed").inc()
            if self._refresh_error is None:
                events.emit("plan refresh failed; keeping the current plan", level="warning", reason=brief(error))
            self._refresh_error = brief(error)
            return
        self._confirmed = time.monotonic()
        self._refresh_error = None
        self.metrics.plan_refreshes.labels("confirmed" if plan.views == old.views else "changed").inc()
        if plan.views != old.views:
            events.emit("plan changed", service=plan.service, fingerprint=plan.fingerprint)
        self._bind(bound)

    async def close(self) -> None:
        """Close the connections to the online store."""
        if self.reader is not None:
            await self.reader.close()

    def wake(self) -> None:
        """End the current pause."""
        self._wake.set()

    async def _load(self) -> None:
        settings = self.settings
        model = await asyncio.to_thread(load, settings.model_dir, settings.model_version)
        service = settings.feature_service or model.feature_service
        if service is None:
            raise ModelError("no feature service: set FEATURE_SERVICE, or log the model with metadata feature_service")
        if self._registry is None:
            self.reason = "starting: reading Feast's configuration"
            self._registry = await asyncio.to_thread(self._make_registry)
        if self.reader is None:
            self.reader = self._connect(await asyncio.to_thread(self._registry.redis))
        plan = await asyncio.to_thread(self._registry.compile, service)
        bound = bind(model, plan)
        self._confirmed = time.monotonic()
        self._bind(bound)
        events.emit(
            "ready",
            model=settings.model_name,
            version=model.version,
            service=service,
            fingerprint=plan.fingerprint,
            views=[view.name for view in plan.views],
        )

    def _connect(self, target: RedisTarget) -> FeatureReader:
        def changed(reason: str | None) -> None:
            self.metrics.store_up.set(0 if reason else 1)
            if reason:
                events.emit("online store down", level="error", reason=reason)
            else:
                events.emit("online store is back")

        self.metrics.store_up.set(1)
        return FeatureReader(
            cluster=target.cluster,
            nodes=target.nodes,
            options=target.options,
            timeout=self.settings.feature_timeout_ms / 1000,
            connections=self.settings.max_concurrency + 1,
            on_change=changed,
        )

    def _bind(self, bound: Bound) -> None:
        self.bound = bound
        self.reason = None

    def _not_ready(self, reason: str) -> None:
        if reason != self.reason:
            events.emit("not ready", level="error", reason=reason)
        self.reason = reason

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()


def brief(error: BaseException) -> str:
    """Return the type and the first line of an error; drivers append long hints, and statements with values."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
