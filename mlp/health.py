"""What runs on a platform, what does not and why: workloads, served models, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from common.errors import UserError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

T = TypeVar("T")

PART = "app.kubernetes.io/part-of"
"""Label of everything that the program declares itself."""

SECONDS = 5.0
"""What answers at all answers within this."""


@dataclass(frozen=True)
class Workload:
    """One long-running workload: ready and wanted pods, and why pods are not ready."""

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
    """One URL, what a GET of it said, and whether that is what a healthy application says."""

    name: str
    url: str
    said: str
    ok: bool


def asked(stack: str, question: Callable[[], T]) -> T:
    """Return the cluster's answer to `question`.

    Raises:
        UserError: The cluster does not answer, or refuses.
    """
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        return question()
    except (ApiException, HTTPError) as error:
        status = getattr(error, "status", None)
        seen = f"{status} {getattr(error, 'reason', '')}" if status else str(error).splitlines()[0][-300:]
        raise UserError(
            f"the cluster of stack {stack} does not answer", seen=seen, next_step=f"mlp up --stack {stack}"
        ) from error


def workloads(api: ApiClient, namespaces: set[str]) -> list[Workload]:
    """Return the Deployments and StatefulSets of `namespaces`, and those that the program declares elsewhere."""
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
            pods = core.list_namespaced_pod(item.metadata.namespace, label_selector=selector).items
            reason = next((text for text in map(_reason, pods) if text), "no pod yet")
        found.append(Workload(item.metadata.namespace, item.metadata.name, ready, wanted, reason))
    return sorted(found, key=lambda w: (w.namespace, w.name))


def _reason(pod: Any) -> str:  # noqa: ANN401 the client's models carry no useful types
    for status in pod.status.container_statuses or []:
        state = status.state
        if state.waiting and state.waiting.reason:
            return f"{pod.metadata.name}: {state.waiting.reason} {(state.waiting.message or '')[:120]}".strip()
        if state.terminated:
            return f"{pod.metadata.name}: ended with {state.terminated.exit_code} ({state.terminated.reason})"
    unmet = [c.message for c in pod.status.conditions or [] if c.status != "True" and c.message]
    return f"{pod.metadata.name}: {unmet[0]}" if unmet else ""


def services(api: ApiClient) -> list[str]:
    """Return the names of the InferenceServices; none where KServe is not there yet."""
    from kubernetes.client import ApiException, CustomObjectsApi

    try:
        listed = CustomObjectsApi(api).list_cluster_custom_object(
            "serving.kserve.io", "v1beta1", "inferenceservices", _request_timeout=SECONDS
        )
    except ApiException as error:
        if error.status == 404:
            return []
        raise
    return sorted(item["metadata"]["name"] for item in listed["items"])


def addresses(urls: Mapping[str, str], health: Mapping[str, str | None], objects: Sequence[str]) -> list[Address]:
    """Ask every application, and everything that users serve, through the Gateway.

    Args:
        urls: Base URLs by name, as the stack exports them.
        health: Path below each URL, as the stack exports it: `{object}` stands for each of `objects`, and None means
            that every answer below 500 is healthy. `/health` for a URL that it does not name.
        objects: Names of InferenceServices.
    """
    found: list[Address] = []
    for name, url in urls.items():
        path = health.get(name, "/health")
        if path is None:
            said = _get(url)
            alive = said.isdigit() and int(said) < 500
            found.append(Address(name, url, "answers" if alive else said, alive))
        elif OBJECT in path:
            found += [
                _healthy(f"{name}: {item}", f"{url}/{item}", url + path.replace(OBJECT, item)) for item in objects
            ]
        else:
            found.append(_healthy(name, url, url + path))
    return found


OBJECT = "{object}"
"""Stands in a path for the name of an object that users made."""


def _healthy(name: str, url: str, probe: str) -> Address:
    said = _get(probe)
    return Address(name, url, said, said == "200")


def _get(url: str) -> str:
    import httpx

    try:
        return str(httpx.get(url, timeout=SECONDS, trust_env=False).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__
