"""The command `mlp toolchain`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from artifacts.toolchain import catalog
from common.errors import UserError
from mlp.commands.toolchain import app


def test_list_names_every_tool_and_what_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    for name, item in catalog.tools().items():
        assert name in result.stdout
        assert f"no, about {item.estimate_seconds:.0f} s" in result.stdout


def test_an_unknown_tool_is_refused_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["build", "etcd", "etcdd"])
    assert isinstance(result.exception, UserError)
    assert "etcdd" in result.exception.render()
    assert not (tmp_path / "mlplatform").exists()
