"""The predictor's application, in process, with a dict as online store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.predictor.app import App
from services.predictor.errors import ModelError, PlanError
from services.predictor.model import Model, load
from services.predictor.settings import Settings
from services.predictor.state import State, bind
from tests.serving_fixtures import COLUMNS, FIELDS, application, call, plan, view, write_model

V1 = "/v1/models/flights:predict"
V2 = "/v2/models/flights/infer"
GOOD = {"tailnum": "N1", "origin": "JFK", "dest": "CLT"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def served(model: Model) -> tuple[App, State]:
    return application(model)


def ask(app: App, path: str, body: Any = None, **options: Any) -> Any:
    return asyncio.run(call(app, path, body, **options))


def tensors(*instances: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [len(instances)], "datatype": "BYTES", "data": [item[name] for item in instances]}
        for name in GOOD
    ]


def expected(model: Model, *rows: list[float]) -> list[float]:
    import lightgbm

    del model
    booster: lightgbm.Booster = expected.booster  # type: ignore[attr-defined]
    return booster.predict(np.array(rows)).tolist()


@pytest.fixture(autouse=True)
def booster(model: Model) -> None:
    expected.booster = model.predictor._booster  # type: ignore[attr-defined]


def test_v1_applies_the_model_to_the_features_in_the_signature_s_order(served: tuple[App, State], model: Model) -> None:
    answer = ask(served[0], V1, {"instances": [GOOD]})
    assert answer.status == 200
    assert answer.json == {
        "predictions": [{"probability": expected(model, [100.0, 0.25, 3.0])[0]}],
        "model_name": "flights",
        "model_version": "3",
    }
    assert answer.headers["x-model-version"] == "3"
    parts = [part.split(";dur=") for part in answer.headers["server-timing"].split(", ")]
    assert [name for name, _ in parts] == ["features", "predict", "total"]
    assert all(float(value) >= 0 for _, value in parts)


def test_v2_answers_the_same_as_v1(served: tuple[App, State]) -> None:
    first = ask(served[0], V1, {"instances": [GOOD]}).json["predictions"][0]["probability"]
    answer = ask(served[0], V2, {"id": "a", "inputs": tensors(GOOD)})
    assert answer.json["id"] == "a"
    assert answer.json["outputs"] == [{"name": "probability", "shape": [1], "datatype": "FP64", "data": [first]}]


def test_a_null_feature_is_nan_and_returned_as_null(served: tuple[App, State], model: Model) -> None:
    body = {"instances": [{**GOOD, "tailnum": "N2"}, GOOD], "parameters": {"return_features": True}}
    answer = ask(served[0], V1, body).json["predictions"]
    want = expected(model, [np.nan, 0.25, 3.0], [100.0, 0.25, 3.0])
    assert [item["probability"] for item in answer] == want
    assert answer[0]["features"] == {"seats": None, "delay_mean": 0.25, "wind": 3.0}
    assert answer[1]["event_timestamps"] == {"aircraft_stats": 1.5, "route_stats": 1.5}


def test_v2_returns_features_as_outputs_and_only_those_asked_for(served: tuple[App, State]) -> None:
    body: dict[str, Any] = {"inputs": tensors(GOOD), "parameters": {"return_features": True}}
    outputs = {item["name"]: item["data"] for item in ask(served[0], V2, body).json["outputs"]}
    assert outputs["feature.seats"] == [100.0]
    assert outputs["event_timestamp.route_stats"] == [1.5]
    body["outputs"] = [{"name": "feature.wind"}]
    assert [item["name"] for item in ask(served[0], V2, body).json["outputs"]] == ["feature.wind"]
    body["outputs"] = [{"name": "nothing"}]
    assert ask(served[0], V2, body).status == 422


def test_an_entity_without_a_row_is_404_with_entity_and_key(served: tuple[App, State]) -> None:
    answer = ask(served[0], V1, {"instances": [GOOD, {**GOOD, "tailnum": "NOPE"}]})
    assert answer.status == 404
    assert answer.json["code"] == "unknown_entity"
    assert answer.json["field"] == "tailnum"
    assert answer.json["instance"] == 1
    assert answer.json["entity"] == "aircraft"
    assert answer.json["key"] == {"tailnum": "NOPE"}
    assert answer.json["view"] == "aircraft_stats"
    assert "probability" not in answer.body.decode()


BAD: list[tuple[Any, int, str, str | None]] = [
    (b"{", 400, "malformed_json", None),
    (b"", 400, "malformed_json", None),
    (b"\xff\xfe", 400, "malformed_json", None),
    ([], 422, "wrong_type", ""),
    ({}, 422, "missing_field", "instances"),
    ({"instances": GOOD}, 422, "wrong_type", "instances"),
    ({"instances": []}, 422, "missing_field", "instances"),
    ({"instances": ["x"]}, 422, "wrong_type", "instances"),
    ({"instances": [{"tailnum": "N1", "origin": "JFK"}]}, 422, "missing_field", "dest"),
    ({"instances": [{**GOOD, "tailnum": 7}]}, 422, "wrong_type", "tailnum"),
    ({"instances": [{**GOOD, "tailnum": None}]}, 422, "wrong_type", "tailnum"),
    ({"instances": [{**GOOD, "carrier": "AA"}]}, 422, "unknown_field", "carrier"),
    ({"instances": [GOOD], "instance": 1}, 422, "unknown_field", "instance"),
    ({"instances": [GOOD], "parameters": 1}, 422, "wrong_type", "parameters"),
    ({"instances": [GOOD], "parameters": {"return_features": 1}}, 422, "wrong_type", "parameters.return_features"),
    ({"instances": [GOOD] * 257}, 413, "too_many_instances", "instances"),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), BAD)
def test_bad_v1_bodies_are_refused_by_name(
    served: tuple[App, State], body: Any, status: int, code: str, field: str | None
) -> None:
    answer = ask(served[0], V1, body)
    assert (answer.status, answer.json["code"], answer.json.get("field")) == (status, code, field)


def changed(place: int, **change: Any) -> dict[str, Any]:
    items = tensors(GOOD)
    items[place] = {**items[place], **change}
    return {"inputs": items}


BAD_V2: list[tuple[Any, int, str, str]] = [
    ({}, 422, "missing_field", "inputs"),
    ({"inputs": 1}, 422, "wrong_type", "inputs"),
    ({"inputs": [1]}, 422, "wrong_type", "inputs"),
    ({"inputs": [{"shape": [1]}]}, 422, "missing_field", "inputs.name"),
    ({"inputs": tensors(GOOD)[:2]}, 422, "missing_field", "dest"),
    ({"inputs": [*tensors(GOOD), tensors(GOOD)[0]]}, 422, "unknown_field", "inputs"),
    (changed(0, name="tail"), 422, "missing_field", "tailnum"),
    (changed(0, datatype="FP32"), 422, "wrong_type", "tailnum"),
    (changed(0, data="N1"), 422, "wrong_type", "tailnum"),
    (changed(0, data=[1]), 422, "wrong_type", "tailnum"),
    (changed(0, shape=[2]), 422, "wrong_shape", "tailnum"),
    (changed(0, shape=[1, 1, 1]), 422, "wrong_shape", "tailnum"),
    (changed(0, shape="1"), 422, "wrong_shape", "tailnum"),
    (changed(0, shape=[2], data=["N1", "N2"]), 422, "wrong_shape", "inputs"),
    ({"inputs": tensors(GOOD), "id": 3}, 422, "wrong_type", "id"),
    ({"inputs": tensors(GOOD), "extra": 3}, 422, "unknown_field", "extra"),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), BAD_V2)
def test_bad_v2_bodies_are_refused_by_name(
    served: tuple[App, State], body: Any, status: int, code: str, field: str
) -> None:
    answer = ask(served[0], V2, body)
    assert (answer.status, answer.json["code"], answer.json.get("field")) == (status, code, field)


@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_other_content_types_are_415(served: tuple[App, State], media: str | None) -> None:
    answer = ask(served[0], V1, {"instances": [GOOD]}, media=media)
    assert (answer.status, answer.json["field"]) == (415, "Content-Type")


def test_an_announced_large_body_is_refused_unread(served: tuple[App, State]) -> None:
    answer = ask(served[0], V1, chunks=[b"x" * 1000] * 5, length=10_000_000)
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


def test_an_unannounced_large_body_is_refused_at_the_limit(model: Model) -> None:
    app, _ = application(model, Settings(model_name="flights", max_body_bytes=4096))
    seen: list[int] = []

    async def drive() -> int:
        async def receive() -> dict[str, Any]:
            seen.append(len(sent))
            return {"type": "http.request", "body": b"x" * 1024, "more_body": len(seen) < 20}

        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": V1, "headers": [(b"content-type", b"application/json")]}
        await app(scope, receive, send)
        return sent[0]["status"]

    assert asyncio.run(drive()) == 413
    # Five chunks were read before the error was sent, the rest afterwards.
    assert seen.count(0) == 5


def test_unknown_models_paths_and_methods(served: tuple[App, State]) -> None:
    app = served[0]
    for path in ("/v1/models/other", "/v1/models/other:predict", "/v2/models/other/infer", "/v2/models/other"):
        answer = ask(app, path, {"instances": [GOOD]} if ":" in path or "infer" in path else None)
        assert (answer.status, answer.json["code"]) == (404, "unknown_model")
    assert ask(app, "/nothing").json["code"] == "not_found"
    assert ask(app, V1).status == 405
    assert ask(app, "/v2", {}).status == 405


def test_metadata_and_health(served: tuple[App, State]) -> None:
    app, state = served
    assert ask(app, "/v1/models").json == {"models": ["flights"]}
    assert ask(app, "/v1/models/flights").json["ready"] is True
    assert ask(app, "/v2").json["name"] == "mlplatform-serving"
    meta = ask(app, "/v2/models/flights").json
    assert meta["versions"] == ["3"]
    assert meta["inputs"] == [{"name": field.name, "datatype": "BYTES", "shape": [-1]} for field in FIELDS]
    assert ask(app, "/v2/health/ready").status == 200
    state.reason = "no plan"
    for path in ("/v2/health/ready", "/v1/models/flights", "/v2/models/flights/ready"):
        answer = ask(app, path)
        assert (answer.status, answer.json["reason"]) == (503, "no plan")
    assert ask(app, "/v2/health/live").status == 200
    refused = ask(app, V1, {"instances": [GOOD]})
    assert (refused.status, refused.json["code"]) == (503, "not_ready")
    assert "no plan" in refused.json["error"]


def test_a_store_that_is_down_is_503_with_the_reason_and_stays_ready(served: tuple[App, State]) -> None:
    app, state = served
    state.reader.down = "online store h:1 did not answer within 250 ms"  # type: ignore[union-attr]
    answer = ask(app, V1, {"instances": [GOOD]})
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "store_unavailable", "1")
    assert "did not answer" in answer.json["error"]
    ready = ask(app, "/v2/health/ready")
    assert ready.status == 200
    assert "did not answer" in ready.json["dependencies"]["online_store"]
    state.reader.down = None  # type: ignore[union-attr]
    assert ask(app, V1, {"instances": [GOOD]}).status == 200


def test_too_many_requests_at_once_are_503(model: Model) -> None:
    app, state = application(model, Settings(model_name="flights", max_concurrency=1))
    gate = asyncio.Event()
    inner = state.reader.read  # type: ignore[union-attr]

    async def slow(*arguments: Any) -> Any:
        await gate.wait()
        return await inner(*arguments)

    async def drive() -> tuple[Any, Any]:
        state.reader.read = slow  # type: ignore[method-assign, union-attr]
        first = asyncio.create_task(call(app, V1, {"instances": [GOOD]}))
        await asyncio.sleep(0)
        second = await call(app, V1, {"instances": [GOOD]})
        gate.set()
        return await first, second

    first, second = asyncio.run(drive())
    assert first.status == 200
    assert (second.status, second.json["code"]) == (503, "overloaded")


def test_draining_refuses_readiness_and_still_answers(served: tuple[App, State]) -> None:
    app, state = served
    state.draining = True
    assert ask(app, "/v2/health/ready").status == 503
    answer = ask(app, V1, {"instances": [GOOD]})
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_defect_is_500_without_a_traceback(served: tuple[App, State], capsys: pytest.CaptureFixture[str]) -> None:
    app, state = served
    state.reader.read = None  # type: ignore[assignment, union-attr]
    answer = ask(app, V1, {"instances": [GOOD]})
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "request failed" in capsys.readouterr().err


def test_metrics_count_what_happened(served: tuple[App, State]) -> None:
    app, _ = served
    answer = ask(app, V1, {"instances": [GOOD]})
    assert answer.status == 200, answer.body
    assert ask(app, V1, b"{").status == 400
    text = ask(app, "/metrics").body.decode()
    assert "serving_total_seconds_count 1.0" in text
    assert 'serving_errors_total{kind="malformed_json"} 1.0' in text
    assert "serving_plan_age_seconds" in text
    assert "serving_ready 1.0" in text


def test_a_changed_feature_service_is_refused(model: Model) -> None:
    without = plan(view("aircraft_stats", (2,), ("seats",)), view("route_stats", (0, 1), ("delay_mean",)))
    with pytest.raises(PlanError, match="no longer has the model's inputs wind"):
        bind(model, without)
    words = plan(
        view("aircraft_stats", (2,), ("seats",), "String"), view("route_stats", (0, 1), ("delay_mean", "wind"))
    )
    with pytest.raises(PlanError, match=r"only accepts numbers.*seats \(String\)"):
        bind(model, words)


def test_a_recorded_fingerprint_must_match(tmp_path: Path) -> None:
    good = load(write_model(tmp_path / "good", feature_service_fingerprint=plan().fingerprint))
    assert bind(good, plan()).columns == (0, 1, 2)
    other = load(write_model(tmp_path / "other", feature_service_fingerprint="0123456789abcdef"))
    with pytest.raises(PlanError, match="trained on 0123456789abcdef"):
        bind(other, plan())


def test_the_model_s_columns_are_found_by_name_not_by_place(tmp_path: Path) -> None:
    model = load(write_model(tmp_path, columns=tuple(reversed(COLUMNS))))
    assert bind(model, plan()).columns == (2, 1, 0)


def test_models_that_cannot_be_served_say_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no MLmodel"):
        load(tmp_path)
    folder = write_model(tmp_path / "a")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("delay_mean", "delay_median"))
    with pytest.raises(ModelError, match="differ from the signature"):
        load(folder)
    (folder / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(ModelError, match="no signature"):
        load(folder)


def test_the_version_comes_from_the_setting_then_the_registry_then_the_model(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    assert load(folder, "9").version == "9"
    assert load(folder).version == "3"
    (folder / "registered_model_meta").unlink()
    assert load(folder).version == "m-123"


def test_a_failed_refresh_is_retried_soon(served: tuple[App, State]) -> None:
    state = served[1]
    assert state.bound is not None

    class Returning:
        """A registry that fails once."""

        looks = 0

        def compile(self, _service: str) -> Any:
            self.looks += 1
            if self.looks == 1:
                raise ConnectionError("away")
            assert state.bound is not None
            return state.bound.plan

    def registry_state() -> str:
        return state.report()["dependencies"]["registry"]

    async def scenario() -> None:
        await state.refresh()
        assert "away" in registry_state()
        task = asyncio.create_task(state.keep_fresh())
        async with asyncio.timeout(state.settings.refresh_seconds / 4):
            while registry_state() != "ok":
                await asyncio.sleep(0.01)
        task.cancel()

    state._registry, state._retry_seconds = Returning(), 0.01  # type: ignore[assignment]
    asyncio.run(scenario())
