"""Test how answers about CRDs are read, without a server."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from components.kubernetes import crd_apply, crds

PROPS = {"kubeconfig": "k", "sha256": "s", "names": ["a.example.org"]}


def answer(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def request(*_args: object, names_only: bool) -> Any:
        assert names_only
        return value

    def client(_kubeconfig: str) -> Any:
        return request

    monkeypatch.setattr(crd_apply, "_client", client)


@pytest.mark.parametrize("items", [None, []])
def test_a_server_without_any_definition_lacks_all(items: list[Any] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without any CRD answers `items: null`."""
    answer({"items": items}, monkeypatch)
    assert crd_apply.missing(PROPS) == ["a.example.org"]


def test_a_definition_from_another_file_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = {crd_apply.DIGEST: "other"}
    answer({"items": [{"metadata": {"name": "a.example.org", "annotations": annotations}}]}, monkeypatch)
    assert crd_apply.missing(PROPS) == ["a.example.org"]
    annotations[crd_apply.DIGEST] = "s"
    assert crd_apply.missing(PROPS) == []


def test_without_an_answer_nothing_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_kubeconfig: str) -> Any:
        raise crd_apply.Unreachable("no answer")

    monkeypatch.setattr(crd_apply, "_client", silent)
    assert crds.astray(PROPS) == []


def test_states_of_former_releases_find_their_provider() -> None:
    """Existing states refer to the provider's class by an earlier module, `components.crds`."""
    assert importlib.import_module("components.crds")._Provider is crds._Provider
