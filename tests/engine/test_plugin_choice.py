"""The plugin that the engine runs: the user's installed one, otherwise the project's, never one from PATH."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from providers import home
from tests.engine.plain import STACK, Plain

SPEAKS = "#!/bin/sh\necho another plugin speaks >&2\nexit 1\n"
"""A plugin that fails with its own message, which shows that it was started."""


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SPEAKS)
    path.chmod(0o755)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    project = Plain(tmp_path / "project")
    project.program("import pulumi_random as random\nrandom.RandomPet('pet')\n")
    project.well("stack", "init", STACK)
    return project


def test_a_user_s_installed_plugin_is_run(plain: Plain, tmp_path: Path) -> None:
    users = tmp_path / "users"
    executable(users / "plugins" / f"resource-random-v{version('pulumi-random')}" / "pulumi-resource-random")
    assert plain.steps() == {"pet": "create"}
    home.make(plain.home, users)
    assert "another plugin speaks" in plain.badly("preview")


def test_one_on_path_is_not(plain: Plain, tmp_path: Path) -> None:
    found = executable(tmp_path / "path" / "pulumi-resource-random")
    path = f"{found.parent}:{plain.environment['PATH']}"
    assert "create" in plain.well("preview", PATH=path)
    output = plain.badly("preview", PATH=path, PULUMI_IGNORE_AMBIENT_PLUGINS="false")
    assert "another plugin speaks" in output
