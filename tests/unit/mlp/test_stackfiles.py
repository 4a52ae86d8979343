"""Additions of the CLI to a stack file stay out of commits; changes of a user are committed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from common import paths
from common.errors import UserError
from infra.state import recorded
from mlp.engine import stackfiles

PLAIN = "# Values.\nconfig:\n  mlplatform:size: 3\n"
SALT = "encryptionsalt: v1:c2FsdA==:v1:bm9uY2U=:dGV4dA==\n"
KEY = "secretsprovider: awskms://alias/state\nencryptedkey: a2V5\n"


class Repository:
    """A repository with one committed stack file and the filter."""

    def __init__(self, folder: Path, first: str = PLAIN) -> None:
        self.folder = folder
        self.file = folder / "stacks" / "Pulumi.local.yaml"
        self.file.parent.mkdir()
        self.file.write_text(first)
        (folder / "mlp" / "engine").mkdir(parents=True)
        for name in (".gitattributes", "mlp/engine/stack_file.awk"):
            shutil.copy(paths.ROOT / name, folder / name)
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message=first")
        stackfiles.keep_out_of_commits(folder)

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.folder), *arguments], capture_output=True, text=True, check=True
        ).stdout

    def added(self, text: str) -> str:
        """Return the content of the file in a commit after writing this text."""
        self.file.write_text(text)
        self.git("add", "stacks")
        return self.git("show", ":stacks/Pulumi.local.yaml")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize("addition", [SALT, KEY])
def test_what_the_cli_adds_is_left_out(repository: Repository, addition: str) -> None:
    assert repository.added(PLAIN + addition) == PLAIN
    assert repository.added(PLAIN.replace("3", "4") + addition) == PLAIN.replace("3", "4")


def test_encrypted_values_keep_what_reads_them(repository: Repository) -> None:
    text = "config:\n  mlplatform:password:\n    secure: v1:abc\n" + SALT
    assert repository.added(text) == text


def test_what_was_committed_stays(tmp_path: Path) -> None:
    repository = Repository(tmp_path, PLAIN + KEY)
    assert repository.added(PLAIN.replace("3", "4") + KEY + SALT) == PLAIN.replace("3", "4") + KEY


def test_git_sees_no_change_once_it_has_looked(repository: Repository) -> None:
    stackfiles.agree(repository.file, SALT.split(" ", 1)[1].strip())
    assert repository.file.read_text() == PLAIN + SALT
    assert repository.git("status", "--porcelain") != ""  # git compares the size
    stackfiles.note_unchanged(repository.folder, repository.file)
    assert repository.git("status", "--porcelain") == ""

    repository.file.write_text(PLAIN.replace("3", "4") + SALT)
    stackfiles.note_unchanged(repository.folder, repository.file)
    assert repository.git("diff", "--cached") == "", "a user's change is theirs to stage"
    other = repository.file.with_name("Pulumi.other.yaml")
    other.write_text(PLAIN)
    stackfiles.note_unchanged(repository.folder, other)
    assert "?? stacks/Pulumi.other.yaml" in repository.git("status", "--porcelain")


def test_the_state_s_salt_replaces_another_but_never_under_encrypted_values(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(PLAIN + SALT)
    stackfiles.agree(file, "v1:other")
    assert file.read_text() == PLAIN + "encryptionsalt: v1:other\n"
    stackfiles.agree(file, None)
    assert file.read_text() == PLAIN
    encrypted = "config:\n  mlplatform:password:\n    secure: v1:abc\n" + SALT
    file.write_text(encrypted)
    stackfiles.agree(file, None)
    assert file.read_text() == encrypted


def test_a_folder_without_git_needs_nothing(tmp_path: Path) -> None:
    stackfiles.keep_out_of_commits(tmp_path)
    stackfiles.note_unchanged(tmp_path, tmp_path / "Pulumi.local.yaml")
    assert list(tmp_path.iterdir()) == []


STACK = {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:local::mlplatform::pulumi:pulumi:Stack::s"}


@pytest.mark.parametrize("types", [[], ["mlplatform:local:Substrate", "kubernetes:core/v1:Secret"]])
def test_a_state_of_this_program_is_accepted(types: list[str]) -> None:
    state = {"resources": [STACK, *({"type": kind} for kind in types)]}
    recorded.refuse_foreign(state, "file:///state", "local")


def test_the_state_of_another_program_is_refused() -> None:
    state = {"resources": [STACK, {"type": "aws:s3/bucket:Bucket"}]}
    with pytest.raises(UserError) as caught:
        recorded.refuse_foreign(state, "file:///state", "local")
    for part in ("nothing was touched", "aws:s3/bucket:Bucket", "file:///state", "PULUMI_BACKEND_URL"):
        assert part in str(caught.value)


def test_a_truncated_or_missing_checkpoint_is_empty(tmp_path: Path) -> None:
    backend = f"file://{tmp_path}"
    assert recorded.deployment(backend, "local") == {}
    path = recorded.state_path(backend, "local")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text('{"checkpoint": {"la')
    assert recorded.deployment(backend, "local") == {}
    assert recorded.deployment("s3://bucket", "local") == {}


def test_committed_stack_files_have_the_form_that_the_cli_writes() -> None:
    """In another form, the CLI's first salt would come with a change of other lines."""
    for path in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            value = line.split(" #")[0]
            assert "{ " not in value, f"{path.name}:{number}"
            assert " }" not in value, f"{path.name}:{number}"
            following = path.read_text().splitlines()[number : number + 1]
            assert line or (following and following[0].lstrip().startswith("#")), f"{path.name}:{number}: blank line"
