"""The documentation: the site builds without a broken link, and every name on a page exists."""

from __future__ import annotations

import importlib.util
import io
import logging
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from common.paths import ROOT
from tests.bench import pictures

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))
TEXTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *PAGES]


def build(root: Path, site: Path) -> None:
    """Build the site of `root` strictly into `site`."""
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config

    logging.getLogger("mkdocs").propagate = True
    mkdocs_build(load_config(str(root / "mkdocs.yml"), site_dir=str(site), strict=True))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the documentation that a test may break."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    return tmp_path


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    build(ROOT, tmp_path)
    for page in PAGES:
        assert (tmp_path / page.removeprefix("docs/")).with_suffix(".html").is_file()
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]+src=[\"']?https?:|<link(?![^>]*canonical)[^>]+href=[\"']?https?:|url\(https?:"
    )
    for path in (item for item in tmp_path.rglob("*") if item.suffix in {".html", ".css", ".svg"}):
        assert not loaded.search(path.read_text(encoding="utf-8")), path
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        ("[x](no-such-page.md)", "no-such-page.md"),
        ("[x](no-such-folder/)", "no-such-folder/index.md"),
        ("[x](concepts.md#no-such-heading)", "no-such-heading"),
        ("![x](pictures/no-such-picture.svg)", "no-such-picture.svg"),
        ("[x](/absolute.md)", "/absolute.md"),
    ],
)
def test_a_broken_link_is_refused(
    copied: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, addition: str, told: str
) -> None:
    from mkdocs.exceptions import Abort

    with (copied / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{addition}\n")
    with pytest.raises(Abort):
        build(copied, tmp_path / "site")
    assert told in caplog.text


def test_a_page_that_the_navigation_lacks_is_refused(copied: Path, tmp_path: Path) -> None:
    from mkdocs.exceptions import Abort

    (copied / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    with pytest.raises(Abort):
        build(copied, tmp_path / "site")


def test_a_new_application_and_a_new_decision_need_no_line_in_the_navigation(copied: Path, tmp_path: Path) -> None:
    for name in ("applications/greeter", "decisions/9999-next"):
        (copied / "docs" / f"{name}.md").write_text("# New\n", encoding="utf-8")
    build(copied, tmp_path / "site")
    assert "applications/greeter.html" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def links(text: str) -> list[str]:
    """Return the relative targets of a page's links and pictures, outside of code."""
    return [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        if not re.match(r"\w+:", target)
    ]


def test_links_of_the_readme_lead_somewhere() -> None:
    for link in links((ROOT / "README.md").read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        if anchor:
            assert anchor in anchors((ROOT / path).read_text(encoding="utf-8")), link


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as mkdocs and GitHub make them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_decision_is_in_the_index_and_has_its_three_parts() -> None:
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    records = sorted((DOCS / "decisions").glob("0*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        title = text.partition("\n")[0].removeprefix(f"# {record.name[:4]}. ")
        assert f"| [{record.name[:4]}]({record.name}) | {title} |" in index
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]


# Files, modules and commands that pages name.

SUFFIXES = r"py|md|ya?ml|toml|svg|txt|in|mod|sum|go|sh|sql|cfg|json|attrs|awk"
ELSEWHERE = {
    "feature_store.yaml",  # Feast's configuration, in a Secret
    "flights.yaml",
    "plan.json",
    "uv.lock",  # deliberately absent
    "stacks/Images.<environment>.yaml",  # written by `mlp images push`
    "node.volumeAttachLimit",  # a setting of an add-on
}
"""Names that are no part of the repository."""


def spans(text: str) -> Iterator[str]:
    """Yield the inline code of a page."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"^ {4}.*$", "", outside, flags=re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", outside)


@cache
def top_level() -> frozenset[str]:
    return frozenset(path.name for path in ROOT.iterdir() if path.name not in {".git", ".mlp"})


@cache
def file_names() -> frozenset[str]:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name not in {".git", ".mlp"}]
    inside = {path.name for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}
    return frozenset(inside | top_level())


def missing_file(name: str) -> bool:
    """Tell whether inline code looks like a path of the repository and there is no such file."""
    if name in ELSEWHERE or not re.fullmatch(r"[\w.*<>/{},-]+", name):
        return False
    if "/" not in name:
        return re.fullmatch(rf"[\w.-]+\.(?:{SUFFIXES})", name) is not None and name not in file_names()
    if name.startswith((".mlp/", "/", "~")):
        return False
    pattern = re.sub(r"<[^>]*>", "*", name.rstrip("/"))
    if name.split("/", maxsplit=1)[0] in top_level():
        return not any(ROOT.glob(pattern))
    # A path below a folder that the page is about: `kubernetes-provider/prepare.py`.
    return re.search(rf"\.(?:{SUFFIXES})$", name) is not None and not any(ROOT.glob(f"*/**/{pattern}"))


def missing_module(name: str) -> bool:
    """Tell whether inline code names a module or a name in one, as `python -m a.b` or `a.b.c`, that is not there."""
    found = re.fullmatch(r"(python -m )?(\w+(?:\.\w+)+)(?:\(.*\))?( .*)?", name)
    if found is None or name in ELSEWHERE or (found[3] and not found[1]):
        return False
    parts = found[2].split(".")
    if parts[0] not in top_level() or not (ROOT / parts[0]).is_dir():
        return False
    if re.fullmatch(SUFFIXES, parts[-1]) or is_setting(parts):
        return False
    if found[1]:
        return importlib.util.find_spec(found[2]) is None
    place = ROOT
    for index, part in enumerate(parts):
        if (place / part).is_dir():
            place = place / part
        elif (place / f"{part}.py").is_file():
            place = place / f"{part}.py"
        else:
            source = (place if place.suffix else place / "__init__.py").read_text(encoding="utf-8")
            return index < len(parts) - 1 or re.search(rf"\b{part}\b", source) is None
    return False


def is_setting(parts: list[str]) -> bool:
    """Tell whether a dotted name is a key of the settings, such as `policy.x` would be."""
    from infra.schema import SETTINGS

    return parts[0] in SETTINGS.model_fields


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_and_module_that_a_page_names_exists(page: str) -> None:
    named = list(spans((ROOT / page).read_text(encoding="utf-8")))
    assert [name for name in named if missing_file(name) or missing_module(name)] == []


@pytest.mark.parametrize(
    "name",
    [
        "components/aws/no_such_file.py",
        "components/*/no_such_file.py",
        "no_such_file.yaml",
        "folder/no_such_file.py",
        "python -m infra.no_such_module",
        "artifacts.images.no_such_module.tag",
        "artifacts.images.pushed.no_such_name",
        "infra/no_such_folder/",
    ],
)
def test_a_name_of_nothing_is_found(name: str) -> None:
    assert missing_file(name) or missing_module(name)


@pytest.mark.parametrize(
    "name",
    ["stacks/Pulumi.<stack>.yaml", "artifacts.images.pushed.unpushed", "python -m tests.bench.aws", "Pulumi.yaml"],
)
def test_a_name_of_something_is_not(name: str) -> None:
    assert not missing_file(name)
    assert not missing_module(name)


@cache
def commands() -> Any:
    """Return the command line as it is; Typer's classes of commands are private to it."""
    from mlp import cli

    cli._register()
    return typer.main.get_command(cli.app)


def printed(text: str) -> Iterator[str]:
    """Yield every `mlp` command of a page: in fenced and indented blocks, and in inline code."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4}(.*)$", text, flags=re.MULTILINE)
    for line in [line for block in fenced for line in block.splitlines()] + indented + list(spans(text)):
        yield from re.findall(r"(?:^|[\s(`/])(mlp [^`;&)]*)", line.replace(r"\|", "|").split(" #")[0])


def unknown(command: str) -> str | None:
    """Return what of a printed command the command line does not know; None when it knows all of it."""
    place = commands()
    words = shlex.split(command)[1:]
    for word in words:
        options = {name for item in place.params for name in (*item.opts, *item.secondary_opts)} | {"--help"}
        if word.startswith("-"):
            if word.split("=")[0] not in options:
                return word
        elif hasattr(place, "commands"):
            chosen = [place.commands.get(name) for name in word.split("|")]
            if None in chosen:
                return word
            place = chosen[0]
    return None


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_that_a_page_prints_exists(page: str) -> None:
    found = list(printed((ROOT / page).read_text(encoding="utf-8")))
    assert [(command, unknown(command)) for command in found if unknown(command)] == []


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_the_first_pages_print_commands(page: str) -> None:
    assert len(list(printed((ROOT / page).read_text(encoding="utf-8")))) >= 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("    mlp fly --stack dev", "fly"),
        ("```console\nmlp cluster explode\n```", "explode"),
        ("`mlp up --sideways`", "--sideways"),
        ("`mlp pipeline run\\|jump`", "run|jump"),
        ('    eval "$(.mlp/venv/bin/mlp environment)"', "environment"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, told: str) -> None:
    assert [unknown(command) for command in printed(text)] == [told]


def test_make_targets_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    for page in TEXTS:
        for name in re.findall(r"`make ([a-z]+)`", (ROOT / page).read_text(encoding="utf-8")):
            assert name in known, (page, name)


# Pictures.


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_small_and_loads_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text) < pictures.LIMIT_BYTES
    assert not re.search(r"(?:href|src)=\"https?:|url\(['\"]?https?:|@import|<script", text)


def test_a_terminal_is_drawn_without_web_fonts() -> None:
    from rich.console import Console

    console = Console(record=True, width=40, highlight=False, file=io.StringIO())
    console.print("[green]1/1[/]")
    drawn = pictures.terminal(console, "mlp status")
    assert "1/1" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
