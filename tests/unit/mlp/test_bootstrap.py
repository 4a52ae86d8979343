"""The state backend of stacks on AWS: created once, encrypted, and never with the passphrase of one machine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from common import paths
from common.errors import UserError
from infra.schema import Settings
from infra.settings import load_stack
from mlp import bootstrap
from mlp.commands import bootstrap as command
from mlp.engine import environment, workspace

STATE = bootstrap.State(account="123456789012", region="eu-central-1")


def in_account(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    """Set another account in every stack on AWS."""
    from infra import settings

    def load(path: Any) -> Settings:
        found = load_stack(path)
        assert found.aws is not None
        return found.model_copy(update={"aws": found.aws.model_copy(update={"account_id": account})})

    monkeypatch.setattr(settings, "load_stack", load)


def test_it_makes_a_safe_bucket_and_a_rotated_key_and_prints_how_to_log_in(
    aws: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_account(aws, STATE.account)
    command.command(stack="dev")
    printed = capsys.readouterr().out
    assert f"export PULUMI_BACKEND_URL='{STATE.backend}'" in printed
    assert f"export MLP_SECRETS_PROVIDER='{STATE.secrets_provider}'" in printed
    assert f"pulumi login '{STATE.backend}'" in printed
    s3, kms = boto3.client("s3", region_name=STATE.region), boto3.client("kms", region_name=STATE.region)
    key = kms.describe_key(KeyId=bootstrap.ALIAS)["KeyMetadata"]
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    assert all(s3.get_public_access_block(Bucket=STATE.bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=STATE.bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=STATE.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key["Arn"]
    assert "aws:SecureTransport" in json.dumps(s3.get_bucket_policy(Bucket=STATE.bucket)["Policy"])


def test_a_second_run_creates_nothing_and_corrects_settings(aws: pytest.MonkeyPatch) -> None:
    in_account(aws, STATE.account)
    command.command(stack="dev")
    s3, kms = boto3.client("s3", region_name=STATE.region), boto3.client("kms", region_name=STATE.region)
    s3.delete_public_access_block(Bucket=STATE.bucket)
    command.command(stack="dev")
    assert all(s3.get_public_access_block(Bucket=STATE.bucket)["PublicAccessBlockConfiguration"].values())
    assert len(kms.list_keys()["Keys"]) == 1
    assert len(s3.list_buckets()["Buckets"]) == 1


def test_another_account_gets_nothing(aws: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="another account"):
        command.command(stack="dev")
    assert not boto3.client("s3", region_name=STATE.region).list_buckets()["Buckets"]


def test_the_local_stack_needs_no_state_backend() -> None:
    with pytest.raises(UserError, match="is not on AWS"):
        command.command(stack="local")


def test_a_shared_state_without_a_secret_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        environment.refuse_missing_secret({"PULUMI_BACKEND_URL": STATE.backend})
    for part in ("PULUMI_BACKEND_URL", STATE.bucket, "MLP_SECRETS_PROVIDER", "mlp bootstrap"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PULUMI_BACKEND_URL": "file:///somewhere"},
        {"PULUMI_BACKEND_URL": "https://api.pulumi.com"},
        {"PULUMI_BACKEND_URL": STATE.backend, "MLP_SECRETS_PROVIDER": STATE.secrets_provider},
        {"PULUMI_BACKEND_URL": STATE.backend, "PULUMI_CONFIG_PASSPHRASE_FILE": "/somewhere"},
    ],
)
def test_an_encrypted_state_is_accepted(variables: dict[str, str], tmp_path: Path) -> None:
    if "PULUMI_CONFIG_PASSPHRASE_FILE" in variables:
        file = tmp_path / "passphrase"
        file.write_text("of everybody")
        variables = {**variables, "PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    environment.refuse_missing_secret(variables)


def test_the_engine_works_with_the_secrets_provider(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "work_dir", lambda stack: tmp_path / stack)  # type: ignore[misc]
    monkeypatch.setenv(environment.SECRETS_PROVIDER, STATE.secrets_provider)
    folder = workspace._write_workspace("dev", STATE.backend)
    assert yaml.safe_load((folder / "Pulumi.dev.yaml").read_text())["secretsprovider"] == STATE.secrets_provider


def test_no_committed_stack_file_has_a_secret_or_a_state() -> None:
    """Reads the files from git, because the CLI may have changed the files on disk."""
    for path in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"):
        show = ["git", "-C", str(paths.ROOT), "show", f":stacks/{path.name}"]
        text = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        assert not re.search(r"secure:|encryptionsalt|encryptedkey|PULUMI_", text), path.name
