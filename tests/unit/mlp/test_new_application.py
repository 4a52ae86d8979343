"""`mlp new application`: which names are refused, and what is written into the catalog and the stacks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from common import paths
from common.errors import UserError
from mlp.scaffold import render

STACK = paths.ROOT / "stacks" / "Pulumi.local.yaml"
CATALOG = paths.ROOT / "components" / "applications" / "catalog.py"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("class", "a keyword of Python"),
        ("budgets", "a key of the settings"),
        ("aws", "a key of the settings"),
        ("json", "an attribute of the settings' model"),
        ("applications", "an attribute of the settings' model"),
        ("serving", "application kserve uses this one"),
        ("data", "not kube-* or data, default"),
        ("redis", "a server of the local substrate"),
        ("scope", "the class `Scope`"),
        ("descriptions", "test_descriptions.py"),
        ("catalog", "exists already"),
    ],
)
def test_a_name_that_something_else_has_is_refused(name: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        render.changes(name, paths.ROOT)
    for text in (told, "seen:", "allowed:", "next:"):
        assert text in str(caught.value)


@pytest.mark.parametrize("after", ["", "encryptionsalt: v1:abc\n", "\n# The salt.\nencryptionsalt: v1:abc\n"])
def test_the_section_is_one_of_the_settings_whatever_follows_them(after: str) -> None:
    before = STACK.read_text(encoding="utf-8") + after
    made = yaml.safe_load(render.with_section(before, "zebra", "x"))
    assert made["config"].pop("mlplatform:zebra")["replicas"] == 1
    assert made == yaml.safe_load(before)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config:\n  mlplatform:zebra: {}\n", "has a section of this application already"),
        ("config:\n    environment: local\n", "indented by two spaces"),
        ("config: [\n", "cannot be added"),
    ],
)
def test_a_stack_file_that_cannot_take_the_section_is_refused(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        render.with_section(text, "zebra", "x")


def test_the_catalog_may_hold_comments_and_more_than_the_list() -> None:
    text = CATALOG.read_text(encoding="utf-8").replace("    MLFLOW,", "    # Tracking.\n    MLFLOW,") + "\nEXTRA = 1\n"
    made = render.listed(text, "zebra")
    listed = next(node for node in ast.parse(made).body if isinstance(node, ast.AnnAssign)).value
    assert isinstance(listed, ast.Tuple)
    assert ast.unparse(listed.elts[-1]) == "ZEBRA"
    assert "description import ZEBRA" in made
    assert made.endswith("EXTRA = 1\n")


@pytest.mark.parametrize("text", ["", "APPLICATIONS = ()\n"])
def test_a_catalog_without_its_list_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no list `APPLICATIONS`"):
        render.listed(text, "zebra")


def test_an_application_that_the_catalog_names_is_not_added_again() -> None:
    with pytest.raises(UserError, match="ZEBRA in it"):
        render.listed(render.listed(CATALOG.read_text(encoding="utf-8"), "zebra"), "zebra")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "Permission denied", "x")])
def test_what_fails_or_is_interrupted_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    old, new = tmp_path / "old.py", tmp_path / "folder" / "new.py"
    old.write_text("before")
    told = UserError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(told), render.all_or_nothing([old, new]):
        new.parent.mkdir()
        new.write_text("x")
        old.write_text("after")
        raise error
    assert old.read_text() == "before"
    assert not new.parent.exists()


@pytest.mark.parametrize("name", ["ab", "zebra", "abcdefghijklmnopqrstuvwxyz1234"])
def test_python_files_are_formatted_whatever_the_name(tmp_path: Path, name: str) -> None:
    """The order of imports depends on the name's first letter, and the wrapping of lines on its length."""
    (tmp_path / "pyproject.toml").write_text((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for path, text in render.files(name).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    made = [tmp_path / path for path in render.files(name)]
    render.tidied(made, tmp_path)
    python = [str(path) for path in made if path.suffix == ".py"]
    ruff = str(paths.VENV / "bin" / "ruff")
    render.run([ruff, "check", "--no-cache", *python], tmp_path)
    render.run([ruff, "format", "--check", *python], tmp_path)
