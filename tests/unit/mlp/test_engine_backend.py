"""Which backend `mlp` and the CLI use, and what is said of one that cannot be opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult

from common.errors import UserError
from infra.state import recorded
from mlp.engine import environment, operations, workspace

FORMS = ["file://{}", "file://{}?no_tmp_dir=true", "file://~", "file://./"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in environment.PASSPHRASES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
def test_the_state_is_read_in_every_form_of_a_file_backend(home: Path, form: str) -> None:
    path = home / ".pulumi" / "stacks" / "mlplatform" / "local.json"
    path.parent.mkdir(parents=True)
    latest = {"resources": [{"type": "random:index/randomPet:RandomPet"}]}
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    held = recorded.deployment(form.format(home), "local")
    assert held == latest
    with pytest.raises(UserError, match="another program"):
        recorded.refuse_foreign(held, form.format(home), "local")


def test_a_backend_is_the_same_from_every_folder(home: Path) -> None:
    def url(given: str) -> str:
        return environment.backend_url({"PULUMI_BACKEND_URL": given})

    assert url("file://./state") == f"file://{home}/state"
    assert url("file://~/state?no_tmp_dir=true") == f"file://{home}/state?no_tmp_dir=true"
    assert url("file:///state") == "file:///state"
    assert url("s3://states?region=eu-central-1") == "s3://states?region=eu-central-1"
    assert url("") == environment.backend_url({})


def failed(text: str) -> auto.CommandError:
    return auto.CommandError(CommandResult(stdout="", stderr=text, code=255))


def test_a_backend_that_cannot_be_opened_is_named() -> None:
    error = failed('error: unable to open state directory "file:///absent"')
    said = workspace.unopened("local", "file:///absent", error)
    assert said.seen == 'PULUMI_BACKEND_URL=file:///absent: unable to open state directory "file:///absent"'
    assert workspace.engine_message(ValueError("no frame")) == "no frame"
    assert "code: 255" in workspace.engine_message(failed(""))


def test_a_wrong_passphrase_names_the_variable_that_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def remedy() -> str:
        error = operations.failure("local", "up", [], failed(f"error: {workspace.UNREADABLE}"))
        assert "another passphrase" in error.what
        assert error.next_step
        return error.next_step

    assert "set PULUMI_CONFIG_PASSPHRASE_FILE to" in remedy()
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(home / "file"))
    assert remedy().startswith("correct PULUMI_CONFIG_PASSPHRASE_FILE,")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of another stack")
    assert remedy().startswith("correct PULUMI_CONFIG_PASSPHRASE,")


def test_a_passphrase_file_is_a_file(home: Path) -> None:
    given = {"PULUMI_BACKEND_URL": "file:///state", "PULUMI_CONFIG_PASSPHRASE_FILE": str(home)}
    with pytest.raises(UserError, match="cannot be read"):
        environment.refuse_missing_secret(given)
