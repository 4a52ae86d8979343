"""Check the spelling and the style of every text in the repository: `python -m tests.prose.check [PATH ...]`.

Reads the strings and comments of Python files, and the whole text of every other file. `style.yaml` lists the phrases
that are not used and what to write instead; `exceptions.yaml` lists the places where one may stay, with the reason.
codespell finds the misspelled words.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

GENERATED = ("*.sum", "*requirements*.txt", "requirements/dev.txt", "requirements/bootstrap.txt")
"""Files that a program writes: checksums and locked versions."""

SPACE = r"(?:\s|#|//)+"
"""What separates two words of a phrase: the line may break between them, in a comment too."""

END = "\0"
"""Stands between two passages; no phrase matches it."""

STRING = re.compile(r"[a-zA-Z]{0,2}(\"\"\"|'''|\"|')(.*)\1", re.DOTALL)
"""A string literal: its quotes and its content."""

LAYOUT = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


@dataclass(frozen=True)
class Phrase:
    """A phrase that is not used.

    Attributes:
        name: The phrase as a reader sees it; exceptions name it.
        pattern: Regular expression that finds it; any white space matches a space.
        instead: Plain wording to use instead.
        reason: Why it is not used.
    """

    name: str
    pattern: re.Pattern[str]
    instead: str
    reason: str


@dataclass(frozen=True)
class Exempt:
    """A place where a phrase or a misspelled word may stay.

    Attributes:
        path: Path of the file in the repository; `*` matches any text.
        phrase: Name of the phrase or the misspelled word; `*` for all.
        reason: Why it may stay.
    """

    path: str
    phrase: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Return whether a finding is at this place."""
        return fnmatchcase(finding.path, self.path) and self.phrase in ("*", finding.phrase)


@dataclass(frozen=True, order=True)
class Finding:
    """A phrase or a misspelled word that was found.

    Attributes:
        path: Path of the file in the repository.
        line: Line on which it begins, from 1.
        phrase: Name of the phrase, or the misspelled word.
        instead: What to write instead.
        reason: Why.
    """

    path: str
    line: int
    phrase: str
    instead: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase!r}: write {self.instead} ({self.reason})"


class Passages:
    """The text of a file that is read.

    A phrase may run over several lines and literals, but not from one passage to the next.
    """

    def __init__(self) -> None:
        self.text = ""
        self._starts: list[int] = []
        self._lines: list[int] = []

    def add(self, line: int, text: str) -> None:
        """Add text that begins on a line; it follows the text before it without a gap."""
        for number, part in enumerate(text.splitlines(keepends=True)):
            self._starts.append(len(self.text))
            self._lines.append(line + number)
            self.text += part

    def end(self) -> None:
        """End a passage: what is added next begins another one."""
        if self.text and not self.text.endswith(END):
            self.add(self._lines[-1], END)

    def line(self, offset: int) -> int:
        """Return the line of the file that holds the character at an offset."""
        return self._lines[bisect_right(self._starts, offset) - 1]


def phrases(rows: Sequence[Mapping[str, str]]) -> list[Phrase]:
    """Return the phrases of a style file.

    Raises:
        ValueError: A row lacks a field or its expression is wrong; names the row.
    """
    return [_phrase(row) for row in rows]


def _phrase(row: Mapping[str, str]) -> Phrase:
    missing = {"phrase", "instead", "reason"} - set(row)
    if missing:
        raise ValueError(f"{dict(row)}: {', '.join(sorted(missing))} missing")
    expression = row.get("pattern", rf"\b{row['phrase']}\b").replace(" ", SPACE)
    try:
        pattern = re.compile(expression, 0 if row.get("case") == "exact" else re.IGNORECASE)
    except re.error as problem:
        raise ValueError(f"{dict(row)}: {problem}") from problem
    return Phrase(row["phrase"], pattern, row["instead"], row["reason"])


def exempt(rows: Sequence[Mapping[str, str]]) -> list[Exempt]:
    """Return the places of an exceptions file.

    Raises:
        ValueError: A row has no path, no phrase or no reason.
    """
    for row in rows:
        if set(row) != {"path", "phrase", "reason"} or not all(row.values()):
            raise ValueError(f"{dict(row)}: an exception has a path, a phrase and a reason")
    return [Exempt(row["path"], row["phrase"], row["reason"]) for row in rows]


def python_passages(source: str) -> Passages:
    """Return the comments and strings of a Python file; neighbours that are read as one are one passage."""
    found, kind = Passages(), tokenize.ENDMARKER
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in LAYOUT:
            continue
        if token.type != kind:
            found.end()
        kind = token.type
        if kind == tokenize.COMMENT:
            found.add(token.start[0], token.string + "\n")
        elif kind == tokenize.STRING:
            literal = STRING.fullmatch(token.string)
            found.add(token.start[0], literal.group(2) if literal else token.string)
    return found


def passages(path: str, text: str) -> Passages:
    """Return what is read of a file."""
    if path.endswith(".py"):
        return python_passages(text)
    whole = Passages()
    whole.add(1, text)
    return whole


def style(path: str, text: str, banned: Iterable[Phrase]) -> Iterator[Finding]:
    """Return the banned phrases in the text of a file."""
    read = passages(path, text)
    for phrase in banned:
        for found in phrase.pattern.finditer(read.text):
            yield Finding(path, read.line(found.start()), phrase.name, phrase.instead, phrase.reason)


def spelling(root: Path, paths: Sequence[str]) -> list[Finding]:
    """Return the misspelled words in files, as codespell finds them."""
    program = Path(sys.executable).with_name("codespell")
    done = subprocess.run(
        [program, "--check-hidden", "--disable-colors", *paths], cwd=root, capture_output=True, text=True, check=False
    )
    rows = re.findall(r"^(.+?):(\d+): (\S+) ==> (.+)$", done.stdout, re.MULTILINE)
    return [Finding(path.removeprefix("./"), int(line), word, right, "misspelled") for path, line, word, right in rows]


def tracked(root: Path) -> list[str]:
    """Return the text files of a repository that people write, those that are not committed yet too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    written = [path for path in listed if not any(fnmatchcase(path, pattern) for pattern in GENERATED)]
    return sorted(path for path in written if (root / path).is_file() and not (root / path).is_symlink())


def check(root: Path, paths: Sequence[str], banned: Sequence[Phrase], places: Sequence[Exempt]) -> list[Finding]:
    """Return what is to be changed in files of a repository, and exceptions that nothing needs."""
    found = spelling(root, paths)
    for path in paths:
        try:
            found += style(path, (root / path).read_text(encoding="utf-8"), banned)
        except UnicodeDecodeError:
            found.append(Finding(path, 1, "not UTF-8", "text in UTF-8", "the check cannot read the file"))
        except (tokenize.TokenError, SyntaxError) as problem:
            found.append(Finding(path, 1, "not Python", "valid Python", str(problem.args[0])))
    left = [item for item in found if not any(place.covers(item) for place in places)]
    return sorted(left)


def unused(found: Sequence[Finding], places: Sequence[Exempt]) -> list[Exempt]:
    """Return the exceptions that cover nothing."""
    return [place for place in places if not any(place.covers(item) for item in found)]


def _rows(name: str) -> Any:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


def main(arguments: Sequence[str]) -> int:
    """Print what is to be changed in the files named, or in all; return 1 if there is anything."""
    banned, places = phrases(_rows("style.yaml")), exempt(_rows("exceptions.yaml"))
    absent = [path for path in arguments if not (ROOT / path).is_file()]
    if absent:
        print(f"{', '.join(absent)}: not a file; name files by their path in the repository, or none to check all")
        return 1
    found = check(ROOT, list(arguments) or tracked(ROOT), banned, [])
    left = [item for item in found if not any(place.covers(item) for place in places)]
    for item in left:
        print(item)
    idle = [] if arguments else unused(found, places)
    for place in idle:
        print(f"tests/prose/exceptions.yaml: {place.path}, {place.phrase!r}: nothing needs this exception; remove it")
    if left:
        counts = Counter(item.path.split("/")[0] for item in left)
        print(f"{len(left)} to change: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))
    return 1 if left or idle else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
