"""Test that a rebuilt cluster is distinguished from one that only lacks some objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from kubernetes import client, config

from common.errors import UserError
from infra.state import reset_cluster

DEPLOYMENT = {
    "resources": [
        {"type": "pulumi:pulumi:Stack"},
        {"type": reset_cluster.NAMESPACE, "id": "data"},
        {"type": reset_cluster.NAMESPACE, "id": "mlflow"},
        {"type": "kubernetes:core/v1:Secret", "id": "mlflow/auth"},
    ]
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text("{}")
    return path


def cluster_with(*names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [client.V1Namespace(metadata=client.V1ObjectMeta(name=name)) for name in names]

    def connect(_path: str) -> client.ApiClient:
        return client.ApiClient()

    def listed(_api: client.CoreV1Api, label_selector: str) -> client.V1NamespaceList:
        assert label_selector in {"", reset_cluster.LABEL}
        return client.V1NamespaceList(items=items)

    monkeypatch.setattr(config, "new_client_from_config", connect)
    monkeypatch.setattr(client.CoreV1Api, "list_namespace", listed)


@pytest.mark.parametrize(
    ("there", "new"),
    [(("default", "kube-system"), True), (("default", "data"), False), (("data", "mlflow"), False)],
)
def test_a_cluster_without_any_of_the_stacks_namespaces_is_new(
    there: tuple[str, ...], new: bool, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster_with(*there, monkeypatch=monkeypatch)
    assert reset_cluster.cluster_was_reset(DEPLOYMENT, str(kubeconfig)) is new


def test_a_stack_that_made_no_namespace_asks_no_cluster(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "new_client_from_config", None)
    assert not reset_cluster.cluster_was_reset({"resources": []}, str(kubeconfig))
    assert not reset_cluster.cluster_was_reset({}, str(kubeconfig))


def test_a_kubeconfig_that_is_not_there_is_left_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "new_client_from_config", None)
    assert not reset_cluster.cluster_was_reset(DEPLOYMENT, str(tmp_path / "none"))


def test_a_platform_that_an_empty_state_does_not_know_is_not_overwritten(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster_with("data", monkeypatch=monkeypatch)
    with pytest.raises(UserError, match=r"(?s)is not in this state.*data.*file:///mistyped.*PULUMI_BACKEND_URL"):
        reset_cluster.refuse_unknown_platform({}, str(kubeconfig), "file:///mistyped")
    for known in ({"resources": ["one"]}, {"pending_operations": ["one"]}):
        reset_cluster.refuse_unknown_platform(known, str(kubeconfig), "file:///mistyped")
    cluster_with(monkeypatch=monkeypatch)
    reset_cluster.refuse_unknown_platform({}, str(kubeconfig), "file:///mistyped")
