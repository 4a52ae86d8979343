"""The ASGI application: routes, limits and timing of requests."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson

from services.predictor import __version__, events, v1, v2
from services.predictor.asgi import ClientGone, Header, Receive, Scope, Send, read_body, refuse, respond
from services.predictor.errors import RequestError, StoreUnavailable
from services.predictor.metrics import CONTENT_TYPE, Metrics
from services.predictor.protocol import Request
from services.predictor.reader import Features, Missing
from services.predictor.state import Bound, State

SERVER = orjson.dumps({"name": "mlplatform-serving", "version": __version__, "extensions": []})


class App:
    """Serves KServe's V1 and V2 data plane, health and metrics."""

    def __init__(self, state: State, metrics: Metrics) -> None:
        self._state = state
        self._metrics = metrics
        self._name = state.settings.model_name
        self._working = 0
        metrics.in_flight.set_function(lambda: float(self._working))
        base = f"/v2/models/{self._name}"
        self._predict_paths = {f"/v1/models/{self._name}:predict": 1, f"{base}/infer": 2}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        began = time.perf_counter()
        headers: list[Header] = []
        try:
            protocol = self._predict_paths.get(scope["path"])
            if protocol is not None and scope["method"] == "POST":
                await self._predict(protocol, scope, receive, send, headers, began)
            else:
                await self._other(scope, send, headers)
        except ClientGone:
            self._metrics.errors.labels("client_gone").inc()
        except RequestError as error:
            await self._refuse(receive, send, error, headers, began)
        except Exception as error:
            events.emit("request failed", level="error", error=f"{type(error).__name__}: {error}", path=scope["path"])
            failure = RequestError(500, "internal", f"internal error: {type(error).__name__}")
            await self._refuse(receive, send, failure, headers, began)

    async def _refuse(
        self, receive: Receive, send: Send, error: RequestError, headers: list[Header], began: float
    ) -> None:
        self._metrics.errors.labels(error.code).inc()
        if not any(name == b"server-timing" for name, _ in headers):
            headers.append((b"server-timing", f"total;dur={(time.perf_counter() - began) * 1e3:.3f}".encode()))
        if self._state.draining and not error.close:
            headers.append((b"connection", b"close"))
        await refuse(receive, send, error, headers)

    async def _predict(
        self, protocol: int, scope: Scope, receive: Receive, send: Send, headers: list[Header], began: float
    ) -> None:
        state, metrics = self._state, self._metrics
        bound = self._require_ready(headers)
        if self._working >= state.settings.max_concurrency:
            message = f"the limit of {self._working} concurrent requests is reached"
            raise RequestError(503, "overloaded", message, retry_after=1)
        self._working += 1
        try:
            body = await read_body(scope, receive, state.settings.max_body_bytes)
            parse = v1.parse if protocol == 1 else v2.parse
            request = parse(body, bound.plan.key_fields, state.settings.max_instances)
            started = time.perf_counter()
            features = await self._read(bound, request)
            read = time.perf_counter()
            probabilities = await self._apply(bound, features)
            applied = time.perf_counter()
        finally:
            self._working -= 1
        answer = orjson.dumps(self._answer(protocol, bound, request, features, probabilities), default=str)
        total = time.perf_counter() - began
        metrics.features.observe(read - started)
        metrics.predict.observe(applied - read)
        metrics.total.observe(total)
        timing = (
            f"features;dur={(read - started) * 1e3:.3f}, predict;dur={(applied - read) * 1e3:.3f}, "
            f"total;dur={total * 1e3:.3f}"
        )
        headers.append((b"server-timing", timing.encode()))
        if state.draining:
            headers.append((b"connection", b"close"))
        await respond(send, 200, answer, headers=headers)

    def _require_ready(self, headers: list[Header]) -> Bound:
        state = self._state
        # Answer requests that still arrive while draining; the gateway sends new ones elsewhere as soon as it notices.
        if state.bound is not None:
            headers.append((b"x-model-version", state.bound.model.version.encode()))
        if state.bound is None or state.reason is not None:
            raise RequestError(503, "not_ready", f"not ready: {state.reason}", retry_after=2)
        return state.bound

    async def _read(self, bound: Bound, request: Request) -> Features:
        reader = self._state.reader
        if reader is None:
            raise RequestError(503, "not_ready", "not ready: the online store's address is not known", retry_after=2)
        try:
            features = await reader.read(bound.plan, request.rows)
        except StoreUnavailable as error:
            raise RequestError(503, "store_unavailable", str(error), retry_after=1) from error
        if features.missing:
            raise _unknown(request, features.missing)
        return features

    async def _apply(self, bound: Bound, features: Features) -> list[float]:
        rows = [[row[column] for column in bound.columns] for row in features.rows]
        predictor = bound.model.predictor
        if predictor.native:
            return predictor.predict(rows)
        return await asyncio.to_thread(predictor.predict, rows)

    def _answer(
        self, protocol: int, bound: Bound, request: Request, features: Features, probabilities: list[float]
    ) -> dict[str, Any]:
        plan, version = bound.plan, bound.model.version
        used: list[dict[str, Any]] | None = None
        stamps: list[dict[str, float | None]] | None = None
        if request.return_features:
            names, views = plan.features, [view.name for view in plan.views]
            used = [dict(zip(names, row, strict=True)) for row in features.rows]
            seconds = plan.decode_timestamp
            stamps = [
                {view: None if stamp is None else seconds(stamp) for view, stamp in zip(views, row, strict=True)}
                for row in features.stamps
            ]
        if protocol == 1:
            return v1.render(self._name, version, probabilities, used, stamps)
        return v2.render(self._name, version, probabilities, used, stamps, request, plan)

    async def _other(self, scope: Scope, send: Send, headers: list[Header]) -> None:
        path, method = scope["path"], scope["method"]
        if path in self._predict_paths:
            raise RequestError(405, "method_not_allowed", f"{method} is not allowed here; use POST")
        status, body, media = self._document(path)
        if method not in {"GET", "HEAD"}:
            raise RequestError(405, "method_not_allowed", f"{method} is not allowed here; use GET")
        await respond(send, status, body, media=media, headers=headers)

    def _document(self, path: str) -> tuple[int, bytes, bytes]:
        if path == "/metrics":
            return 200, self._metrics.render(), CONTENT_TYPE
        status, document = self._json(path)
        return status, document if isinstance(document, bytes) else orjson.dumps(document), b"application/json"

    def _json(self, path: str) -> tuple[int, Any]:
        state = self._state
        health = 200 if state.ready else 503
        base = f"/v2/models/{self._name}"
        match path:
            case "/" | "/v2/health/live":
                return 200, {"live": True, "status": "alive"}
            case "/v2/health/ready":
                return health, state.report()
            case "/v2":
                return 200, SERVER
            case "/v1/models" | "/v2/models":
                return 200, {"models": [self._name]}
        if path in {f"/v1/models/{self._name}", f"{base}/ready"}:
            return health, state.report()
        if path == base:
            bound = self._require_ready([])
            return 200, v2.metadata(self._name, bound.model.version, bound.model.predictor.platform, bound.plan)
        parts = path.split("/")
        if len(parts) > 3 and parts[1] in {"v1", "v2"} and parts[2] == "models":
            name = parts[3].partition(":")[0]
            if name != self._name:
                message = f"unknown model {name}; this server has {self._name}"
                raise RequestError(404, "unknown_model", message, field="model")
        raise RequestError(404, "not_found", f"unknown path {path}")


def _unknown(request: Request, missing: list[Missing]) -> RequestError:
    first = missing[0]
    key = first.view.entity_key(request.rows[first.instance])
    entity = _entity(first)
    named = ", ".join(f"{name}={value}" for name, value in key.items())
    message = f"unknown entity {entity} ({named}): feature view {first.view.name} has no row for it"
    every = [
        {
            "instance": item.instance,
            "view": item.view.name,
            "entity": _entity(item),
            "key": item.view.entity_key(request.rows[item.instance]),
        }
        for item in missing
    ]
    error = RequestError(404, "unknown_entity", message, entity=entity, key=key, view=first.view.name, missing=every)
    return error.at(", ".join(key), first.instance)


def _entity(item: Missing) -> str:
    return "+".join(item.view.entities)
