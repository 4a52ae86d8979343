"""A stand-in for the kubelets, which runs no container, pulls no image and runs no probe.

For each pod that the real scheduler placed on a node, it checks what a kubelet checks before it starts a container:
every ConfigMap, Secret and key that the pod names must exist. Then it sets the status that a kubelet sets: pods of
Jobs succeed, all others are running and ready. It releases pods that are being deleted at once.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import httpx

from tests.engine.control_plane import ControlPlane

MOMENT = "2026-01-01T00:00:00Z"
Named = tuple[str, str, str | None]
"""Kind, name and key; None for all keys."""


class Kubelets:
    """The kubelets of all nodes."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.numbers = itertools.count(1)
        self.refused: dict[str, str] = {}

    def step(self, pods: list[dict[str, Any]]) -> None:
        """Check every pod once and set its status."""
        known: dict[str, dict[str, Any] | None] = {}
        for pod in pods:
            metadata, status = pod["metadata"], pod.get("status", {})
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
            if metadata.get("deletionTimestamp"):
                self.plane.http.request("DELETE", path, json={"gracePeriodSeconds": 0})
            elif pod["spec"].get("nodeName") and status.get("phase") not in ("Running", "Succeeded", "Failed"):
                self._start(path, pod, known)

    def _start(self, path: str, pod: dict[str, Any], known: dict[str, dict[str, Any] | None]) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        lacking = sorted(self._missing(namespace, pod["spec"], known))
        if lacking:
            self.refused[f"{namespace}/{name}"] = ", ".join(lacking)
            waiting = {"reason": "CreateContainerConfigError", "message": f"not found: {', '.join(lacking)}"}
            self._status(path, "Pending", pod, {"waiting": waiting}, ready=False)
            return
        self.refused.pop(f"{namespace}/{name}", None)
        if pod["metadata"].get("ownerReferences", [{}])[0].get("kind") == "Job":
            over = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": MOMENT, "finishedAt": MOMENT}}
            self._status(path, "Succeeded", pod, over, ready=False)
        else:
            self._status(path, "Running", pod, {"running": {"startedAt": MOMENT}}, ready=True)

    def _status(self, path: str, phase: str, pod: dict[str, Any], state: dict[str, Any], *, ready: bool) -> None:
        number = next(self.numbers)
        address = f"10.{200 + number // 65536}.{number // 256 % 256}.{number % 256}"
        kinds = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
        text = "True" if ready else "False"
        conditions = [
            {"type": kind, "status": "True" if kind[0] in "IP" else text, "lastTransitionTime": MOMENT}
            for kind in kinds
        ]
        containers = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": ready,
                "started": ready,
                "restartCount": 0,
                "state": state,
            }
            for container in pod["spec"]["containers"]
        ]
        body = {"phase": phase, "conditions": conditions, "containerStatuses": containers, "startTime": MOMENT}
        if phase != "Pending":
            body.update({"podIP": address, "podIPs": [{"ip": address}], "hostIP": "10.0.0.1"})
        with contextlib.suppress(httpx.HTTPStatusError):  # the pod was deleted meanwhile
            self.plane.merge(f"{path}/status", {"status": body}, manager="kubelet")

    def _missing(self, namespace: str, spec: dict[str, Any], known: dict[str, dict[str, Any] | None]) -> Iterator[str]:
        for kind, name, key in references(spec):
            path = f"/api/v1/namespaces/{namespace}/{kind}/{name}"
            if path not in known:
                known[path] = self.plane.get(path)
            found = known[path]
            content = {**(found or {}).get("data", {}), **(found or {}).get("binaryData", {})}
            if found is None or (key is not None and key not in content):
                yield f"{kind.removesuffix('s')} {name}" + (f" key {key}" if key and found else "")


def references(spec: dict[str, Any]) -> Iterator[Named]:
    """Yield every ConfigMap and Secret that a pod cannot start without."""
    for volume in spec.get("volumes") or []:
        for source in (volume, *((volume.get("projected") or {}).get("sources") or [])):
            yield from _volume(source)
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        for entry in container.get("envFrom") or []:
            for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
                if (found := entry.get(field)) and not found.get("optional"):
                    yield kind, found["name"], None
        for entry in container.get("env") or []:
            source = entry.get("valueFrom") or {}
            for field, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
                if (found := source.get(field)) and not found.get("optional"):
                    yield kind, found["name"], found["key"]


def _volume(source: dict[str, Any]) -> Iterator[Named]:
    for field, kind, name in (("configMap", "configmaps", "name"), ("secret", "secrets", "secretName")):
        found = source.get(field)
        if found and not found.get("optional"):
            title = found.get(name) or found["name"]
            items = found.get("items") or [{"key": None}]
            for item in items:
                yield kind, title, item["key"]
