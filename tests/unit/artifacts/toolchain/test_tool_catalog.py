"""The catalog of tools, their keys, and the choice of compiler."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import ValidationError

from artifacts.toolchain import build, catalog, go
from common.errors import UserError

TEXT = """
one:
  description: first
  binaries: {one: example.org/one/cmd/one}
  version: v1.0.0
  ldflags: [-X main.version=v1.0.0]
  estimate_seconds: 10
"""

RELEASES = {
    "kubernetes-provider": version("pulumi-kubernetes"),
    "pulumi-language-python": catalog.tools()["pulumi"].version,
}
"""Tools whose reported release differs from their module's version."""


@pytest.fixture
def item(tmp_path: Path) -> catalog.Tool:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "go.mod").write_text("module x\n\ngo 1.24.0\n")
    (folder / "go.sum").write_text("a\n")
    return catalog.parse(TEXT, tmp_path)["one"]


def key(item: catalog.Tool, go_version: str = "1.26.8", platform: str = "linux/amd64") -> str:
    return catalog.key(item, go_version, platform)


def test_key_is_the_same_for_the_same_recipe_wherever_the_checkout_is(item: catalog.Tool, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    item.folder.rename(elsewhere)
    moved = item.model_copy(update={"folder": elsewhere})
    assert key(moved) == catalog.key(moved, "1.26.8", "linux/amd64")
    (tmp_path / "one").mkdir()
    for path in elsewhere.iterdir():
        (tmp_path / "one" / path.name).write_bytes(path.read_bytes())
    assert key(item) == key(moved)


@pytest.mark.parametrize(
    "change",
    [
        {"binaries": {"one": "example.org/one/cmd/other"}},
        {"ldflags": ("-X main.version=v2",)},
        {"cgo": True},
        {"version": "v1.0.1"},
    ],
)
def test_key_changes_with_build_settings(item: catalog.Tool, change: dict[str, object]) -> None:
    assert key(item) != key(item.model_copy(update=change))


@pytest.mark.parametrize("change", [{"estimate_seconds": 99.0}, {"description": "another"}])
def test_key_ignores_other_settings(item: catalog.Tool, change: dict[str, object]) -> None:
    assert key(item) == key(item.model_copy(update=change))


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_key_changes_with_each_source(item: catalog.Tool, name: str) -> None:
    before = key(item)
    (item.folder / name).write_text("changed\n")
    assert key(item) != before


def test_key_changes_with_compiler_and_platform(item: catalog.Tool) -> None:
    assert len({key(item), key(item, go_version="1.27.0"), key(item, platform="linux/arm64")}) == 3


def test_an_unknown_field_in_the_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="ldflag"):
        catalog.parse(TEXT.replace("ldflags", "ldflag"), tmp_path)


def test_every_tool_has_its_module_and_the_version_it_says() -> None:
    of_their_own = {path.parent.name for path in catalog.FOLDER.glob("*/go.mod")}
    assert of_their_own < set(catalog.tools())
    for item in catalog.tools().values():
        assert item.shares_pins == (item.name not in of_their_own)
        text = (item.module_root / "go.mod").read_text()
        assert (item.module_root / "go.sum").exists()
        if item.module:
            pinned = re.search(rf"^(?:require )?\s*{re.escape(item.module)} (\S+)", text, re.MULTILINE)
            assert pinned, f"{item.name}: go.mod does not require {item.module}"
            assert pinned.group(1) == item.version
        for flag in item.ldflags:
            if value := re.search(r"[vV](?:ersion|ERSION)=(\S+)", flag):
                assert value.group(1) == RELEASES.get(item.name, item.version), f"{item.name}: {flag}"
        for module, _ in item.module_files.values():
            assert f"{module} v" in text, f"{item.name}: go.mod does not require {module}"
        for package in item.binaries.values():
            assert package == "." or package in text, f"{item.name}: {package} is no tool of its go.mod"


def test_a_tool_without_pins_of_its_own_is_built_with_those_of_all_tools(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "main.go").write_text("package main\n")
    for name in catalog.PINS:
        (tmp_path / name).write_text("shared\n")
    sharing = catalog.parse(TEXT.replace("example.org/one/cmd/one", "."), tmp_path)["one"]
    assert (sharing.module_root, sharing.packages) == (tmp_path, ["./one"])
    before = key(sharing)
    (tmp_path / "go.sum").write_text("changed\n")
    assert key(sharing) != before
    for name in catalog.PINS:
        (tmp_path / "one" / name).write_text("its own\n")
    assert (sharing.module_root, sharing.packages) == (tmp_path / "one", ["."])


def test_every_executable_has_one_tool() -> None:
    names = [name for item in catalog.tools().values() for name in item.binaries]
    assert len(names) == len(set(names))
    assert catalog.owner("kubelet").name == "kubernetes"


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"(?s)kubernetez.*allowed:.*kubernetes"):
        catalog.tool("kubernetez")
    with pytest.raises(UserError, match=r"(?s)kubectll.*allowed:.*kubelet"):
        catalog.owner("kubectll")


def test_an_executable_that_is_not_built_says_how_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match="mlp toolchain build kubernetes"):
        build.binary("kubelet")


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("example.org/x/v12", "x"),
        ("example.org/x/v1", "v1"),
    ],
)
def test_executable_name_is_the_one_go_gives(package: str, name: str) -> None:
    assert build.executable_name(package) == name


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("go version go1.27 linux/arm64", "1.27"),
        ("go version go1.27rc1 linux/amd64", None),
        ("go version devel go1.28-a1b2c3 linux/amd64", None),
        ("", None),
    ],
)
def test_version_of_a_compiler(text: str, version: str | None) -> None:
    assert go.version_of(text) == version


def test_the_required_version_is_the_highest_of_all_modules() -> None:
    assert go.required(["module a\n\ngo 1.24.0\n", "module b\n\ngo 1.26.7\n", "module c\n\ngo 1.9\n"]) == "1.26.7"


def test_the_pinned_wheel_is_new_enough_for_every_tool() -> None:
    wanted = go.required([(item.module_root / "go.mod").read_text() for item in catalog.tools().values()])
    assert go.as_numbers(go.wheel_version(go.REQUIREMENTS.read_text())) >= go.as_numbers(wanted)


@pytest.mark.parametrize(("own", "expected"), [("1.99.0", "1.99.0"), ("1.20.1", None), (None, None)])
def test_the_machines_compiler_is_used_only_when_new_enough(
    own: str | None, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(go, "_installed_go", lambda: go.Go(own, Path("/usr/bin/go")) if own else None)
    chosen = go.choose.__wrapped__()
    assert chosen.version == (expected or go.wheel_version(go.REQUIREMENTS.read_text()))
    assert chosen.installed == (expected is not None)


def test_a_build_can_neither_change_its_pins_nor_fetch_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOTOOLCHAIN", "auto")
    environment = go.environment(go.Go("1.26.8", Path("/opt/go/bin/go")))
    assert "-mod=readonly" in environment["GOFLAGS"]
    assert "-trimpath" in environment["GOFLAGS"]
    assert environment["GOTOOLCHAIN"] == "local"
    assert environment["PATH"].startswith("/opt/go/bin:")


def test_the_list_and_the_build_use_the_same_compiler_flags(item: catalog.Tool, tmp_path: Path) -> None:
    command = build.build_command(item, tmp_path)
    assert go.NO_DWARF in command  # `go list` has the same flag; otherwise all packages would count as stale
    assert "-ldflags=-s -w -X main.version=v1.0.0" in command
    assert command[command.index("-o") + 1] == str(tmp_path / "one")
