"""Pushing images: each is pushed once, under its content tag, and no password is put on a command line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import boto3
import pytest

from artifacts.images import push, pushed, store
from artifacts.images.push import Registry
from artifacts.images.tags import inputs_tag, reference
from common import paths
from common.errors import UserError
from infra import image_references
from infra.image_references import image_catalog
from infra.settings import load_stack
from mlp import account
from policy import render

BUILT = store.Record(
    reference="mlplatform.local/redis:0123456789ab",
    digest="sha256:manifest",
    manifest_bytes=1,
    bytes=1,
    own_bytes=1,
    seconds=1.0,
)

SKOPEO = """#!/bin/sh
echo "$@" >> "$FOLDER/calls"
for word in "$@"; do case "$last" in --*authfile) cp "$word" "$FOLDER/auth.json";; esac; last="$word"; done
case "$1" in
  inspect) cat "$FOLDER/present" ;;
  *) test ! -e "$FOLDER/refused" || { echo denied; exit 1; }; cp "$FOLDER/manifest" "$FOLDER/present" ;;
esac
"""

MANIFEST = '{"config": {"digest": "sha256:config"}, "layers": []}'


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which a fake skopeo records its calls."""
    program = tmp_path / "bin" / "skopeo"
    program.parent.mkdir()
    program.write_text(SKOPEO)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(store, "find", {"redis": BUILT}.get)
    monkeypatch.setattr(store, "manifest", {BUILT.digest: json.loads(MANIFEST)}.get)
    (tmp_path / "manifest").write_text(MANIFEST)
    return tmp_path


def test_what_is_missing_is_copied_from_the_layout(registry: Path) -> None:
    there = Registry("registry.example.com/ml/", "AWS", "pass:word")
    known, new = push.push(["redis"], there)
    assert new == ["registry.example.com/ml/redis:0123456789ab"]
    assert known["redis"].digest == f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"
    copied = next(line for line in (registry / "calls").read_text().splitlines() if "copy" in line)
    assert f"oci:{store.layout()}:{BUILT.reference} docker://registry.example.com/ml/redis:0123456789ab" in copied
    assert "pass:word" not in (registry / "calls").read_text()
    login = json.loads((registry / "auth.json").read_text())["auths"]["registry.example.com"]["auth"]
    assert base64.b64decode(login) == b"AWS:pass:word"
    assert "pass:word" not in repr(there)


def test_what_is_there_is_left_alone(registry: Path) -> None:
    (registry / "present").write_text(MANIFEST)
    _, new = push.push(["redis"], Registry("registry.example.com/ml"))
    assert new == []
    assert "copy" not in (registry / "calls").read_text()


def test_a_refusal_is_shown(registry: Path) -> None:
    (registry / "refused").touch()
    with pytest.raises(UserError, match="denied") as caught:
        push.push(["redis"], Registry("registry.example.com/ml"))
    assert "Image redis could not be pushed to registry.example.com/ml/redis:0123456789ab." in str(caught.value)


def test_an_image_that_is_not_built_is_named(registry: Path) -> None:
    with pytest.raises(UserError, match="mlp images build feast"):
        push.push(["feast"], Registry("registry.example.com/ml"))


def test_everything_that_a_stack_pulls_is_pushed() -> None:
    from infra.program import program

    stack = load_stack(paths.ROOT / "stacks" / "Pulumi.dev.yaml")
    assert stack.aws is not None
    names, url = image_references.pulled(stack, stack.aws)
    made = render.render("dev", program, render.config("dev", paths.ROOT / "stacks" / "Pulumi.dev.yaml")).resources
    text = json.dumps([item.inputs for item in made], default=str)
    pulled = {part.split("/")[0].split(":")[0] for part in text.split(f"{url}/")[1:]}
    assert pulled <= set(names)
    repositories = {i.inputs["name"].partition("/")[2] for i in made if i.type == "aws:ecr/repository:Repository"}
    assert repositories == set(names)


def test_the_program_deploys_the_digests_that_were_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed, "path", {"dev": tmp_path / "dev.yaml", "prod": tmp_path / "prod.yaml"}.get)
    url = "registry.example.com/ml"
    entry = pushed.Pushed(inputs=inputs_tag("redis"), tag="0123456789ab", digest=f"sha256:{'0' * 64}")
    pushed.write(tmp_path / "dev.yaml", url, {"redis": entry})
    assert image_catalog(url, "dev")["redis"] == f"{url}/redis:0123456789ab@{entry.digest}"
    for other in (image_catalog(url, "prod"), image_catalog("other.example.com", "dev"), image_catalog(None, "dev")):
        assert "@" not in other["redis"]
    assert image_catalog(None, "dev")["redis"] == reference("redis")


def test_the_login_of_ecr_is_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    with moto.mock_aws():
        assert boto3.client("ecr", region_name="eu-central-1")
        user, password = account.ecr_login("eu-central-1")
    assert user == "AWS"
    assert password
