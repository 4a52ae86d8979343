"""The embedded node as a Kubernetes cluster: pods, DNS, volumes, services, metrics, and no route out of the machine."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import requests

import node
from artifacts.images import reference
from common import paths
from node import addresses, layout

T = TypeVar("T")
KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture(scope="module", autouse=True)
def running() -> None:
    node.start()


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    command = [str(KUBECTL), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout if check else done.stdout + done.stderr


def eventually(read: Callable[[], T], wanted: Callable[[T], bool], seconds: float = 90) -> T:
    deadline = time.monotonic() + seconds
    while not wanted(found := read()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"node-test-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    eventually(lambda: kubectl("-n", name, "get", "serviceaccount", "-o", "name"), lambda found: "default" in found)
    yield name
    kubectl("delete", "namespace", name, "--wait=true", "--timeout=120s")


def pod(name: str, script: str, **spec: object) -> dict[str, Any]:
    volumes = spec.pop("mounts", [])
    container = {
        "name": "main",
        "image": reference("base"),
        "command": ["bash", "-c", script],
        "volumeMounts": volumes,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }


def run(namespace: str, script: str, **spec: object) -> str:
    """Run `script` in a pod until it ends; return its output."""
    name = f"run-{uuid.uuid4().hex[:8]}"
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(pod(name, script, **spec)))
    eventually(
        lambda: kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}"),
        lambda phase: phase in ("Succeeded", "Failed"),
    )
    return kubectl("-n", namespace, "logs", name)


def test_names_of_services_resolve_and_foreign_names_fail_at_once(namespace: str) -> None:
    output = run(
        namespace,
        "getent hosts kubernetes.default.svc.cluster.local; getent hosts kubernetes.default;"
        " SECONDS=0; getent hosts example.org; echo status $? after $SECONDS",
    )
    first, second, last = output.splitlines()
    assert first.split()[0] == second.split()[0] == str(addresses.API_SERVICE)
    status, seconds = last.split()[1], last.split()[3]
    assert status != "0"
    assert int(seconds) < 5, "a resolver's retries take five seconds or more"


def test_nothing_reaches_the_outside(namespace: str) -> None:
    output = run(
        namespace,
        "for address in 192.0.2.1 1.1.1.1 10.0.0.1; do"
        " (exec 3<>/dev/tcp/$address/53) 2>&1 | head -1; done; cat /proc/net/route | wc -l",
    )
    assert output.count("unreachable") == 3, output
    routes = subprocess.run(
        ["ip", "-netns", addresses.NETNS, "route", "show", "default"], capture_output=True, text=True, check=True
    )
    assert routes.stdout == ""


def test_the_host_reaches_services_and_services_balance(namespace: str) -> None:
    # The request is read to its end: a socket that is closed with unread input resets, and the answer is lost.
    script = (
        "exec perl -MIO::Socket::INET -e 'my $s=IO::Socket::INET->new(LocalPort=>8080,Listen=>9,ReuseAddr=>1);"
        " while(my $c=$s->accept){while(<$c>){last if /^\\r?$/}"
        ' print $c "HTTP/1.0 200 OK\\r\\n\\r\\n$ENV{HOSTNAME}"; close $c}\''
    )
    for name in ("a", "b"):
        item = pod(f"web-{name}", script)
        item["metadata"]["labels"]["app"] = "web"
        kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(item))
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(service))
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=60s")
    address = kubectl("-n", namespace, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")

    def ask() -> str:
        try:
            with httpx.Client(trust_env=False, timeout=2) as client:
                return client.get(f"http://{address}/").text
        except httpx.TransportError as error:
            return f"{type(error).__name__}"

    seen: set[str] = set()
    eventually(lambda: seen.add(ask()) or seen, lambda found: {"web-a", "web-b"} <= found)
    # A pod that calls a Service with itself as backend must get a response, too.
    inside = kubectl(
        "-n", namespace, "exec", "web-a", "--", "bash", "-c",
        f"for i in 1 2 3 4 5 6 7 8 9 10; do exec 3<>/dev/tcp/{address}/80;"
        " printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; tail -1 <&3; echo; exec 3>&-; done",
    )  # fmt: skip
    assert len([line for line in inside.splitlines() if line.startswith("web-")]) == 10


@pytest.mark.parametrize(("storage_class", "mode"), [(None, "ReadWriteOnce"), ("shared", "ReadWriteMany")])
def test_volumes_are_made_kept_and_removed(namespace: str, storage_class: str | None, mode: str) -> None:
    name = f"data-{mode.lower()}"
    spec: dict[str, object] = {"accessModes": [mode], "resources": {"requests": {"storage": "10Mi"}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(claim))
    mount = {
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        "mounts": [{"name": "data", "mountPath": "/data"}],
        # A user other than root must be able to write.
        "securityContext": {"runAsUser": 12345, "runAsGroup": 12345, "fsGroup": 12345},
    }
    run(namespace, "echo kept > /data/file", **mount)
    assert run(namespace, "cat /data/file", **mount).strip() == "kept"
    volume = kubectl("-n", namespace, "get", "pvc", name, "-o", "jsonpath={.spec.volumeName}")
    folders = list(layout.VOLUMES.glob(f"*/{volume}_*"))
    assert len(folders) == 1
    kubectl("-n", namespace, "delete", "pod", "--field-selector=status.phase=Succeeded")
    kubectl("-n", namespace, "delete", "pvc", name)
    eventually(folders[0].exists, lambda there: not there)


def test_metrics_of_pods_and_nodes_are_served(namespace: str) -> None:
    def read() -> str:
        return kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes", check=False)

    usage = json.loads(eventually(read, lambda text: '"usage"' in text))["items"][0]
    assert usage["metadata"]["name"] == addresses.NODE_NAME
    assert int(usage["usage"]["memory"].removesuffix("Ki")) > 0


def test_exec_and_logs_work_without_names_of_nodes(namespace: str) -> None:
    item = pod("sleeper", "echo started; trap 'exit 0' TERM; sleep infinity & wait")
    kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(item))
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/sleeper", "--timeout=60s")
    assert kubectl("-n", namespace, "exec", "sleeper", "--", "cat", "/etc/hostname").strip() == "sleeper"
    assert kubectl("-n", namespace, "logs", "sleeper").strip() == "started"


def test_a_namespace_can_demand_restricted_pods(namespace: str) -> None:
    level = "pod-security.kubernetes.io/enforce"
    kubectl("label", "namespace", namespace, f"{level}=restricted", "--overwrite")
    refused = kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(pod("loose", "true")), check=False)
    kubectl("label", "namespace", namespace, f"{level}-")
    assert "violates PodSecurity" in refused


def test_strangers_see_health_and_nothing_else() -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(layout.PKI / "ca.crt")
        assert session.get(f"{addresses.API_URL}/readyz", timeout=5).status_code == 200
        assert session.get(f"{addresses.API_URL}/version", timeout=5).status_code == 401
        assert session.get(f"{addresses.API_URL}/api/v1/namespaces", timeout=5).status_code == 401
        assert session.get(f"https://{addresses.NODE}:10250/pods", timeout=5).status_code == 401


def test_the_node_may_not_touch_what_is_not_its_own(namespace: str) -> None:
    kubectl("-n", namespace, "create", "secret", "generic", "private", "--from-literal=key=value")
    config = str(layout.CONFIG / "kubelet.kubeconfig")
    command = [str(KUBECTL), "--kubeconfig", config, "-n", namespace, "get", "secret", "private"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "forbidden" in done.stderr


def test_secrets_are_encrypted_on_disk(namespace: str) -> None:
    hidden, plain = (f"marker-{uuid.uuid4().hex}" for _ in range(2))
    kubectl("-n", namespace, "create", "secret", "generic", "sealed", f"--from-literal=key={hidden}")
    kubectl("-n", namespace, "create", "configmap", "open", f"--from-literal=key={plain}")

    def on_disk(marker: str) -> bool:
        files = [path for path in layout.ETCD.rglob("*") if path.is_file()]
        return any(marker.encode() in path.read_bytes() for path in files)

    assert eventually(lambda: on_disk(plain), bool)
    assert not on_disk(hidden)


def test_keys_are_for_root_only() -> None:
    secret = [paths.KUBECONFIG, *layout.PKI.glob("*.key"), *layout.CONFIG.glob("*.kubeconfig")]
    secret.append(layout.CONFIG / "encryption.yaml")
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
