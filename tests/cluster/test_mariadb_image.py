"""The MariaDB image under the platform's conditions: no root, a read-only root file system, an empty volume."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.cluster.mariadb import ASK, PASSWORD, READY_SECONDS, Server, kubectl, namespace_for_a_server


@pytest.fixture
def server() -> Iterator[Server]:
    with namespace_for_a_server() as made:
        yield made


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
