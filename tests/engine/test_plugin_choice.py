"""A plugin that Pulumi itself has always wins over ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi_random as random

from local.plugins import NAMES, needed, plugin_path
from tests.engine.stacks import Stack


def executable(path: Path, text: str = "#!/bin/sh\nexit 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_all_are_offered_where_none_is(tmp_path: Path) -> None:
    folder = plugin_path(tmp_path / "home", tmp_path / "links", search_path="/usr/bin")
    assert {entry.name for entry in folder.iterdir()} == {f"pulumi-resource-{name}" for name in NAMES}


def test_an_installed_plugin_wins_and_ours_comes_back_without_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    plugin_path(home, tmp_path / "links", search_path="/usr/bin")
    theirs = executable(home / "plugins" / "resource-random-v4.21.4" / "pulumi-resource-random")
    folder = plugin_path(home, tmp_path / "links", search_path="/usr/bin")
    assert not (folder / "pulumi-resource-random").exists()
    assert (folder / "pulumi-resource-kubernetes").exists()
    theirs.unlink()
    assert plugin_path(home, tmp_path / "links", search_path="/usr/bin").joinpath("pulumi-resource-random").exists()


def test_one_on_the_path_wins(tmp_path: Path) -> None:
    executable(tmp_path / "cli" / "pulumi-resource-pulumi-python")
    assert needed(tmp_path, str(tmp_path / "cli"))["pulumi-python"] is False
    assert needed(tmp_path, str(plugin_path(tmp_path, tmp_path / "links", search_path="")))["pulumi-python"] is True


def test_the_engine_runs_the_installed_one(new_stack: Callable[..., Stack], tmp_path: Path) -> None:
    """An installed plugin that fails in its own words shows that it, not ours, was started."""
    home = tmp_path / "real" / "home"
    executable(
        home / "plugins" / "resource-random-v4.21.4" / "pulumi-resource-random",
        "#!/bin/sh\necho the installed plugin speaks >&2\nexit 1\n",
    )
    folder = plugin_path(home, tmp_path / "links", search_path="/usr/bin")
    stack = new_stack("real", path=str(folder))
    said = stack.failure(lambda: random.RandomPet("pet"))
    assert "the installed plugin speaks" in said
