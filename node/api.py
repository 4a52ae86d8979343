"""The little of the Kubernetes API that starting a node takes: readiness, server-side apply, reading conditions.

Plain requests, because a node must be started before discovery, OpenAPI and aggregated APIs answer.
"""

from __future__ import annotations

import json
from typing import Any

import requests

from node import addresses, layout

FIELD_MANAGER = "mlp-cluster"
TIMEOUT_SECONDS = 10.0

Object = dict[str, Any]

RESOURCES: dict[str, tuple[str, bool]] = {
    "Namespace": ("namespaces", False),
    "ServiceAccount": ("serviceaccounts", True),
    "ConfigMap": ("configmaps", True),
    "Secret": ("secrets", True),
    "Service": ("services", True),
    "Deployment": ("deployments", True),
    "PodDisruptionBudget": ("poddisruptionbudgets", True),
    "Role": ("roles", True),
    "RoleBinding": ("rolebindings", True),
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "StorageClass": ("storageclasses", False),
    "APIService": ("apiservices", False),
}
"""Kind -> plural and whether it is namespaced, for the kinds in manifests/."""


class ApiError(Exception):
    """The API server answered with an error; carries its message."""


class Api:
    """A client with the administrator's certificate.

    Args:
        url: Base address; the node's API server unless a test says otherwise.
    """

    def __init__(self, url: str = addresses.API_URL) -> None:
        self.url = url
        self.session = requests.Session()
        # Otherwise REQUESTS_CA_BUNDLE and proxies of the caller's environment would be used for a private authority.
        self.session.trust_env = False
        self.session.verify = str(layout.PKI / "ca.crt")
        self.session.cert = (str(layout.PKI / "admin.crt"), str(layout.PKI / "admin.key"))

    def unready(self) -> str | None:
        """Return why the API server is not ready, or None when it is."""
        try:
            answer = self.session.get(f"{self.url}/readyz?verbose", timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"no answer from {self.url} ({type(error).__name__})"
        if answer.ok:
            return None
        failing = [line[3:] for line in answer.text.splitlines() if line.startswith("[-]")]
        return "; ".join(failing) or f"{answer.status_code} {answer.text[:200]}"

    def get(self, path: str) -> Object:
        """Return the object or list at `path`, such as `/api/v1/nodes`.

        Raises:
            ApiError: Any answer but 2xx, or none.
        """
        return self._call("GET", path)

    def apply(self, item: Object) -> Object:
        """Server-side apply `item`, taking fields over from whoever set them.

        Raises:
            ApiError: The server refused it.
        """
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        return self._call("PATCH", path_of(item) + query, item, "application/apply-patch+yaml")

    def _call(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Object:
        content = None if body is None else json.dumps(body)
        try:
            answer = self.session.request(
                method, self.url + path, data=content, headers={"Content-Type": kind}, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise ApiError(f"{method} {path}: {error}") from error
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def path_of(item: Object) -> str:
    """Return the API path of an object of one of the `RESOURCES`."""
    plural, namespaced = RESOURCES[item["kind"]]
    version = item["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    middle = f"/namespaces/{item['metadata']['namespace']}" if namespaced else ""
    return f"{root}{middle}/{plural}/{item['metadata']['name']}"
