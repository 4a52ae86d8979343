"""Turning an application off touches only what belongs to it."""

from __future__ import annotations

from typing import Any

import pytest

from client.platform import Platform
from common.errors import UserError
from components.applications.description import UserObjects
from components.applications.kserve.description import KSERVE
from components.applications.pipelines.description import PIPELINES
from mlp.engine import turned_off


@pytest.mark.parametrize(
    ("off", "namespaces", "labels"),
    [
        ([KSERVE], ["kserve", "pipelines"], set()),
        ([PIPELINES], ["kserve", "pipelines"], {"workflows.argoproj.io/workflow"}),
        ([KSERVE, PIPELINES], ["kserve"], set()),
    ],
    ids=["kserve", "pipelines", "pipelines was off before"],
)
def test_only_pods_of_an_application_that_is_turned_off_are_deleted(
    off: list[Any], namespaces: list[str], labels: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Pipelines on, turning KServe off must leave the pods of running workflows alone."""
    deleted: set[str] = set()

    def delete(_api: object, kind: UserObjects) -> None:
        if kind.pod_label is not None:
            deleted.add(kind.pod_label)

    monkeypatch.setattr(turned_off, "delete_pods", delete)
    platform = Platform("local", {"namespaces": dict.fromkeys(namespaces, "x")}, "red")
    platform.__dict__["api"] = None  # the client, which no pod is deleted with here
    turned_off.release_pods(platform, off)
    assert deleted == labels


KINDS = [kind for item in (KSERVE, PIPELINES) for kind in item.user_objects]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ([("blue", "flights")], None),
        ([("red", "flights")], "red/flights"),
        ([("models", "flights"), ("blue", "other")], "models/flights"),
    ],
    ids=["in another namespace", "of a removed team", "in the namespace of earlier versions"],
)
def test_a_namespace_with_objects_of_users_is_not_removed(
    left: list[tuple[str, str]], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:

    def listed(_: object, kind: UserObjects) -> list[tuple[str, str]]:
        return left if kind.plural == "inferenceservices" else []

    monkeypatch.setattr(turned_off, "user_objects", listed)
    platform = Platform("local", {}, "red")
    platform.__dict__["api"] = None
    if told is None:
        turned_off.refuse_objects_in(platform, {"red", "models"}, KINDS)
        return
    with pytest.raises(UserError) as refused:
        turned_off.refuse_objects_in(platform, {"red", "models"}, KINDS)
    assert f"1 inferenceservices.serving.kserve.io: {told}" in str(refused.value)
    assert f"kubectl -n {told.split('/')[0]} delete inferenceservices.serving.kserve.io --all" in str(refused.value)
