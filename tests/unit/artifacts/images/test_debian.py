"""Debian packages of images, with the real apt-get: tags keep the resolved versions when the mirror changes."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from artifacts.images import apt, debian, mirror, tags
from artifacts.images.catalog import Catalog, parse
from common import paths
from common.errors import UserError
from common.progress import Step
from tests.unit.debian_mirror import Mirror

BOOK = """suite: bookworm
python: "3.11"
python_platform: p
strip_everywhere: []
images:
  base: {description: d, root: [ca]}
  server: {description: d, parent: base, packages: [server]}
  static: {description: d}
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Return a mirror in the machine's apt sources; prepare an empty cache and a catalog with a base and a server."""
    shop = Mirror(tmp_path / "mirror")
    for name in ("dash", "apt", "usr-is-merged", "ca", "libx"):
        (tmp_path / "mirror").mkdir(exist_ok=True)
        shop.publish(name, "1.0")
    shop.publish("server", "2.0", depends="libx")
    sources = tmp_path / "etc" / "sources.list.d"
    sources.mkdir(parents=True)
    (sources / "debian.sources").write_text(shop.source())
    monkeypatch.setattr(apt, "sources", functools.partial(apt.sources, folder=tmp_path / "etc"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    book = parse(BOOK, tmp_path / "images")
    for module in (debian, mirror, tags):
        monkeypatch.setattr(module, "catalog", lambda: book)
    tags.clear_cache()
    return shop


def versions(name: str) -> dict[str, str]:
    found = debian.lock()
    assert found is not None
    return dict(found.versions[name])


def test_a_list_is_resolved_once_and_stays(shelf: Mirror) -> None:
    assert debian.lock() is None
    first = mirror.ensure_resolved()
    assert versions("base") == dict.fromkeys(("dash", "apt", "usr-is-merged", "ca"), "1.0")
    assert versions("server") == {**versions("base"), "libx": "1.0", "server": "2.0"}
    shelf.publish("libx", "1.1")
    assert mirror.ensure_resolved() == first
    assert versions("server")["libx"] == "1.0"


def test_an_update_changes_the_tags_of_what_it_reaches_and_of_nothing_else(shelf: Mirror) -> None:
    mirror.ensure_resolved()
    before = {name: tags.tag(name) for name in ("base", "server", "static")}
    shelf.publish("libx", "1.1")
    assert mirror.outdated() == ["libx 1.0 -> 1.1 (server)"]
    assert {name: tags.tag(name) for name in before} == before
    assert mirror.update() == ["libx 1.0 -> 1.1 (server)"]
    assert mirror.outdated() == []
    after = {name: tags.tag(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"server"}
    shelf.publish("ca", "1.1")
    assert mirror.update() == ["ca 1.0 -> 1.1 (base, server)"]
    assert tags.tag("base") != after["base"]
    assert tags.tag("server") != after["server"]


def test_a_tag_before_the_lists_are_known_is_that_of_the_inputs(shelf: Mirror) -> None:
    assert shelf.packages
    unresolved = tags.tag("server")
    assert unresolved == tags.inputs_tag("server")
    mirror.ensure_resolved()
    assert tags.inputs_tag("server") == unresolved
    assert tags.tag("server") != unresolved


def fetch(tmp_path: Path) -> None:
    mirror.fetch("server", log=tmp_path / "log", step=Step("fetch"))


def test_packages_that_the_mirror_dropped_come_from_the_cache(shelf: Mirror, tmp_path: Path) -> None:
    mirror.ensure_resolved()
    fetch(tmp_path)
    shelf.publish("libx", "1.1")
    fetch(tmp_path)
    assert "libx 1.0 -> 1.1 (server)" in mirror.update()
    kept = {path.name for path in debian.home().glob("*/bookworm/archives/*.deb")}
    assert "server_2.0_amd64.deb" in kept
    assert "libx_1.0_amd64.deb" not in kept


def test_packages_that_are_gone_are_named_with_the_way_out(shelf: Mirror, tmp_path: Path) -> None:
    mirror.ensure_resolved()
    shelf.publish("libx", "1.1")
    with pytest.raises(UserError, match="packages of image server could not be downloaded") as fault:
        fetch(tmp_path)
    assert "libx_1.0_amd64.deb" in str(fault.value.seen)
    assert "mlp images update" in str(fault.value.next_step)


def test_a_torn_cache_is_as_good_as_an_empty_one(shelf: Mirror) -> None:
    first = mirror.ensure_resolved()
    assert shelf.packages
    (debian.home() / first.generation / "lock.json").write_text('{"half')
    assert mirror.ensure_resolved() == first
    (debian.home() / "current").write_text("")
    assert debian.lock() is None
    assert mirror.ensure_resolved().versions == first.versions


def test_an_update_that_fails_changes_nothing(shelf: Mirror) -> None:
    before = mirror.ensure_resolved()
    shelf.lose_lists()
    with pytest.raises(UserError, match="package lists of Debian bookworm could not be fetched"):
        mirror.update()
    assert debian.lock() == before
    assert mirror.ensure_resolved() == before


def test_another_package_is_resolved_against_the_lists_that_are_there(
    shelf: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = mirror.ensure_resolved()
    more: Catalog = parse(BOOK.replace("packages: [server]", "packages: [server, other]"), tmp_path / "images")
    monkeypatch.setattr(debian, "catalog", lambda: more)
    monkeypatch.setattr(mirror, "catalog", lambda: more)
    known = debian.lock()
    assert known is not None
    assert debian.unresolved(known) == ["server"]
    assert versions("base")["ca"] == "1.0"
    with pytest.raises(UserError, match="apt-get failed for the Debian package lists"):
        mirror.ensure_resolved()
    fewer = parse(re.sub(r"  server.*\n", "", BOOK), tmp_path / "images")
    monkeypatch.setattr(debian, "catalog", lambda: fewer)
    monkeypatch.setattr(mirror, "catalog", lambda: fewer)
    shelf.publish("ca", "1.1")
    assert mirror.ensure_resolved().generation == first.generation
    assert versions("base")["ca"] == "1.0"


def test_a_simulation_is_read_without_architectures() -> None:
    text = "Conf x\nInst libc6 (2.36-9 Debian:12/stable [amd64]) []\nInst gcc:amd64 [1.0] (12.2.0 Debian:12 [amd64])\n"
    assert debian.installed_by(text) == {"libc6": "2.36-9", "gcc": "12.2.0"}


def test_a_package_that_comes_or_goes_is_a_change() -> None:
    assert debian.changes({"a": {"x": "1", "y": "1"}}, {"a": {"y": "1", "z": "1"}, "b": {"z": "1"}}) == [
        "x 1 -> absent (a)",
        "z absent -> 1 (a, b)",
    ]
