"""Minimal Kubernetes API client for starting a node: readiness, reading objects, server-side apply.

It sends plain HTTP requests, because discovery, OpenAPI and aggregated APIs are not available during the start.
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
"""Kind -> (plural, whether it is namespaced), for the kinds in manifests/."""


class ApiError(Exception):
    """A request to the API server failed; the text is the server's message."""


class Api:
    """A client that authenticates with the administrator's certificate.

    Args:
        url: Base URL of the API server.
    """

    def __init__(self, url: str = addresses.API_URL) -> None:
        self.url = url
        self.session = requests.Session()
        # Ignore REQUESTS_CA_BUNDLE and proxy variables: the server's certificate is signed by a private authority.
        self.session.trust_env = False
        self.session.verify = str(layout.PKI / "ca.crt")
        self.session.cert = (str(layout.PKI / "admin.crt"), str(layout.PKI / "admin.key"))

    def unready(self) -> str | None:
        """Return why the API server is not ready, or None when it is."""
        try:
            answer = self.session.get(f"{self.url}/readyz?verbose", timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            return f"{self.url} does not respond ({type(error).__name__})"
        if answer.ok:
            return None
        failing = [line[3:] for line in answer.text.splitlines() if line.startswith("[-]")]
        return "; ".join(failing) or f"{answer.status_code} {answer.text[:200]}"

    def get(self, path: str) -> Object:
        """Return the object or list at `path`, such as `/api/v1/nodes`.

        Raises:
            ApiError: The response is not 2xx, or there is no response.
        """
        return self._call("GET", path)

    def apply(self, item: Object) -> Object:
        """Server-side apply `item`; take over fields from other managers.

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
