"""Turning an application off touches only what belongs to it."""

from __future__ import annotations

from typing import Any

import pytest

from client.platform import Platform
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
    platform = Platform("local", {"namespaces": dict.fromkeys(namespaces, "x")})
    platform.__dict__["api"] = None  # the client, which no pod is deleted with here
    turned_off.release_pods(platform, off)
    assert deleted == labels
