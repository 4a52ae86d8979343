"""Test the prose check: it finds what is planted, with the right line, and nothing in clean text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from common import paths
from tests.prose import check as prose
from tests.prose.check import Exempt, Finding

STYLE = prose.phrases(yaml.safe_load((paths.ROOT / "tests/prose/style.yaml").read_text(encoding="utf-8")))


def found(path: str, text: str) -> list[tuple[int, str]]:
    return sorted((item.line, item.phrase) for item in prose.style(path, text, STYLE))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("is none", "Return the lock; empty where there is none."),
        ("is none", "There are\n  none."),
        ("none is", "Install it where none is installed."),
        ("for ever", "It would wait for ever."),
        ("for ever", "Kept forever."),
        ("mend", "How to mend it."),
        ("mend", "It mends what differs."),
        ("mend", "Mended when it was away."),
        ("anew", "Written anew."),
        ("whoever", "Whoever reads it."),
        ("by itself", "It grows by itself."),
        ("by itself", "Pods end by themselves."),
        ("what stands", "What stands after."),
        ("laid by", "Laid by one program."),
        ("how it is cut", "## How it is cut"),
        ("it does not hold that", "after 30 s it does not hold that it is ready"),
        ("its silence", "Its silence changes nothing."),
        ("nobody is told", "Nobody is told that a model is served."),
        ("can be had", "What is there can be had back."),
        ("in vain", "It waited in vain."),
        ("archaic words", "Lest it fail."),
    ],
)
def test_a_planted_phrase_is_found(phrase: str, text: str) -> None:
    assert phrase in {name for _, name in found("page.md", text)}


@pytest.mark.parametrize(
    "text",
    [
        "We recommend to amend the commend. Recommended, amended, amendment, tremendous.",
        "Return the value, or None when it is None; `x is None` holds.",
        "A renewal, a canewalker, forevermore.",
        "However, wherever and whatever you choose.",
        "The Job restarts itself. It stands for any text.",
        "The vain hope, silence of the log, histold.",
        "The chest, a therapist, mere, here, where, there, were.",
        "",
    ],
)
def test_clean_text_passes(text: str) -> None:
    assert found("page.md", text) == []


def test_python_is_read_in_its_strings_and_comments_only() -> None:
    source = '''"""First line.

Written anew.
"""
mend = anew = 1  # for ever
if mend is none:
    raise ValueError(f"{x}: nothing " "to mend " f"by "
        "itself")
# A comment that breaks: by
# itself it goes on.
'''
    assert found("code.py", source) == [
        (3, "anew"),
        (5, "for ever"),
        (7, "by itself"),
        (7, "mend"),
        (9, "by itself"),
    ]


def test_a_phrase_does_not_span_unrelated_texts() -> None:
    assert found("code.py", 'x = ["by", "itself"]\ny = "by"  # itself\n') == []


def test_a_style_row_without_its_alternative_is_refused() -> None:
    with pytest.raises(ValueError, match="instead, reason missing"):
        prose.phrases([{"phrase": "utilize"}])
    with pytest.raises(ValueError, match="utilize"):
        prose.phrases([{"phrase": "utilize", "pattern": "(", "instead": "use", "reason": "long"}])


@pytest.mark.parametrize("row", [{"path": "a.md", "phrase": "anew"}, {"path": "a.md", "phrase": "anew", "reason": ""}])
def test_an_exception_without_a_reason_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a path, a phrase and a reason"):
        prose.exempt([row])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one misspelled word, one banned phrase, and a file that git ignores."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("Clean.\nThe enviroment.\nDone anew.\n", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("ignored.md\n", encoding="utf-8")
    (tmp_path / "ignored.md").write_text("anew\n", encoding="utf-8")
    (tmp_path / "go.sum").write_text("anew\n", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "bug.yml").write_text("title: recieve\n", encoding="utf-8")
    return tmp_path


def checked(folder: Path, *places: Exempt) -> list[Finding]:
    return prose.check(folder, prose.tracked(folder), STYLE, places)


def test_written_files_are_checked_for_spelling_and_style(repository: Path) -> None:
    assert [(item.path, item.line, item.phrase) for item in checked(repository)] == [
        (".hidden/bug.yml", 1, "recieve"),
        ("docs/page.md", 2, "enviroment"),
        ("docs/page.md", 3, "anew"),
    ]


def test_a_finding_says_where_what_and_what_instead(repository: Path) -> None:
    lines = [str(item) for item in checked(repository)]
    assert lines[2].startswith("docs/page.md:3: 'anew': write \"again\"")
    assert lines[1] == "docs/page.md:2: 'enviroment': write environment (misspelled)"


def test_an_exception_covers_its_place_alone(repository: Path) -> None:
    phrase = Exempt("docs/*", "anew", "a quotation")
    assert "anew" not in {item.phrase for item in checked(repository, phrase)}
    assert len(checked(repository, Exempt("README.md", "anew", "elsewhere"))) == 3
    assert len(checked(repository, Exempt("docs/page.md", "*", "all of it"))) == 1


def test_an_exception_that_covers_nothing_is_named(repository: Path) -> None:
    needed, idle = Exempt("docs/*", "anew", "a quotation"), Exempt("docs/*", "mend", "gone")
    assert prose.unused(checked(repository), [needed, idle]) == [idle]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("latin.md", b"caf\xe9\n", "not UTF-8"),
        ("open.py", b'"""', "not Python"),
        ("dedent.py", b"if x:\n    y\n  z\n", "not Python"),
        ("caf\u00e9 page.md", b"anew\n", "anew"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_a_name_outside_ascii_is_not_skipped(
    repository: Path, name: str, content: bytes, told: str
) -> None:
    (repository / name).write_bytes(content)
    assert (name, told) in {(item.path, item.phrase) for item in checked(repository)}


@pytest.mark.parametrize("named", ["docs", "absent.md"])
def test_an_argument_that_is_not_a_file_is_refused(
    repository: Path, named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prose, "ROOT", repository)
    assert prose.main([named]) == 1
    assert f"{named}: not a file" in capsys.readouterr().out


def test_the_program_ends_with_1_on_a_finding_and_with_0_on_clean_text(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prose, "ROOT", repository)
    assert prose.main(["docs/page.md"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^docs/page\.md:3: 'anew'", said, re.MULTILINE)
    assert said.endswith("2 to change: docs 2\n")
    (repository / "docs" / "page.md").write_text("Done again.\n", encoding="utf-8")
    assert prose.main(["docs/page.md"]) == 0
    assert capsys.readouterr().out == ""
