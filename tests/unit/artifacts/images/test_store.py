"""The store of built images, the import into containerd, and the machine's apt sources."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from artifacts import toolchain
from artifacts.images import apt, containerd, contents, store, wheels
from artifacts.images.build import bud_arguments
from artifacts.images.catalog import catalog
from common.errors import UserError


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> store.Record:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store.prepare_layout()
    parts = {"config": b"{}", "parent": b"p" * 10, "own": b"o" * 20}
    for name, content in parts.items():
        store.blob(f"sha256:{name}").write_bytes(content)
    manifest = {
        "config": {"digest": "sha256:config", "size": 2},
        "layers": [{"digest": "sha256:parent", "size": 10}, {"digest": "sha256:own", "size": 20}],
    }
    text = json.dumps(manifest)
    store.blob("sha256:manifest").write_text(text)
    made = store.Record(
        reference="mlplatform.local/pause:000000000000",
        digest="sha256:manifest",
        manifest_bytes=len(text),
        bytes=30,
        own_bytes=20,
        seconds=1.0,
    )
    store.save(made)
    return made


def test_an_image_exists_only_with_its_record_and_its_manifest(
    record: store.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reference(name: str) -> str:
        return f"mlplatform.local/{name}:000000000000"

    monkeypatch.setattr(store, "reference", reference)
    assert store.find("pause") == record
    assert store.find("redis") is None
    store.blob(record.digest).unlink()
    assert store.find("pause") is None
    assert store.records() == []


def test_a_layout_is_restored_from_the_records(record: store.Record) -> None:
    (store.layout() / "index.json").write_text('{"manifests": [{"dig')
    store.prepare_layout()
    assert store.digest_in_index(record.reference) == (record.digest, record.manifest_bytes)


def test_a_half_written_record_is_no_record(record: store.Record) -> None:
    (store.home() / "records" / ".x.json.1").write_text('{"refer')
    assert store.records() == [record]


def test_an_archive_has_only_the_blobs_that_are_missing(record: store.Record) -> None:
    out = io.BytesIO()
    written = containerd.write_archive(out, [record], {"sha256:parent"})
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        names = archive.getnames()
        member = archive.extractfile("index.json")
        assert member is not None
        index = json.loads(member.read())
    assert "blobs/sha256/own" in names
    assert "blobs/sha256/parent" not in names
    assert names[-1] == "index.json"
    assert written == 2 + 20 + record.manifest_bytes
    assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == record.reference


def test_only_whole_and_unpacked_images_count_as_present() -> None:
    check = (
        "REF TYPE DIGEST STATUS SIZE UNPACKED\n"
        "a:1 application/x sha256:1 complete (2/2) 1.0 MiB/1.0 MiB true\n"
        "b:1 application/x sha256:2 complete (2/2) 1.0 MiB/1.0 MiB false\n"
        "c:1 application/x sha256:3 incomplete (1/2) 0.5 MiB/1.0 MiB false\n"
    )
    assert containerd.complete(check) == {"a:1": "sha256:1"}


def test_a_load_without_containerd_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "binary", {"ctr": tmp_path / "ctr"}.get)
    with pytest.raises(UserError, match="does not respond") as fault:
        containerd.load(["pause"], tmp_path / "none.sock")
    assert fault.value.next_step == "mlp cluster start"


def layer(files: dict[str, str]) -> bytes:
    """Return a layer that contains `files`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


STATUS = """Package: libc6
Status: install ok installed
Version: 2.36-9
Description: a
 Package: not this

Package: old
Status: deinstall ok config-files
Version: 1
"""


def test_the_packages_of_an_image_are_those_of_its_newest_layer(record: store.Record) -> None:
    store.blob("sha256:parent").write_bytes(layer({"var/lib/dpkg/status": STATUS.replace("2.36-9", "2.36-8")}))
    store.blob("sha256:own").write_bytes(layer({"etc/x": "", "./var/lib/dpkg/status": STATUS}))
    assert contents.packages(record.digest) == {"libc6": "2.36-9"}
    contents.check("pause", record.digest, {"libc6": "2.36-9"})
    store.blob("sha256:own").write_bytes(layer({"etc/x": ""}))
    assert contents.packages(record.digest) == {"libc6": "2.36-8"}


def test_an_image_whose_packages_differ_from_its_tag_is_refused(record: store.Record) -> None:
    store.blob("sha256:parent").write_bytes(layer({}))
    store.blob("sha256:own").write_bytes(layer({"var/lib/dpkg/status": STATUS}))
    with pytest.raises(UserError, match="does not have the Debian packages") as fault:
        contents.check("pause", record.digest, {"libc6": "2.36-8", "libx": "1"})
    assert fault.value.seen == "libc6 2.36-9 instead of 2.36-8; libx absent instead of 1"


def test_an_image_that_containerd_has_under_another_digest_is_imported_again(
    record: store.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "reference", {"pause": record.reference}.get)
    held = {record.reference: "sha256:other"}
    sent: list[list[store.Record]] = []

    def import_(_socket: Path, wanted: list[store.Record], _blobs: set[str], _step: object) -> None:
        sent.append(wanted)
        held[record.reference] = record.digest

    def nothing(_socket: Path, *_words: str) -> str:
        return ""

    monkeypatch.setattr(containerd, "present", {containerd.SOCKET: held}.get)
    monkeypatch.setattr(containerd, "_read", nothing)
    monkeypatch.setattr(containerd, "_import", import_)
    containerd.load(["pause"])
    containerd.load(["pause"])
    assert sent == [[record]]


def test_mounts_below_a_folder_are_found_innermost_first() -> None:
    info = (
        "1 0 0:1 / /c/images/storage rw - x x rw\n"
        "2 1 0:2 / /c/images/storage/a/b rw - x x rw\n"
        "3 1 0:2 / /c/images2 rw - x x rw\n"
    )
    assert store.mounts_below(Path("/c/images"), info) == ["/c/images/storage/a/b", "/c/images/storage"]


DEB822 = """# comment
Types: deb
URIs: mirror://one
Suites: bookworm bookworm-updates
Components: main
Signed-By: /k.gpg

Types: deb
URIs: mirror://two
Suites: cloud-bookworm
Components: main

Types: deb-src
URIs: mirror://three
Suites: bookworm
Components: main
"""


def test_only_debians_own_sources_are_passed_on(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(
        "deb [arch=amd64 signed-by=/q.gpg] mirror://four bookworm-security main contrib\n"
        "deb mirror://five bookworm-backports main\ndeb-src mirror://six bookworm main\n"
    )
    text = apt.sources("bookworm", tmp_path)
    assert "mirror://one" in text
    assert "Suites: bookworm-security\nComponents: main contrib\nSigned-By: /q.gpg" in text
    assert not [name for name in ("two", "three", "five", "six") if f"mirror://{name}" in text]


def test_a_source_of_another_release_gives_the_mirrors_address(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text("deb mirror://four bookworm-security main\n")
    text = apt.sources("trixie", tmp_path)
    assert "URIs: mirror://one\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /k.gpg" in text
    assert "Suites: trixie-security" in text
    assert "bookworm" not in text
    (folder / "own.sources").write_text("Types: deb\nURIs: mirror://own\nSuites: trixie\nComponents: main\n")
    assert "mirror://one" not in apt.sources("trixie", tmp_path)


def test_a_machine_without_the_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no apt source for Debian bookworm"):
        apt.sources("bookworm", tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        b"#!/a/venv/bin/python3\nimport x\n",
        b"#!/bin/sh\n'''exec' \"/a very long/python\" \"$0\" \"$@\"\n' '''\nimport x\n",
    ],
)
def test_a_console_script_starts_the_images_interpreter(script: bytes) -> None:
    assert wheels.relocate_script(script) == b"#!/opt/venv/bin/python\nimport x\n"


def test_another_script_is_left_alone() -> None:
    assert wheels.relocate_script(b"#!/bin/sh\necho\n") == b"#!/bin/sh\necho\n"


def test_a_build_pulls_nothing_and_levels_times(tmp_path: Path) -> None:
    book = catalog()
    words = bud_arguments(book, book.image("redis"), tmp_path, "own:1", "parent:1")
    assert {"--pull-never", "PARENT=parent:1"} <= set(words)
    assert words[words.index("--timestamp") + 1] == "0"
    assert "PACKAGES=redis-server" in words
    assert any(word.endswith(":/var/lib/apt/lists:ro") for word in words)
    static = bud_arguments(book, book.image("coredns"), tmp_path / "context", "own:1", None)
    assert not any("PACKAGES" in word or "--volume" in word or "PARENT" in word for word in static)
