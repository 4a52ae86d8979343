"""Reads the health of a running platform: workloads with the reasons of unready pods, served models, URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from client import pods
from client.kube import error_text
from common.errors import UserError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")

PART = "app.kubernetes.io/part-of"
"""Label of the objects that the program itself declares."""

SECONDS = 5.0
"""Time limit of a request; a healthy application answers within it."""

OBJECT = "{object}"
"""Placeholder in a path for the name of an object that users created."""

REASON_CHARACTERS = 160
"""Longest reason in the table."""


@dataclass(frozen=True)
class Workload:
    """One long-running workload: number of ready and of wanted pods, and the reason of unready pods."""

    namespace: str
    name: str
    ready: int
    wanted: int
    reason: str = ""

    @property
    def ok(self) -> bool:
        """True when pods are wanted and all of them are ready."""
        return self.ready >= self.wanted > 0


@dataclass(frozen=True)
class Address:
    """One URL, the response to a GET request (status or error), and whether it is that of a healthy application."""

    name: str
    url: str
    response: str
    ok: bool


def ask_cluster(stack: str, request: Callable[[], T]) -> T:
    """Return the result of a request to the cluster.

    Raises:
        UserError: The cluster does not answer, or refuses the request.
    """
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        return request()
    except ApiException as error:
        raise UserError(
            f"The cluster of stack {stack} refused a request.",
            seen=error_text(error)[-300:],
            allowed="a kubeconfig that may read all namespaces",
            next_step=f"check who the kubeconfig logs in as, then mlp status --stack {stack}",
        ) from error
    except HTTPError as error:
        raise UserError(
            f"The cluster of stack {stack} does not answer.",
            seen=error_text(error)[-300:],
            next_step="mlp cluster status shows what runs on one machine; mlp cluster start starts it",
        ) from error


def workloads(api: ApiClient, namespaces: set[str]) -> list[Workload]:
    """Return the Deployments and StatefulSets in `namespaces`, and those that the program declares elsewhere."""
    from kubernetes.client import AppsV1Api, CoreV1Api

    apps, core = AppsV1Api(api), CoreV1Api(api)
    options = {"_request_timeout": SECONDS}
    sets = apps.list_deployment_for_all_namespaces(**options).items
    sets += apps.list_stateful_set_for_all_namespaces(**options).items
    found = []
    for item in sets:
        if item.metadata.namespace not in namespaces and (item.metadata.labels or {}).get(PART) != "mlplatform":
            continue
        ready, wanted = item.status.ready_replicas or 0, item.spec.replicas
        reason = ""
        if wanted == 0:
            reason = "scaled to zero"
        elif ready < wanted:
            selector = ",".join(f"{k}={v}" for k, v in (item.spec.selector.match_labels or {}).items())
            listed = core.list_namespaced_pod(item.metadata.namespace, label_selector=selector, **options).items
            reasons = [f"{pod.metadata.name}: {text}" for pod in listed for text in pods.why_not_ready(pod)[:1]]
            reason = reasons[0][:REASON_CHARACTERS] if reasons else "no reason yet" if listed else "no pod yet"
        found.append(Workload(item.metadata.namespace, item.metadata.name, ready, wanted, reason))
    return sorted(found, key=lambda w: (w.namespace, w.name))


def services(api: ApiClient) -> list[str]:
    """Return `<team>/<name>` of every InferenceService; empty where KServe is not installed."""
    from kubernetes.client import ApiException, CustomObjectsApi

    try:
        listed = CustomObjectsApi(api).list_cluster_custom_object(
            "serving.kserve.io", "v1beta1", "inferenceservices", _request_timeout=SECONDS
        )
    except ApiException as error:
        if error.status == 404:
            return []
        raise
    return sorted(f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in listed["items"])


def addresses(urls: Mapping[str, str], health: Mapping[str, str | None], objects: Sequence[str]) -> list[Address]:
    """Send a health request to every application and every served model, through the Gateway.

    Args:
        urls: Base URLs by name, as the stack exports them.
        health: Health path below each URL, as the stack exports it; `/health` for a URL that is not in it. `{object}`
            stands for each of `objects`. None: every status below 500 is healthy.
        objects: `<team>/<name>` of InferenceServices.
    """
    found: list[Address] = []
    for name, url in urls.items():
        path = health.get(name, "/health")
        if path is None:
            response = _get(url)
            alive = response.isdigit() and int(response) < 500
            found.append(Address(name, url, "answers" if alive else response, alive))
        elif OBJECT in path:
            found += [
                _healthy(f"{name}: {item}", f"{url}/{item}", url + path.replace(OBJECT, item)) for item in objects
            ]
        else:
            found.append(_healthy(name, url, url + path))
    return found


def _healthy(name: str, url: str, probe: str) -> Address:
    response = _get(probe)
    return Address(name, url, response, response == "200")


def _get(url: str) -> str:
    import httpx

    try:
        return str(httpx.get(url, timeout=SECONDS, trust_env=False).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__
