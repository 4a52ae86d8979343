"""A MariaDB server in a separate namespace, with the image that the platform runs."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import node
from artifacts import images
from common import paths

KUBECTL = Path(sys.executable).with_name("kubectl")
PASSWORD = "it's \\a\" $(pass)"
READY_SECONDS = 90
ASK = (
    'mariadb --no-defaults --batch --skip-column-names --host=127.0.0.1 --user=root --execute "$1" 2>&1',
    "mariadb --no-defaults --batch --socket=/tmp/mariadb.sock --user=root --execute 'SELECT 1' 2>&1",
)


def kubectl(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl on the embedded cluster."""
    command = [str(KUBECTL), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def secured(name: str, image: str, **more: Any) -> dict[str, Any]:
    """Return a container without any privilege."""
    secure = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {"name": name, "image": images.reference(image), "securityContext": secure, **more}


def pod(script: str | None = None, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """A server on a volume that outlives its container; `script` runs in the image before it."""
    container = secured(
        "server",
        "mariadb",
        env=[{"name": "MARIADB_ROOT_PASSWORD_FILE", "value": "/secret/password"}],
        args=list(arguments),
        volumeMounts=[
            {"name": "secret", "mountPath": "/secret"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "data", "mountPath": "/var/lib/mysql"},
        ],
    )
    before = [{**container, "name": "before", "args": ["sh", "-c", script]}] if script else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mariadb", "labels": {"app": "mariadb"}},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "fsGroup": 10004},
            "terminationGracePeriodSeconds": 5,
            "initContainers": before,
            "containers": [container],
            "volumes": [
                {"name": "secret", "secret": {"secretName": "password", "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "data", "emptyDir": {}},
            ],
        },
    }


class Server:
    """The pod in a namespace of its own."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def create(self, item: dict[str, Any]) -> None:
        """Create an object in the namespace."""
        made = kubectl("-n", self.namespace, "create", "-f", "-", stdin=json.dumps(item))
        assert made.returncode == 0, made.stderr

    def secret(self, name: str, values: Mapping[str, str]) -> None:
        """Create a Secret."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data})

    def start(self, script: str | None = None, arguments: Sequence[str] = ()) -> None:
        """Start the server and wait until it answers."""
        self.create(pod(script, arguments))
        self.await_answer(PASSWORD)

    def ask(self, password: str, statement: str, way: str = ASK[0]) -> str:
        """Return what the server says to a statement of root, errors included."""
        shell = ["sh", "-c", f'MYSQL_PWD="$2"; export MYSQL_PWD; {way}', "sh", statement, password]
        return kubectl("-n", self.namespace, "exec", "mariadb", "--", *shell).stdout.strip()

    def logs(self, name: str) -> str:
        """Return a pod's log; why a Go program gave up stands above the dump of its goroutines."""
        return kubectl("-n", self.namespace, "logs", name).stdout

    def await_answer(self, password: str) -> None:
        """Wait until root may ask."""
        end = time.monotonic() + READY_SECONDS
        while (seen := self.ask(password, "SELECT 'yes'")) != "yes":
            assert time.monotonic() < end, f"no answer but {seen!r}\n{self.logs('mariadb')}"
            time.sleep(0.5)


@contextmanager
def namespace_for_a_server(*others: str) -> Iterator[Server]:
    """Make a namespace with the password in it; it goes afterwards. Images of `others` are there too."""
    node.start()
    images.ensure(["mariadb", *others])
    images.load(["mariadb", *others])
    namespace = f"mariadb-test-{uuid.uuid4().hex[:6]}"
    assert kubectl("create", "namespace", namespace).returncode == 0
    server = Server(namespace)
    server.secret("password", {"password": PASSWORD})
    yield server
    kubectl("delete", "namespace", namespace, "--wait=true", "--timeout=120s")
