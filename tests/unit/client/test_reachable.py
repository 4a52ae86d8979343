"""A cluster that does not answer is reported before anything is changed, with the ways to continue."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, answering

from client.reachable import FORGET, Server, require_cluster, server_of, silent_clusters, why_silent
from common.errors import UserError
from components.kubernetes.certificates import Issued, issue
from infra.state import guards
from infra.state.guards import LocalCluster, check_in_program, check_state

URN = "urn:pulumi:local::mlplatform::pulumi:providers:kubernetes::kubernetes"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """Answer like an API server that requires a login."""
    with answering({"/livez": Answer(401)}) as address:
        yield address


@pytest.fixture
def silent() -> Iterator[str]:
    """Accept connections and never answer, like a server that hangs."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": server}}],
        }
    )


def state(config: object, objects: int = 2) -> dict[str, Any]:
    one = {"type": "kubernetes:core/v1:ConfigMap", "provider": f"{URN}::1", "outputs": {"__inputs": "x"}}
    provider = {"urn": URN, "type": "pulumi:providers:kubernetes", "id": "1", "inputs": {"kubeconfig": config}}
    return {"resources": [provider, *({**one, "urn": f"{URN}::{number}"} for number in range(objects))]}


def unused() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{probe.getsockname()[1]}"


def test_any_answer_counts_and_a_hanging_server_does_not(base: str, silent: str) -> None:
    assert why_silent(Server(base)) is None
    assert "no answer within" in (why_silent(Server(silent), 0.2) or "")
    assert "refused" in (why_silent(Server(unused())) or "")


@contextlib.contextmanager
def speaking_tls(issued: Issued, folder: Path) -> Iterator[str]:
    """Answer over TLS with a certificate."""
    chain, key = folder / "server.crt", folder / "server.key"
    chain.write_text(issued.certificate)
    key.write_text(issued.private_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_under_another_certificate_is_not_from_the_cluster(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    own, other = issue(["localhost"], now=now), issue(["localhost"], now=now)
    with speaking_tls(own, tmp_path) as url:
        assert why_silent(Server(url, own.ca)) is None
        assert "another certificate" in (why_silent(Server(url, other.ca)) or "")
    encoded = base64.b64encode(own.ca.encode()).decode()
    text = kubeconfig("https://one").replace('"server"', f'"certificate-authority-data": "{encoded}", "server"')
    assert server_of(text) == Server("https://one", own.ca)


def test_the_server_is_read_from_a_path_and_from_content(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig("https://one"))
    assert server_of(str(path)) == Server("https://one")
    assert server_of(kubeconfig("https://two")) == Server("https://two")
    assert server_of(str(tmp_path / "absent")) is None
    assert server_of('{"current-context": "gone"}') is None


@pytest.mark.parametrize("operation", ["up", "destroy", "refresh"])
def test_what_changes_objects_is_refused(operation: Any) -> None:
    with pytest.raises(UserError) as refused:
        check_state(operation, state(kubeconfig(unused())), "local", local=True)
    message = str(refused.value)
    assert "does not answer; nothing was touched" in message
    assert "2 objects" in message
    assert "mlp cluster start" in message
    assert "mlp destroy --stack local --forget-cluster" in message


def test_on_aws_the_message_does_not_name_the_embedded_cluster() -> None:
    with pytest.raises(UserError) as refused:
        check_state("up", state(kubeconfig(unused())), "dev", local=False)
    assert "mlp cluster start" not in str(refused.value)
    assert "mlp destroy --stack dev --forget-cluster" in str(refused.value)


def test_a_preview_uses_the_state_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    check_state("preview", state(kubeconfig(unused())), "local", local=True)
    assert "uses the state alone" in capsys.readouterr().out


def test_a_state_without_objects_and_an_unreadable_kubeconfig_pass() -> None:
    assert silent_clusters(state(kubeconfig(unused()), objects=0)) == []
    assert silent_clusters(state({"ciphertext": "v1:abc"})) == []
    assert silent_clusters({}) == []


def test_objects_are_forgotten_only_when_the_cluster_is_silent(base: str) -> None:
    preparation = check_state("destroy", state(kubeconfig(unused())), "local", local=True, forget_cluster=True)
    assert preparation.environment == {FORGET: "true"}
    with pytest.raises(UserError, match="answers; nothing was removed from the state"):
        check_state("destroy", state(kubeconfig(base)), "local", local=True, forget_cluster=True)


def test_a_command_that_needs_the_cluster_is_refused_too(
    base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    monkeypatch.setattr("common.paths.KUBECONFIG", path)
    with pytest.raises(UserError, match="mlp cluster start"):
        require_cluster(str(path), "local")
    path.write_text(kubeconfig(unused()))
    with pytest.raises(UserError, match="mlp cluster start"):
        require_cluster(str(path), "local")
    path.write_text(kubeconfig(base))
    require_cluster(str(path), "local")
    require_cluster(None, "dev")


def test_plain_pulumi_previews_and_refuses_an_update_in_the_program() -> None:
    check_in_program(state(kubeconfig(unused())), "dev", dry_run=True, local=False)
    with pytest.raises(UserError, match="nothing was touched"):
        check_in_program(state(kubeconfig(unused())), "dev", dry_run=False, local=False)


def test_plain_pulumi_refuses_an_empty_state_over_a_running_platform(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise UserError("The cluster runs a platform that is not in this state; nothing was touched.")

    monkeypatch.setattr(guards, "refuse_unknown_platform", refuse)
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(base))
    cluster = LocalCluster(str(path), "file:///mistyped")
    with pytest.raises(UserError, match="runs a platform"):
        check_in_program({}, "local", dry_run=False, local=True, cluster=cluster)
    with pytest.raises(UserError, match="runs a platform"):
        check_state("up", {}, "local", local=True, cluster=cluster)
    assert asked == [({}, str(path), "file:///mistyped")] * 2

    # A preview, another operation, a state with resources, and a cluster that was never started need no check.
    check_in_program({}, "local", dry_run=True, local=True, cluster=cluster)
    check_state("destroy", {}, "local", local=True, cluster=cluster)
    check_in_program(state(kubeconfig(base)), "local", dry_run=False, local=True, cluster=cluster)
    absent = LocalCluster(str(tmp_path / "absent"), "file:///mistyped")
    check_in_program({}, "local", dry_run=False, local=True, cluster=absent)
    assert len(asked) == 2


def test_an_empty_state_and_a_silent_cluster_are_refused_with_the_way_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(unused()))
    monkeypatch.setattr("common.paths.KUBECONFIG", path)
    with pytest.raises(UserError, match="mlp cluster start"):
        check_in_program({}, "local", dry_run=False, local=True, cluster=LocalCluster(str(path), "file:///state"))
