"""Image references: they change with every input of an image and with nothing else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artifacts.images import ready
from artifacts.images.catalog import Catalog, Image, catalog, parse
from artifacts.images.tags import TAG_LENGTH, recipe, reference, references, tag_of
from artifacts.images.wheels import additions, pins
from artifacts.toolchain.catalog import owner
from common.errors import UserError

BOOK = catalog()
IMAGES = list(BOOK.images.values())


@pytest.fixture
def image(tmp_path: Path) -> Image:
    folder = tmp_path / "images" / "x"
    folder.mkdir(parents=True)
    (folder / "Containerfile").write_text("FROM scratch\n")
    (folder / "requirements.in").write_text("a\n")
    (folder / "requirements.txt").write_text("a==1 \\\n    --hash=sha256:00\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "m.py").write_text("one = 1\n")
    return Image(
        name="x",
        description="d",
        folder=folder,
        requirements=True,
        sources=("code",),
        binaries=("tool",),
        packages=("p",),
    )


def tag(
    image: Image, book: Catalog = BOOK, parent: str | None = "p", key: str = "k", versions: dict[str, str] | None = None
) -> str:
    return tag_of(recipe(book, image, parent, lambda _: key, versions, image.folder.parent.parent))


def edit(path: Path, text: str) -> None:
    path.write_text(text)


INPUTS: dict[str, Callable[[Image], object]] = {
    "Containerfile": lambda i: edit(i.folder / "Containerfile", "FROM scratch\nUSER 1\n"),
    "a pin": lambda i: edit(i.folder / "requirements.txt", "a==2 \\\n    --hash=sha256:00\n"),
    "a hash": lambda i: edit(i.folder / "requirements.txt", "a==1 \\\n    --hash=sha256:11\n"),
    "a new file": lambda i: edit(i.folder / "entrypoint", ""),
    "its mode": lambda i: (i.folder / "Containerfile").chmod(0o755),
    "our source": lambda i: edit(i.folder.parent.parent / "code" / "m.py", "one = 2\n"),
    "a renamed source": lambda i: (i.folder.parent.parent / "code" / "m.py").rename(
        i.folder.parent.parent / "code" / "n.py"
    ),
}


@pytest.mark.parametrize("change", INPUTS)
def test_a_reference_changes_with_each_file(image: Image, change: str) -> None:
    before = tag(image)
    INPUTS[change](image)
    assert tag(image) != before


@pytest.mark.parametrize(
    "changed",
    [
        {"strip": ("docs",)},
        {"sources": ()},
        {"binaries": ("other", "tool")},
        {"wheel_files": {"a": "b"}},
        {"from_source": ("a",)},
        {"packages": ("p", "q")},
        {"root": ("dash",)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_reference_changes_with_each_field(image: Image, changed: dict[str, Any]) -> None:
    assert tag(dataclasses.replace(image, **changed)) != tag(image)


def test_a_reference_changes_with_tool_parent_and_platform(image: Image) -> None:
    before = tag(image)
    assert tag(image, key="other") != before
    assert tag(image, parent="other") != before
    others: dict[str, Any] = {"suite": "trixie", "python": "3.12", "python_platform": "x", "strip_everywhere": ()}
    for field, value in others.items():
        assert tag(image, dataclasses.replace(BOOK, **{field: value})) != before, field


def test_a_reference_stays_when_nothing_of_the_image_changes(image: Image) -> None:
    before = tag(image)
    edit(image.folder / "requirements.in", "a>=1\n")
    (image.folder.parent.parent / "code" / "__pycache__").mkdir()
    edit(image.folder.parent.parent / "code" / "__pycache__" / "m.cpython-311.pyc", "x")
    edit(image.folder.parent.parent / "unrelated.py", "")
    (image.folder / "Containerfile").touch()
    relabelled = dataclasses.replace(image, description="other", estimate_seconds=99, internal=True, bench=True)
    assert tag(relabelled) == before


def test_references_name_every_image_a_cluster_runs() -> None:
    wanted = {
        *("pause", "base", "coredns", "local-path-provisioner", "metrics-server", "postgres", "redis", "s3", "mlflow"),
        *("feast", "serving", "job", "storage-initializer", "kserve-controller", "envoy-gateway", "envoy"),
        *("mariadb", "ml-metadata", "workflow-controller", "argoexec", "pipelines-api", "pipelines-driver"),
        *("pipelines-launcher", "pipelines-persistence-agent", "pipelines-scheduled-workflow"),
    }
    assert wanted <= set(references())
    assert set(BOOK.wanted(None)) == wanted
    for name, value in references().items():
        assert re.fullmatch(rf"mlplatform\.local/{name}:[0-9a-f]{{{TAG_LENGTH}}}", value)


def test_a_parents_change_reaches_its_children() -> None:
    lineage = [image.name for image in BOOK.lineage("job")]
    assert lineage == ["job", "job-python", "python-learning", "feast", "python-data", "python-base", "base"]
    assert BOOK.with_parents(["job"]) == lineage[::-1]


def test_images_that_need_no_tool_come_before_any_is_built() -> None:
    first = ready()
    assert {"base", "postgres", "redis", "mariadb", "envoy", "mlflow", "feast", "job", "serving"} <= set(first)
    assert not {name for image in first for name in BOOK.image(image).binaries}
    assert first == [name for name in BOOK.wanted(None) if name in first]
    more = ready([owner("coredns").name], ["coredns", "pause"])
    assert more == ["coredns"]
    assert ready([tool.name for tool in map(owner, (b for i in IMAGES for b in i.binaries))]) == BOOK.wanted(None)


def test_children_are_of_their_parents_suite() -> None:
    assert BOOK.suite_of(BOOK.image("postgres")) == "trixie"
    assert BOOK.suite_of(BOOK.image("redis")) == BOOK.suite


def test_a_reference_changes_with_the_version_of_a_debian_package(image: Image) -> None:
    assert tag(image, versions={"p": "1"}) != tag(image, versions={"p": "2"})
    assert tag(image, versions={"p": "1"}) == tag(image, versions={"p": "1"})


def test_an_unknown_image_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="mlfow") as fault:
        reference("mlfow")
    assert "mlflow" in str(fault.value.allowed)


def test_a_child_before_its_parent_is_refused() -> None:
    head = "suite: a\npython: '3.11'\npython_platform: p\nstrip_everywhere: []\n"
    with pytest.raises(ValueError, match="must come after its parent q"):
        parse(head + "images:\n  c: {description: d, parent: q}")


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_an_image_runs_as_a_numeric_user_that_is_not_root(image: Image) -> None:
    users = re.findall(r"^USER (.+)$", (image.folder / "Containerfile").read_text(), re.MULTILINE)
    assert users, "no USER"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_a_containerfile_starts_from_its_parent_or_from_nothing(image: Image) -> None:
    froms = re.findall(r"^FROM (.+)$", (image.folder / "Containerfile").read_text(), re.MULTILINE)
    assert froms == ["${PARENT}" if image.parent else "scratch"]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_every_executable_of_an_image_has_a_tool(image: Image) -> None:
    for binary in image.binaries:
        assert binary in owner(binary).binaries


@pytest.mark.parametrize("image", [i for i in IMAGES if i.has_requirements], ids=lambda image: image.name)
def test_every_requirement_is_pinned_with_a_hash_and_names_no_index(image: Image) -> None:
    text = image.requirements_txt.read_text()
    found = pins(text)
    assert len(found) == len(re.findall(r"^[A-Za-z]", text, re.MULTILINE))
    for name, (_, lines) in found.items():
        assert "--hash=sha256:" in lines, name
    assert "://" not in text
    assert "index" not in text


@pytest.mark.parametrize("image", [i for i in IMAGES if i.requirements], ids=lambda image: image.name)
def test_an_image_agrees_with_what_it_is_built_on(image: Image) -> None:
    own = pins(image.requirements_txt.read_text())
    for parent in BOOK.lineage(image.name)[1:]:
        if parent.requirements:
            additions(own, pins(parent.requirements_txt.read_text()))


def test_only_what_the_parents_lack_is_added_and_a_second_version_is_refused() -> None:
    own = pins("a==1 \\\n    --hash=sha256:1\nb==2 \\\n    --hash=sha256:2\n    --hash=sha256:3\n")
    assert additions(own, pins("a==1 \\\n    --hash=sha256:1\n")).startswith("b==2 \\\n    --hash=sha256:2")
    assert "a==1" not in additions(own, pins("a==1 \\\n    --hash=sha256:1\n"))
    with pytest.raises(UserError, match="pinned to two versions") as fault:
        additions(own, pins("a==3 \\\n    --hash=sha256:1\n"))
    assert fault.value.seen == "1 in the image, 3 in a parent image"
