"""`mlp new application NAME` in a copy of the checkout: few files, and everything is green at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from artifacts import manifests
from tests.engine.checkout import Checkout

NEW = f"{sys.executable} -m mlp.cli new application"
FOLDER = "components/applications/greeter/"
STACKS = "stacks/"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy in which an application was made."""
    manifests.ensure()
    made = Checkout(tmp_path_factory.mktemp("checkout"))
    made.shell(f"{NEW} greeter")
    # The environment is this checkout's: it need not be made again.
    (made.folder / ".mlp" / "venv.stamp").touch()
    return made


def test_at_most_three_files_are_touched_outside_its_folder(checkout: Checkout) -> None:
    listed = checkout.shell("git add --all && git diff --cached --name-only").split()
    outside = [name for name in listed if not name.startswith((FOLDER, STACKS))]
    assert sorted(outside) == [
        "components/applications/catalog.py",
        "docs/applications/greeter.md",
        "tests/unit/components/applications/test_greeter.py",
    ]
    assert len([name for name in listed if name.startswith(FOLDER)]) == 6
    assert len([name for name in listed if name.startswith(STACKS)]) == 4


PACKAGES = " ".join(
    f"tests/unit/{part}"
    for part in ("components/applications", "infra", "policy/test_stacks.py", "test_docs.py", "test_architecture.py")
)
"""Unit tests that read the catalog of applications, directly or through a stack."""


@pytest.mark.timeout(900)
def test_every_check_is_green_with_it(checkout: Checkout) -> None:
    """Run `make check` as a whole in `make soak`; otherwise its parts that a new application can break."""
    if os.environ.get("MLP_TEST_SOAK") == "1":
        command = "make check"
    else:
        command = f"make quick && {sys.executable} -m pytest -q -n0 {PACKAGES}"
    said = checkout.shell(f"{{ {command}; }} 2>&1")
    assert " passed" in said
    assert " failed" not in said


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Greeter", "lower-case letters and digits"),
        ("mlflow", "a name that is not taken"),
        ("a", "2 to 30"),
        ("x-y", "x-y"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(checkout: Checkout, name: str, told: str) -> None:
    before = checkout.changes()
    said = checkout.shell(f"{NEW} {name} 2>&1", fails=True)
    assert told in said
    assert "Traceback" not in said
    assert checkout.changes() == before


def test_the_copy_is_not_this_checkout(checkout: Checkout) -> None:
    assert not (Path(__file__).parents[2] / FOLDER).exists()
    assert (checkout.folder / FOLDER).is_dir()
