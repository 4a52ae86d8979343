"""Test the import contracts, and that CONTRIBUTING.md says of the packages and paths what is true."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from common import paths

Graph = Mapping[str, frozenset[str]]
"""A package to the packages that it imports."""

SITE = {"docs"}
"""Folder with hooks of mkdocs: no package, and it imports none."""

EVERY = "every package"
CONTRIBUTING = (paths.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINTER: dict[str, Any] = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]
PACKAGES: list[str] = LINTER["root_packages"]
CONTRACTS: dict[str, dict[str, Any]] = {item["id"]: item for item in LINTER["contracts"]}


def layers() -> list[list[str]]:
    """Return the packages of each layer, the top one first."""
    return [layer.split(" | ") for layer in CONTRACTS["layers"]["layers"]]


def allowed() -> Graph:
    """Return what the contracts let each package import."""
    importers = {
        package: set(contract["allowed_importers"])
        for contract in CONTRACTS.values()
        if contract["type"] == "protected"
        for package in contract["protected_modules"]
    }
    below: dict[str, frozenset[str]] = {}
    for number, layer in enumerate(layers()):
        lower = [name for other in layers()[number + 1 :] for name in other]
        for package in layer:
            below[package] = frozenset(name for name in lower if package in importers.get(name, {package}))
    return below


def sources() -> list[str]:
    """Return the paths of the Python files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=paths.ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return [path for path in listed if (paths.ROOT / path).is_file()]


def imported(source: str) -> Iterator[str]:
    """Return the names of the modules that a file imports, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their package"
            yield node.module or ""


def drawn(files: Iterable[str]) -> Graph:
    """Return which package imports which, from the code."""
    graph: dict[str, set[str]] = {}
    for path in files:
        package = path.split("/", maxsplit=1)[0]
        names = {name.split(".")[0] for name in imported((paths.ROOT / path).read_text(encoding="utf-8"))}
        graph.setdefault(package, set()).update(names & set(PACKAGES) - {package})
    return {package: frozenset(names) for package, names in graph.items()}


def floors(graph: Graph) -> int:
    """Return the length of the longest chain of packages of which each imports the next.

    Raises:
        graphlib.CycleError: Packages import each other in a circle.
    """
    height: dict[str, int] = {}
    for package in TopologicalSorter(graph).static_order():
        height[package] = 1 + max((height[name] for name in graph.get(package, ())), default=0)
    return max(height.values())


@pytest.fixture(scope="module")
def graph() -> Graph:
    return drawn(sources())


def test_the_packages_are_few_and_each_is_under_contract(graph: Graph) -> None:
    assert set(graph) - SITE == set(PACKAGES)
    assert len(PACKAGES) <= 13
    assert sorted(name for layer in layers() for name in layer) == sorted(PACKAGES)
    assert sorted(CONTRACTS["circles"]["ancestors"]) == sorted(PACKAGES)


def test_the_graph_has_at_most_seven_floors_and_no_circle(graph: Graph) -> None:
    assert floors(graph) <= 7


def test_no_import_leads_upward(graph: Graph) -> None:
    floor = {name: number for number, layer in enumerate(layers()) for name in layer}
    upward = [(package, name) for package in floor for name in graph[package] if floor[name] <= floor[package]]
    assert upward == []


def test_files_that_the_linter_does_not_see_keep_the_contracts_too(graph: Graph) -> None:
    # Programs in folders that are no packages, such as artifacts/toolchain/argo.
    beyond = {package: sorted(names - allowed().get(package, frozenset())) for package, names in graph.items()}
    assert {package: names for package, names in beyond.items() if names} == {}


def test_services_import_nothing_of_the_project(graph: Graph) -> None:
    assert allowed()["services"] == frozenset()
    assert graph["services"] == frozenset()


# The contracts, each broken on purpose.

LATE = "def late():\n    import {}\n"
"""An import inside a function."""

PLANTS = [
    ("layers", {"components/__init__.py": "import infra"}),
    ("layers", {"common/__init__.py": "import mlp"}),
    ("layers", {"services/predictor/__init__.py": "import common"}),
    ("layers", {"common/__init__.py": "import services"}),
    ("layers", {"node/__init__.py": "import providers"}),
    ("layers", {"artifacts/images/__init__.py": "import client"}),
    ("layers", {"mlp/__init__.py": "import tests.engine"}),
    ("layers", {"policy/__init__.py": LATE.format("mlp.commands")}),
    ("leaves", {"infra/__init__.py": "import node"}),
    ("leaves", {"infra/__init__.py": "import examples.flights"}),
    ("leaves", {"infra/__init__.py": "import providers"}),
    ("leaves", {"policy/__init__.py": "import smoke"}),
    ("client", {"components/__init__.py": "import client"}),
    ("services", {"smoke/__init__.py": LATE.format("services.predictor")}),
    ("circles", {"common/one.py": "import common.two", "common/two.py": "import common.one"}),
    ("circles", {"components/teams/one.py": "import components.applications.catalog"}),
    ("circles", {"components/substrates/one.py": "import components.teams.team"}),
    (
        "circles",
        {"policy/rules/one.py": "import policy.rules.two", "policy/rules/two.py": LATE.format("policy.rules.one")},
    ),
    (
        "circles",
        {"infra/aws/one.py": "import infra.two", "infra/two.py": "import infra.aws.three", "infra/aws/three.py": ""},
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all Python files and of the contracts."""
    folder = tmp_path_factory.mktemp("copy")
    for path in [*sources(), "pyproject.toml"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.ROOT / path, folder / path)
    return folder


def lint(folder: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit status of the linter and what it printed."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_every_contract_is_kept(copy: Path) -> None:
    status, said = lint(copy)
    assert status == 0, said
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said


def test_every_contract_is_broken_by_a_test() -> None:
    assert {contract for contract, _ in PLANTS} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "planted"), PLANTS, ids=lambda value: "".join(value)[:60])
def test_a_wrong_import_breaks_its_contract(copy: Path, contract: str, planted: Mapping[str, str]) -> None:
    files = {copy / path: line for path, line in planted.items()}
    before = {path: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    try:
        for path, line in files.items():
            path.write_text(f"{before.get(path, '')}\n{line}\n", encoding="utf-8")
        status, said = lint(copy, "--contract", contract)
    finally:
        for path in files:
            path.unlink() if path not in before else path.write_text(before[path], encoding="utf-8")
    assert status == 1
    assert f"{CONTRACTS[contract]['name']} BROKEN" in said


# CONTRIBUTING.md, held to the contracts and to the files.


def rows(text: str, header: str) -> list[list[str]]:
    """Return the cells of the table below a header row.

    Raises:
        ValueError: There is no such table.
    """
    lines = text.splitlines()
    found: list[list[str]] = []
    for line in lines[lines.index(header) + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


PACKAGE_TABLE = "| package | holds | may import |"
TASK_TABLE = "| what you change | where |"


def wrong_rows(text: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the packages whose row is wrong or missing: what it says and what the contracts say."""
    said: dict[str, list[str]] = {}
    for package, _, may_import in rows(text, PACKAGE_TABLE):
        name = package.strip("`/")
        names = (
            [other for other in PACKAGES if other != name] if may_import == EVERY else re.findall("`(.+?)`", may_import)
        )
        said[name] = sorted(names)
    right = {package: sorted(names) for package, names in allowed().items()}
    return {
        name: (said.get(name, ["no row"]), right.get(name, ["no package"]))
        for name in {*said, *right}
        if said.get(name) != right.get(name)
    }


def test_the_table_of_packages_is_what_the_contracts_say() -> None:
    assert wrong_rows(CONTRIBUTING) == {}


def test_a_wrong_row_and_a_missing_one_are_found() -> None:
    row = next(line for line in CONTRIBUTING.splitlines() if line.startswith("| `smoke/` |"))
    wrong = row.removesuffix(" |") + ", `infra` |"
    assert set(wrong_rows(CONTRIBUTING.replace(row, wrong))) == {"smoke"}
    assert set(wrong_rows(CONTRIBUTING.replace(row + "\n", ""))) == {"smoke"}
    assert set(wrong_rows(CONTRIBUTING.replace(row, row + "\n| `roof/` | nothing | |"))) == {"roof"}


def named_paths(text: str) -> set[str]:
    """Return the paths that a text names as code: with a slash, or a file of the top folder."""
    found = {name for name in re.findall(r"`([^`\s]+)`", text) if re.fullmatch(r"[\w.*<>/-]+", name)}
    return {name for name in found if "/" in name or (paths.ROOT / name).is_file()}


def missing_paths(text: str) -> list[str]:
    """Return the paths in a text that do not exist; `<name>` and `*` stand for any name."""
    patterns = {name: re.sub(r"<[\w-]+>", "*", name).rstrip("/") for name in named_paths(text)}
    generated = (".mlp",)
    return sorted(
        name
        for name, pattern in patterns.items()
        if not pattern.startswith(generated) and next(paths.ROOT.glob(pattern), None) is None
    )


def test_the_paths_that_contributors_read_exist() -> None:
    assert missing_paths(CONTRIBUTING) == []
    assert missing_paths("`infra/no_such_file.py` and `no/such/<name>.py`") == [
        "infra/no_such_file.py",
        "no/such/<name>.py",
    ]


def test_every_row_of_the_task_table_names_a_path() -> None:
    table = rows(CONTRIBUTING, TASK_TABLE)
    assert len(table) >= 20
    assert [task for task, where in table if not named_paths(where)] == []


def test_the_make_targets_that_contributors_read_exist() -> None:
    targets = set(re.findall(r"^([a-z ]+):", (paths.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known = {name for target in targets for name in target.split()}
    assert set(re.findall(r"`make ([a-z]+)`", CONTRIBUTING)) <= known


def test_the_counts_of_soak_that_contributors_read_are_those_of_the_code() -> None:
    text = " ".join(CONTRIBUTING.split())
    told = {
        name: (full, usual) for full, usual, name in re.findall(r"(\d+) [a-z ]*instead of (\d+)[^(]*\(`(\w+)`\)", text)
    }
    makefile = dict(re.findall(r"^soak: export (\w+) := (\d+)$", (paths.ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join((paths.ROOT / path).read_text(encoding="utf-8") for path in sources() if path.startswith("tests/"))
    usual = dict(re.findall(r'os\.environ\.get\("(\w+)", "(\d+)"\)', code))
    assert set(told) == {"MLP_TEST_AWS_KILLS", "MLP_TEST_RUNS"}
    assert told == {name: (makefile[name], usual[name]) for name in told}
