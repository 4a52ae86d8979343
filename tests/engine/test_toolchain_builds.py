"""Real builds of a small program: cached by content, resumed after a kill, one at a time, with clear errors."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artifacts.toolchain import build, catalog
from common.errors import UserError
from common.paths import ROOT

TEXT = """
tiny:
  description: says a word
  binaries: {tiny-program: .}
  ldflags: [-X main.word=built]
  estimate_seconds: 5
"""
MAIN = 'package main\n\nvar word = "plain"\n\nfunc main() { println(word) }\n'
RUN = """
import sys
from pathlib import Path
from artifacts.toolchain import build, catalog
catalog.tools = lambda: catalog.parse(Path(sys.argv[1], "tools.yaml").read_text(), Path(sys.argv[1]))
build.tools = catalog.tools
build.ensure(["tiny"])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Prepare a toolchain with one tool and an empty cache; Go's caches are the machine's."""
    (tmp_path / "tools.yaml").write_text(TEXT)
    source = tmp_path / "tiny"
    source.mkdir()
    (source / "go.mod").write_text("module example.org/tiny\n\ngo 1.24.0\n")
    (source / "go.sum").write_text("")
    (source / "main.go").write_text(MAIN)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GOCACHE", os.environ.get("GOCACHE", str(Path.home() / ".cache" / "go-build")))
    parsed = catalog.parse(TEXT, tmp_path)
    for module in (catalog, build):
        monkeypatch.setattr(module, "tools", lambda: parsed)
    yield tmp_path


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text
    return text


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"never seen: {what}"
        time.sleep(0.02)


def slow_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `go` on PATH whose builds wait until a file `go-on` exists."""
    real = shutil.which("go")
    wrapper = folder / "wrapped" / "go"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nif [ "$1" = build ]; then echo $$ >> {folder}/building;'
        f' while [ ! -e {folder}/go-on ]; do sleep 0.05; done; fi\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")


def test_a_tool_is_built_once_and_again_only_when_its_source_changes(folder: Path) -> None:
    build.ensure(["tiny"])
    first = build.binary("tiny-program")
    assert subprocess.run([first], capture_output=True, text=True, check=True).stderr == "built\n"
    made = first.stat().st_mtime_ns
    build.ensure(["tiny"])
    assert first.stat().st_mtime_ns == made
    (folder / "tiny" / "main.go").write_text(MAIN.replace("println(word)", 'println(word, "again")'))
    with pytest.raises(UserError, match="mlp toolchain build tiny"):
        build.binary("tiny-program")
    build.ensure()
    second = build.binary("tiny-program")
    assert second != first
    assert subprocess.run([second], capture_output=True, text=True, check=True).stderr == "built again\n"


def test_equal_recipes_give_equal_bytes_wherever_the_checkout_is(folder: Path) -> None:
    build.ensure(["tiny"])
    first = build.binary("tiny-program").read_bytes()
    shutil.rmtree(build.folder("tiny"))
    shutil.copytree(folder / "tiny", folder / "elsewhere" / "tiny")
    (folder / "elsewhere" / "tools.yaml").write_text(TEXT)
    finish(start(folder / "elsewhere"))
    assert build.binary("tiny-program").read_bytes() == first


def test_a_failed_build_shows_the_compilers_output_and_the_log_and_leaves_nothing(folder: Path) -> None:
    (folder / "tiny" / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")
    with pytest.raises(UserError) as caught:
        build.ensure(["tiny"])
    text = caught.value.render()
    assert "The build of tiny failed" in text
    assert "undefined: undefinedThing" in text
    assert str(build.log_path("tiny")) in text
    assert "undefined: undefinedThing" in build.log_path("tiny").read_text()
    assert not build.is_built("tiny")
    (folder / "tiny" / "main.go").write_text(MAIN)
    build.ensure(["tiny"])
    assert build.is_built("tiny")


def test_a_module_that_is_not_in_go_sum_is_refused(folder: Path) -> None:
    module = folder / "tiny" / "go.mod"
    module.write_text(module.read_text() + "\nrequire golang.org/x/sys v0.30.0\n")
    (folder / "tiny" / "main.go").write_text('package main\n\nimport _ "golang.org/x/sys/unix"\n\nfunc main() {}\n')
    with pytest.raises(UserError, match=r"missing go\.sum entry"):
        build.ensure(["tiny"])


def test_a_killed_build_leaves_nothing_that_looks_built_and_the_next_run_builds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_go(folder, monkeypatch)
    process = start(folder)
    wait_for("the compiler", (folder / "building").exists)
    compiler = int((folder / "building").read_text().split()[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for("the compiler's end", lambda: not Path(f"/proc/{compiler}").exists())
    assert not build.is_built("tiny")
    assert list(build.root().glob(".building-*"))
    (folder / "go-on").touch()
    build.ensure(["tiny"])
    assert build.binary("tiny-program").exists()
    assert not list(build.root().glob(".building-*"))


def test_ctrl_c_stops_the_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_go(folder, monkeypatch)
    process = start(folder)
    wait_for("the compiler", (folder / "building").exists)
    compiler = int((folder / "building").read_text().split()[0])
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in text
    wait_for("the compiler's end", lambda: not Path(f"/proc/{compiler}").exists())
    assert not build.is_built("tiny")


def test_two_runs_at_once_build_once_and_the_waiting_one_names_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_go(folder, monkeypatch)
    first = start(folder)
    wait_for("the compiler", (folder / "building").exists)
    second = start(folder)
    lines: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        stdout = second.stdout
        assert stdout is not None
        reading = pool.submit(lambda: lines.extend(stdout))
        wait_for("the waiting run's output", lambda: any(f"process {first.pid} of" in line for line in lines))
        (folder / "go-on").touch()
        finish(first)
        assert second.wait(timeout=60) == 0
        reading.result(timeout=60)
    assert len((folder / "building").read_text().split()) == 1
    assert build.binary("tiny-program").exists()
