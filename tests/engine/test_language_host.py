"""The language host: configuration and output of a program, its end, and errors of a wrong Python environment."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.engine.plain import STACK, Plain

SECRET = "do-not-show-me"


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    project = Plain(tmp_path / "project")
    project.program("")
    project.well("stack", "init", STACK)
    return project


def test_a_program_gets_its_configuration_and_its_secrets_stay_secret(plain: Plain) -> None:
    plain.well("config", "set", "size", "3")
    plain.well("config", "set", "--secret", "key", SECRET)
    plain.program(
        "import os, sys, pulumi\n"
        "config = pulumi.Config()\n"
        "pulumi.export('size', config.require_int('size'))\n"
        "pulumi.export('key', config.require_secret('key'))\n"
        "pulumi.export('names', [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])\n"
        "pulumi.export('root', pulumi.runtime.get_root_directory())\n"
        f"pulumi.export('argv', [{SECRET!r} in text for text in sys.orig_argv].count(True))\n"
    )
    output = plain.well("up", "--yes", "--skip-preview")
    assert SECRET not in output
    found = json.loads(plain.well("stack", "output", "--json", "--show-secrets"))
    assert found == {
        "size": 3,
        "key": SECRET,
        "names": ["small", STACK, "organization"],
        "root": str(plain.folder),
        "argv": 0,
    }


def test_what_a_program_prints_is_shown_and_an_exception_names_its_line(plain: Plain) -> None:
    plain.program("print('a word from the program')\n")
    assert "a word from the program" in plain.well("preview")
    plain.program("\n\nraise ValueError('out of range')\n")
    output = plain.badly("preview")
    assert "ValueError: out of range" in output
    assert '__main__.py", line 3' in output
    plain.program("import sys\nsys.exit(7)\n")
    assert "status 7" in plain.badly("preview")


def test_the_plugins_of_installed_packages_are_known(plain: Plain) -> None:
    about = json.loads(plain.well("about", "--json"))
    kinds = {(plugin["name"], plugin["kind"]) for plugin in about["plugins"]}
    assert {("kubernetes", "resource"), ("random", "resource"), ("python", "language")} <= kinds
    assert {entry["name"] for entry in about["dependencies"]} >= {"pulumi", "pulumi-random"}


@pytest.mark.parametrize(
    ("options", "seen", "next_step"),
    [
        ({"virtualenv": "nowhere"}, "project/nowhere/bin/python (option virtualenv: nowhere)", "make .mlp/venv.stamp"),
        ({"virtualenv": "empty"}, "no package `pulumi` for", "mlp doctor"),
        ({"toolchain": "conda"}, "conda", "use pip, poetry or uv"),
    ],
)
def test_a_wrong_environment_is_named_once_before_anything_runs(
    tmp_path: Path, options: dict[str, str], seen: str, next_step: str
) -> None:
    project = Plain(tmp_path / "project", options={"toolchain": "pip", **options})
    project.program("raise AssertionError('the program ran')\n")
    subprocess.run(["python3.11", "-m", "venv", "--without-pip", str(project.folder / "empty")], check=True)
    project.well("stack", "init", STACK)
    output = project.badly("up", "--yes", "--skip-preview")
    assert seen in output
    assert next_step in output
    assert output.count("error:") == 1
    assert "the program ran" not in output
    assert "Traceback" not in output


def test_installing_is_refused_with_the_project_s_own_way(plain: Plain) -> None:
    assert "make .mlp/venv.stamp" in plain.badly("install")


def test_nothing_outlives_a_killed_engine(plain: Plain, tmp_path: Path) -> None:
    mark = tmp_path / "running"
    plain.program(
        f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    engine = subprocess.Popen(
        ["pulumi", "preview", "--non-interactive"],
        cwd=plain.folder,
        env=plain.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not mark.exists() or not mark.read_text():
            assert engine.poll() is None, "the engine ended before the program ran"
            assert time.monotonic() < deadline, "the program did not run"
            time.sleep(0.01)
        program = psutil.Process(int(mark.read_text()))
        host = program.parent()
        assert host is not None
        assert host.name().startswith("pulumi-language")
    finally:
        engine.send_signal(signal.SIGKILL)
        engine.wait()
    gone, alive = psutil.wait_procs([program, host], timeout=30)
    assert not alive, gone
