"""To which workspace, run or model a key of the bucket belongs."""

from __future__ import annotations

import pytest

from services.tracking import keys
from services.tracking.keys import Owner

RUN, MODEL = "0" * 32, f"m-{'a' * 32}"


@pytest.mark.parametrize(
    ("key", "workspace", "expected"),
    [
        ("workspaces/alpha/1/x", "alpha", True),
        ("workspaces/alpha", "alpha", True),
        ("workspaces/alpha/", "alpha", True),
        ("workspaces/alphabet/1/x", "alpha", False),
        ("workspaces/beta/1/x", "alpha", False),
        ("workspaces", "alpha", False),
        ("1/x", "alpha", False),
        ("", "alpha", False),
        ("workspaces/alpha/../beta/1", "alpha", False),
        ("workspaces/alpha/./1", "alpha", False),
        ("workspaces//alpha/1", "alpha", False),
        ("/workspaces/alpha/1", "alpha", False),
        ("1/x", "default", True),
        ("", "default", True),
        ("workspaces/alpha/1", "default", False),
        ("workspaces", "default", False),
        ("workspaces-of-old/1", "default", True),
    ],
)
def test_a_key_is_inside_one_workspace_only(key: str, workspace: str, expected: bool) -> None:
    assert keys.inside(key, workspace) is expected


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (f"1/{RUN}/artifacts/model/a.txt", Owner(id=RUN, path="model/a.txt", model=False)),
        (f"1/{RUN}/artifacts", Owner(id=RUN, path="", model=False)),
        (f"1/{RUN}", Owner(id=RUN, path="", model=False)),
        (f"1/models/{MODEL}/artifacts/MLmodel", Owner(id=MODEL, path="MLmodel", model=True)),
        (f"1/models/{MODEL}", Owner(id=MODEL, path="", model=True)),
        ("1/models", None),
        ("1", None),
        ("1/traces/tr-1/artifacts/traces.json", None),
        ("1/anything", None),
    ],
)
def test_a_key_belongs_to_a_run_or_a_model(rest: str, expected: Owner | None) -> None:
    assert keys.owner(f"workspaces/alpha/{rest}", "alpha") == expected
    assert keys.owner(rest, "default") == expected


def test_only_the_folder_of_one_trace_is_of_a_trace() -> None:
    assert keys.of_trace("workspaces/alpha/1/traces/tr-1/artifacts/traces.json", "alpha")
    assert keys.of_trace("1/traces/tr-1", "default")
    assert not keys.of_trace("1/traces", "default")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (f"runs:/{RUN}/model", "model"),
        (f"runs:/{RUN}", ""),
        (f"mlflow-artifacts:/workspaces/alpha/1/{RUN}/artifacts/model", "model"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts/artifacts/a", "artifacts/a"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts", ""),
    ],
)
def test_a_version_has_a_path_inside_its_run(location: str, expected: str) -> None:
    assert keys.source_path(location, RUN) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("model", "model", True),
        ("model/a", "model", True),
        ("model", "model/a", True),
        ("models", "model", False),
        ("", "model", True),
        ("model", "", True),
        ("a/b", "a/c", False),
    ],
)
def test_paths_overlap(one: str, other: str, expected: bool) -> None:
    assert keys.overlap(one, other) is expected
