"""A real control plane on loopback, without nodes: etcd, kube-apiserver and kube-controller-manager.

The real controllers create the pods of workloads; tests act as the kubelet and patch the status of pods.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from artifacts.toolchain import binary
from node import pki

START_SECONDS = 60.0
WEBHOOKS = ["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"]


@dataclass(frozen=True)
class ControlPlane:
    """Address and credentials of a control plane."""

    url: str
    folder: Path
    kubeconfig: Path
    http: httpx.Client

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self.http.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def put(self, path: str, body: dict[str, Any], manager: str = "tests") -> dict[str, Any]:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        query = {"fieldManager": manager, "force": "true"}
        return self.http.patch(path, json=body, params=query, headers=headers).raise_for_status().json()

    def merge(self, path: str, body: dict[str, Any], manager: str = "kubectl-edit") -> dict[str, Any]:
        headers = {"Content-Type": "application/merge-patch+json"}
        return (
            self.http.patch(path, json=body, params={"fieldManager": manager}, headers=headers)
            .raise_for_status()
            .json()
        )

    def delete(self, path: str) -> None:
        self.http.request("DELETE", path)

    def namespace(self, name: str) -> str:
        self.put(f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        return (self.get(f"/api/v1/namespaces/{namespace}/pods") or {})["items"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def control_plane(
    folder: Path, *, service_range: str = "198.19.0.0/16", scheduler: bool = False, webhooks: bool = True
) -> Iterator[ControlPlane]:
    """Run a control plane in `folder` until the block ends.

    Args:
        folder: Folder of its data, keys and logs.
        service_range: Range of ClusterIPs; with a range on loopback a test can answer for a Service.
        scheduler: Also run kube-scheduler, for tests that create nodes. Nodes then stay ready without heartbeats.
        webhooks: Call the webhooks that objects configure; without nodes, tests must answer for them.
    """
    keys = folder / "pki"
    pki.ensure(keys)
    ports = {name: free_port() for name in ("etcd", "peer", "api", "controllers")}
    url = f"https://127.0.0.1:{ports['api']}"
    kubeconfig = _kubeconfig(folder / "kubeconfig", url, keys, "admin")
    controllers = _kubeconfig(folder / "controllers", url, keys, "controller-manager")
    etcd = f"http://127.0.0.1:{ports['etcd']}"
    with contextlib.ExitStack() as running:
        _run(
            running,
            folder,
            "etcd",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{ports['peer']}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{ports['peer']}",
            f"--initial-cluster=default=http://127.0.0.1:{ports['peer']}",
            "--unsafe-no-fsync",
        )
        api = _run(
            running,
            folder,
            "kube-apiserver",
            "--bind-address=127.0.0.1",
            "--advertise-address=198.18.0.2",
            "--endpoint-reconciler-type=none",
            f"--secure-port={ports['api']}",
            f"--etcd-servers={etcd}",
            "--authorization-mode=RBAC",
            f"--disable-admission-plugins={','.join(['ServiceAccount', *([] if webhooks else WEBHOOKS)])}",
            f"--client-ca-file={keys / 'ca.crt'}",
            f"--tls-cert-file={keys / 'apiserver.crt'}",
            f"--tls-private-key-file={keys / 'apiserver.key'}",
            f"--service-cluster-ip-range={service_range}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys / 'service-account.pub'}",
            f"--service-account-signing-key-file={keys / 'service-account.key'}",
        )
        http = running.enter_context(_client(url, keys))
        _await(http, api, folder / "kube-apiserver.log")
        _run(
            running,
            folder,
            "kube-controller-manager",
            f"--kubeconfig={controllers}",
            "--bind-address=127.0.0.1",
            f"--secure-port={ports['controllers']}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            "--allocate-node-cidrs=false",
            f"--service-account-private-key-file={keys / 'service-account.key'}",
            f"--root-ca-file={keys / 'ca.crt'}",
            *(["--node-monitor-grace-period=24h"] if scheduler else []),
        )
        if scheduler:
            _run(
                running,
                folder,
                "kube-scheduler",
                f"--kubeconfig={kubeconfig}",
                "--bind-address=127.0.0.1",
                f"--secure-port={free_port()}",
                "--leader-elect=false",
            )
        yield ControlPlane(url, folder, kubeconfig, http)


def _client(url: str, keys: Path) -> httpx.Client:
    import ssl

    context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    return httpx.Client(base_url=url, verify=context, trust_env=False, timeout=30)


def _kubeconfig(path: Path, url: str, keys: Path, user: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(keys / "ca.crt")}}],
        "users": [
            {
                "name": user,
                "user": {"client-certificate": str(keys / f"{user}.crt"), "client-key": str(keys / f"{user}.key")},
            }
        ],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path


def _run(running: contextlib.ExitStack, folder: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    log = running.enter_context((folder / f"{program}.log").open("wb"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOGC": "50"}
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", str(binary(program)), *arguments],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=folder,
    )
    running.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline, last = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < deadline:
        assert process.poll() is None, f"kube-apiserver ended:\n{log.read_text()[-3000:]}"
        try:
            answer = http.get("/readyz")
            if answer.status_code == 200:
                return
            last = answer.text
        except httpx.HTTPError as error:
            last = str(error)
        time.sleep(0.1)
    raise AssertionError(f"timed out after {START_SECONDS:.0f} s waiting for kube-apiserver: {last}")


def clean(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
