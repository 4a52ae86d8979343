"""Deploys a registered model version: applies the InferenceService and its route, and waits until it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

from client.kube import error_text
from client.platform import FIELD_MANAGER, Platform
from common.errors import UserError
from examples.flights.diagnosis import describe_predictor
from examples.flights.feature_service import refuse_mismatch
from examples.flights.manifests import SERVICE, inference_service, route
from examples.flights.tracking import RegisteredVersion

if TYPE_CHECKING:
    import httpx

READY_SECONDS = 240.0


def apply(platform: Platform, item: dict[str, Any]) -> None:
    """Create or update one object by server-side apply.

    Raises:
        UserError: The cluster refused the object.
    """
    from kubernetes.client import ApiException
    from kubernetes.dynamic import DynamicClient

    dynamic = DynamicClient(platform.api)
    resource = dynamic.resources.get(api_version=item["apiVersion"], kind=item["kind"])
    try:
        resource.server_side_apply(
            body=item,
            name=item["metadata"]["name"],
            namespace=item["metadata"]["namespace"],
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )
    except ApiException as error:
        raise UserError(
            f"The cluster refused {item['kind']} {item['metadata']['name']}.",
            seen=f"{error_text(error)}: {str(error.body)[:600]}",
            next_step=f"mlp status --stack {platform.stack}",
        ) from error


def current(platform: Platform, service: str = SERVICE) -> dict[str, Any] | None:
    """Return an InferenceService from the cluster; None when it does not exist."""
    from kubernetes import client

    try:
        return client.CustomObjectsApi(platform.api).get_namespaced_custom_object(
            "serving.kserve.io", "v1beta1", platform.namespace, "inferenceservices", service
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def unready(service: dict[str, Any]) -> str | None:
    """Return why the latest generation of an InferenceService is not ready; None when it is."""
    status = service.get("status") or {}
    if status.get("observedGeneration", 0) < service["metadata"].get("generation", 1):
        return "KServe has not processed the InferenceService yet"
    conditions = {item["type"]: item for item in status.get("conditions", [])}
    ready = conditions.get("Ready")
    if ready is not None and ready.get("status") == "True":
        return None
    failed = [
        f"{name}: {item.get('reason', '')} {item.get('message', '')}".strip()
        for name, item in conditions.items()
        if item.get("status") != "True"
    ]
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    if failure:
        failed.append(f"model: {failure.get('reason', '')} {failure.get('message', '')}".strip())
    return "; ".join(failed) or "KServe has not reported a condition yet"


def rollout_pending(rollout: dict[str, Any] | None) -> str | None:
    """Return why the rollout of a Deployment is not complete; None when all pods are of the latest revision.

    KServe reports a service as ready while pods of the previous revision answer.
    """
    if rollout is None:
        return "its Deployment does not exist yet"
    status, wanted = rollout.get("status") or {}, rollout["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < rollout["metadata"].get("generation", 1):
        return "the controller has not processed its Deployment yet"
    counts = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    if counts == [wanted] * 3:
        return None
    updated, available, everything = counts
    return f"{updated} of {wanted} pods are of the new revision, {available} available, {everything} in total"


def not_serving(platform: Platform, service: str = SERVICE) -> str | None:
    """Return why the latest generation of an InferenceService does not serve yet; None when it does."""
    from kubernetes import client

    reason = unready(current(platform, service) or {"metadata": {}})
    if reason is not None:
        return reason
    apps = client.AppsV1Api(platform.api)
    found = apps.list_namespaced_deployment(platform.namespace, field_selector=f"metadata.name={service}-predictor")
    rollouts = [platform.api.sanitize_for_serialization(item) for item in found.items]
    return rollout_pending(rollouts[0] if rollouts else None)


def predict(platform: Platform, request: dict[str, str], service: str = SERVICE) -> httpx.Response | str:
    """Request one prediction through the gateway; return the response, or the error as text."""
    import httpx

    url = f"{platform.serving_url(service)}/v1/models/{service}:predict"
    try:
        return httpx.post(url, json={"instances": [request]}, timeout=httpx.Timeout(5, connect=2), trust_env=False)
    except httpx.HTTPError as error:
        return f"{url}: {type(error).__name__} {error}"


def no_prediction(response: httpx.Response | str, version: str) -> str | None:
    """Return why a response is not a prediction of `version`; None when it is one."""
    if isinstance(response, str):
        return response
    if response.status_code != 200:
        return f"{response.url}: {response.status_code} {response.text[:300]}"
    served = response.headers.get("x-model-version")
    return None if served == version else f"version {served} answers, not {version}"


def deploy(
    platform: Platform,
    version: RegisteredVersion,
    *,
    identity: str,
    request: dict[str, str],
    service: str = SERVICE,
    on_state: Callable[[str], None] = lambda _: None,
) -> None:
    """Deploy a registered version and wait until it answers.

    Args:
        platform: The platform.
        version: The registered version.
        identity: Digest of the inputs of this deployment.
        request: Keys of an example flight; its prediction proves the deployment.
        service: Name of the InferenceService.
        on_state: Called with a description of each wait.

    Raises:
        UserError: The version was trained on another version of the feature service than the registered one; or it
            does not become ready in time. The text contains conditions, events and the last log lines of the pod.
    """
    on_state("comparing its feature service with the registered one")
    refuse_mismatch(platform, version)
    apply(platform, inference_service(version, platform, identity, service))
    apply(platform, route(platform, service))
    until = time.monotonic() + READY_SECONDS
    wait(platform, service, lambda: not_serving(platform, service), until, on_state)
    wait(
        platform,
        service,
        lambda: no_prediction(predict(platform, request, service), version.version),
        until,
        on_state,
    )


def remove(platform: Platform, service: str) -> None:
    """Delete an InferenceService and its route; ignore the ones that do not exist."""
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    for group, version, plural in (
        ("gateway.networking.k8s.io", "v1", "httproutes"),
        ("serving.kserve.io", "v1beta1", "inferenceservices"),
    ):
        try:
            custom.delete_namespaced_custom_object(group, version, platform.namespace, plural, service)
        except client.ApiException as error:
            if error.status != 404:
                raise


def wait(
    platform: Platform,
    service: str,
    missing: Callable[[], str | None],
    until: float,
    on_state: Callable[[str], None],
) -> None:
    """Wait until `missing` returns None; call it after each change of the InferenceService, at least every second.

    Raises:
        UserError: `missing` still returns a reason at `until`.
    """
    from kubernetes import client, watch

    custom = client.CustomObjectsApi(platform.api)
    while (lacking := missing()) is not None:
        on_state(lacking)
        if time.monotonic() > until:
            raise UserError(
                f"InferenceService {service} does not serve.",
                seen=f"{lacking}\n{describe_predictor(platform, service)}",
                next_step=f"kubectl -n {platform.namespace} describe inferenceservice {service}",
            )
        watcher = watch.Watch()
        for number, _ in enumerate(
            watcher.stream(
                custom.list_namespaced_custom_object,
                "serving.kserve.io",
                "v1beta1",
                platform.namespace,
                "inferenceservices",
                field_selector=f"metadata.name={service}",
                timeout_seconds=1,
            )
        ):
            if number > 0:  # the first event is the current state
                watcher.stop()


def example() -> dict[str, str]:
    """Return the keys of a flight whose features are in the online store, from `example.yaml`."""
    from examples.flights.parameters import FOLDER

    return yaml.safe_load((FOLDER / "example.yaml").read_text())
