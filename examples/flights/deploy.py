"""Deploys a registered version: InferenceService, route, and the wait until it answers through the gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import yaml

from client.platform import FIELD_MANAGER, Platform, reason
from common.errors import UserError
from examples.flights.consistency import refuse_other_features
from examples.flights.evidence import evidence
from examples.flights.manifests import SERVICE, inference_service, route
from examples.flights.tracking import Champion

if TYPE_CHECKING:
    import httpx

READY_SECONDS = 240.0


def apply(platform: Platform, item: dict[str, Any]) -> None:
    """Create or update one object by server-side apply.

    Raises:
        UserError: The cluster refused it.
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
            f"the cluster refused {item['kind']} {item['metadata']['name']}",
            seen=f"{reason(error)}: {str(error.body)[:600]}",
            next_step=f"mlp status --stack {platform.stack}",
        ) from error


def current(platform: Platform, service: str = SERVICE) -> dict[str, Any] | None:
    """Return an InferenceService as the cluster has it; None when there is none."""
    from kubernetes import client

    try:
        return client.CustomObjectsApi(platform.api).get_namespaced_custom_object(
            "serving.kserve.io", "v1beta1", platform.models_namespace, "inferenceservices", service
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def unready(service: dict[str, Any]) -> str | None:
    """Return why an InferenceService is not ready; None when it is, in its latest generation."""
    status = service.get("status") or {}
    if status.get("observedGeneration", 0) < service["metadata"].get("generation", 1):
        return "KServe has not looked at it yet"
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
    return "; ".join(failed) or "no condition is reported yet"


def unrolled(rollout: dict[str, Any] | None) -> str | None:
    """Return why a Deployment's pods are not all of its latest revision; None when they are.

    KServe calls a service ready while pods of the revision before answer.
    """
    if rollout is None:
        return "its Deployment is not made yet"
    status, wanted = rollout.get("status") or {}, rollout["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < rollout["metadata"].get("generation", 1):
        return "its Deployment has not been looked at yet"
    counts = [status.get(name, 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    if counts == [wanted] * 3:
        return None
    updated, available, everything = counts
    return f"{updated} of {wanted} pods are of the new revision, {available} available, {everything} in all"


def not_serving(platform: Platform, service: str = SERVICE) -> str | None:
    """Return why an InferenceService is not what was asked for last; None when it is."""
    from kubernetes import client

    reason = unready(current(platform, service) or {"metadata": {}})
    if reason is not None:
        return reason
    apps = client.AppsV1Api(platform.api)
    found = apps.list_namespaced_deployment(
        platform.models_namespace, field_selector=f"metadata.name={service}-predictor"
    )
    rollouts = [platform.api.sanitize_for_serialization(item) for item in found.items]
    return unrolled(rollouts[0] if rollouts else None)


def predict(platform: Platform, request: dict[str, str], service: str = SERVICE) -> httpx.Response | str:
    """Ask for one prediction through the gateway; return the answer, or what went wrong as text."""
    import httpx

    url = f"{platform.url('serving')}/{service}/v1/models/{service}:predict"
    try:
        return httpx.post(url, json={"instances": [request]}, timeout=httpx.Timeout(5, connect=2), trust_env=False)
    except httpx.HTTPError as error:
        return f"{url}: {type(error).__name__} {error}"


def unanswered(answer: httpx.Response | str, version: str) -> str | None:
    """Return why an answer is not a prediction of `version`; None when it is one."""
    if isinstance(answer, str):
        return answer
    if answer.status_code != 200:
        return f"{answer.url}: {answer.status_code} {answer.text[:300]}"
    served = answer.headers.get("x-model-version")
    return None if served == version else f"version {served} answers, not {version}"


def deploy(
    platform: Platform,
    champion: Champion,
    *,
    identity: str,
    request: dict[str, str],
    service: str = SERVICE,
    on_state: Callable[[str], None] = lambda _: None,
) -> None:
    """Bring `champion` into service and wait until it answers.

    Args:
        platform: Where.
        champion: The registered version.
        identity: Digest of what led to this deployment.
        request: Keys of an example whose prediction proves the deployment.
        service: Name of the InferenceService.
        on_state: Called with what is being waited for.

    Raises:
        UserError: It was trained on another version of the feature service than the registered one; or it does not
            become ready in time, with conditions, events and the pod's last log lines.
    """
    on_state("comparing its feature service with the registered one")
    refuse_other_features(platform, champion)
    apply(platform, inference_service(champion, platform, identity, service))
    apply(platform, route(platform, service))
    until = time.monotonic() + READY_SECONDS
    wait(platform, service, lambda: not_serving(platform, service), until, on_state)
    wait(
        platform,
        service,
        lambda: unanswered(predict(platform, request, service), champion.version),
        until,
        on_state,
    )


def remove(platform: Platform, service: str) -> None:
    """Take an InferenceService and its route out of service; what is not there is no error."""
    from kubernetes import client

    custom = client.CustomObjectsApi(platform.api)
    for group, version, plural in (
        ("gateway.networking.k8s.io", "v1", "httproutes"),
        ("serving.kserve.io", "v1beta1", "inferenceservices"),
    ):
        try:
            custom.delete_namespaced_custom_object(group, version, platform.models_namespace, plural, service)
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
    """Wait until nothing is missing, looking again at each change of the InferenceService, at least every second.

    Raises:
        UserError: Something is still missing at `until`.
    """
    from kubernetes import client, watch

    custom = client.CustomObjectsApi(platform.api)
    while (lacking := missing()) is not None:
        on_state(lacking)
        if time.monotonic() > until:
            raise UserError(
                f"InferenceService {service} does not serve",
                seen=f"{lacking}\n{evidence(platform, service)}",
                next_step=f"kubectl -n {platform.models_namespace} describe inferenceservice {service}",
            )
        watcher = watch.Watch()
        for number, _ in enumerate(
            watcher.stream(
                custom.list_namespaced_custom_object,
                "serving.kserve.io",
                "v1beta1",
                platform.models_namespace,
                "inferenceservices",
                field_selector=f"metadata.name={service}",
                timeout_seconds=1,
            )
        ):
            if number > 0:  # the first is the state as it is
                watcher.stop()


def example() -> dict[str, str]:
    """Return the keys of a flight that the online store knows, from `example.yaml`."""
    from examples.flights.parameters import FOLDER

    return yaml.safe_load((FOLDER / "example.yaml").read_text())
