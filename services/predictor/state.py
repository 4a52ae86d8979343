"""What the process serves with, and whether it may: model, plan, reader and the reasons against readiness."""

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
"""Pause between two attempts while there is nothing to serve with."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A model bound to a plan.

    Attributes:
        model: The model.
        plan: The plan that feeds it.
        columns: Place in a row that was read of each of the model's columns.
    """

    model: Model
    plan: Plan
    columns: tuple[int, ...]


def bind(model: Model, plan: Plan) -> Bound:
    """Return `model` bound to `plan`.

    Raises:
        PlanError: The plan cannot feed the model.
    """
    reasons = mismatches(plan, model.columns, numeric=model.predictor.native, trained_on=model.trained_on)
    if reasons:
        raise PlanError("; ".join(reasons))
    features = plan.features
    return Bound(model, plan, tuple(features.index(column) for column in model.columns))


class State:
    """Keeps the process able to serve.

    Attributes:
        bound: What requests are answered with; swapped whole when the registry changes.
        reason: Why requests cannot be answered; None when they can.
        reader: The online store's client, once its address is known.
        draining: Whether the process is on its way out.
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
        """Whether new requests should come here."""
        return self.reason is None and not self.draining

    def report(self) -> dict[str, Any]:
        """Return the readiness document.

        The online store is told but does not count: when it is down for one pod it is down for all, and a request
        answered with the reason says more than a gateway without a backend.
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
        """Load model and plan, trying again until both are there."""
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
        """Look at the registry from time to time, for as long as the process lives."""
        while True:
            well = self.reason is None and self._refresh_error is None
            await self._pause(self.settings.refresh_seconds if well else self._retry_seconds)
            await self.refresh()

    async def refresh(self) -> None:
        """Look at the registry once; its plan takes over at once, and its silence changes nothing."""
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
                events.emit("plan refresh failed; serving goes on", level="warning", reason=brief(error))
            self._refresh_error = brief(error)
            return
        self._confirmed = time.monotonic()
        self._refresh_error = None
        self.metrics.plan_refreshes.labels("confirmed" if plan.views == old.views else "changed").inc()
        if plan.views != old.views:
            events.emit("plan changed", service=plan.service, fingerprint=plan.fingerprint)
        self._bind(bound)

    async def close(self) -> None:
        """Give the online store's connections back."""
        if self.reader is not None:
            await self.reader.close()

    def wake(self) -> None:
        """Cut the current pause short."""
        self._wake.set()

    async def _load(self) -> None:
        settings = self.settings
        model = await asyncio.to_thread(load, settings.model_dir, settings.model_version)
        service = settings.feature_service or model.feature_service
        if service is None:
            raise ModelError("no feature service: set FEATURE_SERVICE or log the model with metadata feature_service")
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
    """Return the first line of an error, with its type: drivers add pages of hints, and statements with values."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
