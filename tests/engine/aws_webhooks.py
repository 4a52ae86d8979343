"""Answers for admission webhooks, on the Service address of the webhook and with the certificate that its pod mounts.

The API server makes its real call, over TLS that it verifies with the configuration's caBundle. The answer always
allows the request. The control plane's Services must have addresses on loopback.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from tests.engine.control_plane import ControlPlane

KINDS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


class _Yes(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {
            "apiVersion": request["apiVersion"],
            "kind": request["kind"],
            "response": {"uid": request["request"]["uid"], "allowed": True},
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        return


class Webhooks:
    """Serves every webhook whose pods are ready."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.servers: dict[tuple[str, int], ThreadingHTTPServer] = {}

    def step(self, pods: list[dict[str, Any]]) -> None:
        """Start to serve webhooks whose pods became ready, and stop the others."""
        wanted: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}
        for kind in KINDS:
            listed = self.plane.get(f"/apis/admissionregistration.k8s.io/v1/{kind}") or {}
            for entry in listed.get("items", []):
                for webhook in entry.get("webhooks") or []:
                    self._find(webhook, pods, wanted)
        for address in self.servers.keys() - wanted.keys():
            self._end(address)
        for address, (namespace, pod) in wanted.items():
            if address not in self.servers:
                self._begin(address, namespace, pod)

    def close(self) -> None:
        """End all."""
        for address in list(self.servers):
            self._end(address)

    def _find(
        self,
        webhook: dict[str, Any],
        pods: list[dict[str, Any]],
        wanted: dict[tuple[str, int], tuple[str, dict[str, Any]]],
    ) -> None:
        target = webhook["clientConfig"].get("service")
        if not target:
            return
        service = self.plane.get(f"/api/v1/namespaces/{target['namespace']}/services/{target['name']}")
        if not service:
            return
        chosen = (service["spec"].get("selector") or {}).items()
        for pod in pods:
            if pod["metadata"]["namespace"] != target["namespace"] or pod.get("status", {}).get("phase") != "Running":
                continue
            if chosen <= (pod["metadata"].get("labels") or {}).items():
                wanted[service["spec"]["clusterIP"], int(target.get("port") or 443)] = (target["namespace"], pod)

    def _begin(self, address: tuple[str, int], namespace: str, pod: dict[str, Any]) -> None:
        for volume in pod["spec"].get("volumes") or []:
            name = (volume.get("secret") or {}).get("secretName")
            secret = self.plane.get(f"/api/v1/namespaces/{namespace}/secrets/{name}") if name else None
            if not secret or "tls.crt" not in secret.get("data", {}):
                continue
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.TemporaryDirectory() as place:
                certificate, key = Path(place) / "tls.crt", Path(place) / "tls.key"
                for file in (certificate, key):
                    file.write_bytes(base64.b64decode(secret["data"][file.name]))
                context.load_cert_chain(certificate, key)
            with contextlib.suppress(OSError):
                server = ThreadingHTTPServer(address, _Yes)
                server.socket = context.wrap_socket(server.socket, server_side=True)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                self.servers[address] = server
            return

    def _end(self, address: tuple[str, int]) -> None:
        server = self.servers.pop(address)
        server.shutdown()
        server.server_close()
