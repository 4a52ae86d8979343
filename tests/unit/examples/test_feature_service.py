"""A version is deployed only with the feature service that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from client.platform import Platform
from common.errors import UserError
from examples.flights import deploy, feature_service, manifests, registry
from examples.flights.tracking import RegisteredVersion

PLATFORM = Platform("local", {"teams": {"red": {"namespace": "red"}}, "buckets": {"models": "m"}, "urls": {}}, "red")


def fixed(value: str) -> Callable[[object], str]:
    """Return a function that always returns `value`."""

    def says(_: object) -> str:
        return value

    return says


def version(**tags: str) -> RegisteredVersion:
    return RegisteredVersion(name="flight-delay", version="7", artifacts="s3://b/m", tags=tags)


def test_the_same_feature_service_may_serve() -> None:
    assert feature_service.mismatch(version(feature_service_fingerprint="aa"), "aa") is None


@pytest.mark.parametrize(("tags", "seen"), [({"feature_service_fingerprint": "bb"}, "bb"), ({}, "an unknown version")])
def test_another_or_an_unknown_one_is_refused_with_both(tags: dict[str, str], seen: str) -> None:
    error = feature_service.mismatch(version(**tags), "aa")
    assert error is not None
    assert f"trained on {seen}" in error.render()
    assert "the registered version, aa" in error.render()


def test_nothing_is_touched_by_a_refused_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[object] = []

    def apply(_: Platform, item: object) -> None:
        touched.append(item)

    monkeypatch.setattr(feature_service, "registered_fingerprint", fixed("aa"))
    monkeypatch.setattr(deploy, "apply", apply)
    with pytest.raises(UserError, match="another version of feature service flight_delay_v1"):
        deploy.deploy(PLATFORM, version(feature_service_fingerprint="bb"), identity="i", request={})
    assert touched == []


def test_the_fingerprint_is_read_from_the_log() -> None:
    assert feature_service.fingerprint_in(["feature-service ...", f"{registry.REGISTERED}0a1b", "done"]) == "0a1b"
    with pytest.raises(UserError, match="does not name the registered feature service"):
        feature_service.fingerprint_in(["feature-service ..."])


def test_code_and_registry_must_mean_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "fingerprint", fixed("aa"))
    monkeypatch.setattr(registry, "fingerprint_of_code", lambda: "aa")
    assert registry.checked_fingerprint(object()) == "aa"  # type: ignore[arg-type]
    monkeypatch.setattr(registry, "fingerprint_of_code", lambda: "bb")
    with pytest.raises(registry.FeatureServiceError, match="registered as version aa, this code defines version bb"):
        registry.checked_fingerprint(object())  # type: ignore[arg-type]


def test_the_challenger_is_deployed_beside_the_champion() -> None:
    champion = manifests.inference_service(version(), PLATFORM, "i")
    challenger = manifests.inference_service(version(), PLATFORM, "i", manifests.CHALLENGER)
    assert (champion["metadata"]["name"], challenger["metadata"]["name"]) == ("flights", "flights-challenger")
    models = [item["spec"]["predictor"]["model"] for item in (champion, challenger)]
    assert models[0]["storageUri"] == models[1]["storageUri"]
    assert "resources" not in models[0], "the platform's settings say how large predictors are"
    assert models[1]["resources"]["requests"]["cpu"] == "100m"
    rule = manifests.route(PLATFORM, manifests.CHALLENGER)["spec"]["rules"][0]
    assert rule["matches"][0]["path"]["value"] == "/serving/red/flights-challenger"
    assert rule["backendRefs"][0]["name"] == "flights-challenger-predictor"


def test_a_deployment_is_applied_under_its_own_name_and_proved_by_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[dict[str, Any]] = []
    asked: list[str] = []

    def apply(_: Platform, item: dict[str, Any]) -> None:
        applied.append(item)

    def not_serving(_: Platform, service: str) -> None:
        asked.append(f"{service} rolled out?")

    def predict(_: Platform, request: dict[str, str], service: str) -> object:
        asked.append(f"{service} {request['tailnum']}")
        return SimpleNamespace(status_code=200, headers={"x-model-version": "7"})

    for name, fake in {"apply": apply, "not_serving": not_serving, "predict": predict}.items():
        monkeypatch.setattr(deploy, name, fake)
    monkeypatch.setattr(feature_service, "registered_fingerprint", fixed("aa"))
    monkeypatch.setattr(Platform, "api", client.ApiClient())
    deploy.deploy(
        PLATFORM,
        version(feature_service_fingerprint="aa"),
        identity="i",
        request={"tailnum": "N1"},
        service=manifests.CHALLENGER,
    )
    assert [(item["kind"], item["metadata"]["name"]) for item in applied] == [
        ("InferenceService", "flights-challenger"),
        ("HTTPRoute", "flights-challenger"),
    ]
    assert asked == ["flights-challenger rolled out?", "flights-challenger N1"]
