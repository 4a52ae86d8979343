"""The MariaDB image by itself, as the platform runs it: no root, a read-only root file system, an empty volume."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import images
from local import cluster
from mlp import paths

KUBECTL = Path(sys.executable).with_name("kubectl")
PASSWORD = "it's \\a\" $(pass)"
READY_SECONDS = 90
ASK = (
    'mariadb --no-defaults --batch --skip-column-names --host=127.0.0.1 --user=root --execute "$1" 2>&1',
    "mariadb --no-defaults --batch --socket=/tmp/mariadb.sock --user=root --execute 'SELECT 1' 2>&1",
)


def kubectl(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(KUBECTL), "--kubeconfig", str(paths.KUBECONFIG), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def pod(script: str | None = None) -> dict[str, Any]:
    """A server on a volume that outlives its container; `script` runs in the image before it."""
    secure = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "server",
        "image": images.reference("mariadb"),
        "env": [{"name": "MARIADB_ROOT_PASSWORD_FILE", "value": "/secret/password"}],
        "securityContext": secure,
        "volumeMounts": [
            {"name": "secret", "mountPath": "/secret"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "data", "mountPath": "/var/lib/mysql"},
        ],
    }
    before = [{**container, "name": "before", "args": ["sh", "-c", script]}] if script else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mariadb"},
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

    def start(self, script: str | None = None) -> None:
        made = kubectl("-n", self.namespace, "create", "-f", "-", stdin=json.dumps(pod(script)))
        assert made.returncode == 0, made.stderr
        self.await_answer(PASSWORD)

    def ask(self, password: str, statement: str, way: str = ASK[0]) -> str:
        shell = ["sh", "-c", f'MYSQL_PWD="$2"; export MYSQL_PWD; {way}', "sh", statement, password]
        return kubectl("-n", self.namespace, "exec", "mariadb", "--", *shell).stdout.strip()

    def await_answer(self, password: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while (seen := self.ask(password, "SELECT 'yes'")) != "yes":
            logs = kubectl("-n", self.namespace, "logs", "mariadb", "--tail=20").stdout
            assert time.monotonic() < end, f"no answer but {seen!r}\n{logs}"
            time.sleep(0.5)


@pytest.fixture
def server() -> Iterator[Server]:
    cluster.start()
    images.ensure(["mariadb"])
    images.load(["mariadb"])
    namespace = f"mariadb-test-{uuid.uuid4().hex[:6]}"
    assert kubectl("create", "namespace", namespace).returncode == 0
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "password"},
        "data": {"password": base64.b64encode(PASSWORD.encode()).decode()},
    }
    assert kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(secret)).returncode == 0
    yield Server(namespace)
    kubectl("delete", "namespace", namespace, "--wait=true", "--timeout=120s")


def test_only_the_password_opens_it_and_text_is_utf8(server: Server) -> None:
    server.start()
    for way in ASK:
        assert "Access denied" in server.ask("", "SELECT 1", way)
    assert server.ask(PASSWORD, "SELECT @@character_set_server, CURRENT_USER()") == "utf8mb4\troot@%"
    others = server.ask(PASSWORD, "SELECT user, host FROM mysql.user WHERE user NOT IN ('root', 'mariadb.sys')")
    assert others == ""


def test_a_start_that_was_killed_half_way_is_made_again_and_data_outlive_the_container(server: Server) -> None:
    server.start("mkdir -p /var/lib/mysql/data.new/mysql && echo half > /var/lib/mysql/data.new/mysql/user.frm")
    server.ask(
        PASSWORD, "CREATE DATABASE kept; CREATE TABLE kept.words (word text); INSERT kept.words VALUES ('flüge')"
    )
    kubectl("-n", server.namespace, "exec", "mariadb", "--", "sh", "-c", "kill -TERM 1")
    end = time.monotonic() + READY_SECONDS
    while (
        server.ask(PASSWORD, "SELECT @@version")
        and kubectl(
            "-n",
            server.namespace,
            "get",
            "pod",
            "mariadb",
            "-o",
            "jsonpath={.status.containerStatuses[0].restartCount}",
        ).stdout
        == "0"
    ):
        assert time.monotonic() < end, "the container was never restarted"
    server.await_answer(PASSWORD)
    assert server.ask(PASSWORD, "SELECT word FROM kept.words") == "flüge"
