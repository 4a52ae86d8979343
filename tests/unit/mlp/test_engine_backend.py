"""The state's backend: its URL, errors when it cannot be opened, and the errors of operations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult
from pulumi.automation.events import EngineEvent

from common.errors import UserError
from common.progress import Step
from infra.state import recorded
from mlp.engine import environment, operations, workspace
from mlp.engine.events import Recorder

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
    refused = workspace.unopened("local", "file:///absent", error)
    assert refused.seen == 'PULUMI_BACKEND_URL=file:///absent: unable to open state directory "file:///absent"'
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


def test_an_interrupted_operation_is_not_reported_as_a_failure() -> None:
    error = operations.failure("local", "up", ["Job seed: context canceled"], failed("error"), interrupted=True)
    assert error.what == "Update of stack local was interrupted."
    assert error.next_step == "run the command again: it continues from here"
    assert "correct" not in str(error)
    assert "failed" not in str(error)


def test_only_an_operation_that_changes_the_stack_continues_from_where_it_failed() -> None:
    steps = {name: operations.failure("local", name, ["x"], failed("error")).next_step for name in operations.CONTINUE}
    assert set(steps) == {"preview", "up", "destroy"}
    assert not str(steps["preview"]).endswith("continues from here")
    assert all(str(steps[name]).endswith("continues from here") for name in ("up", "destroy"))


@pytest.mark.parametrize(
    ("message", "interrupted", "errors"), [("update canceled\n", True, []), ("no image", False, ["no image"])]
)
def test_an_interruption_differs_from_an_error(message: str, interrupted: bool, errors: list[str]) -> None:
    recorder = Recorder(Step("Update of stack local"))
    recorder(EngineEvent.from_json({"diagnosticEvent": {"message": message, "severity": "error", "color": "never"}}))
    assert recorder.interrupted is interrupted
    assert recorder.errors == errors


@pytest.mark.parametrize("entry", [{}, {"type": ""}, "torn"])
def test_a_resource_without_a_type_is_a_damaged_state(entry: object) -> None:
    with pytest.raises(UserError, match="is damaged; nothing was touched"):
        recorded.refuse_foreign({"resources": [entry]}, "file:///state", "local")


def test_settings_and_state_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def deployment(_backend: str, stack: str) -> dict[str, object]:
        read.append(stack)
        return {}

    monkeypatch.setattr(recorded, "deployment", deployment)
    sources = operations.StackSources("local", f"file://{home}")
    assert sources.recorded == sources.recorded == {}
    assert sources.settings is sources.settings
    assert read == ["local"]
    assert operations.StackSources("local", "s3://states").recorded is None
