"""The real S3 gateway with the platform's own policies and accounts keeps the folders of two teams apart."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from artifacts import toolchain
from common.errors import UserError
from components.applications.catalog import APPLICATIONS
from components.applications.checks import requested
from components.substrates.local import policies
from components.substrates.local.substrate import bucket_names
from components.substrates.requests import BucketPurpose, Grant
from components.teams.team import DIVIDED, IDENTITIES, Identity, Quota, Team
from tests.engine.control_plane import free_port
from tests.team_attempts import attempts, refused

SECRET = "s" * 32
NAMES = bucket_names("local")
QUOTA = Quota(cpu="2", memory="8Gi", gpu=0, volumes="20Gi")
MOST = 5
"""Teams with names of twelve characters that the gateway's policies have room for."""


def granted(*teams: str) -> Sequence[Grant]:
    return requested(APPLICATIONS, [Team(name=name, quota=QUOTA) for name in teams]).grants


GRANTS = granted("red", "blue")
CROWD = [f"team-numbe-{number}" for number in range(MOST + 1)]


class Gateway:
    """A running versitygw.

    Args:
        folder: Folder of objects and accounts.
    """

    def __init__(self, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{free_port()}"
        (folder / "data").mkdir()
        (folder / "accounts").mkdir()
        secrets = {grant.application: SECRET for grant in (*GRANTS, *granted(*CROWD))}
        (folder / "accounts" / "users.json").write_text(policies.accounts(secrets))
        command = [str(toolchain.binary("versitygw")), "--port", self._url.removeprefix("http://"), "--quiet"]
        command += ["--health", "/health", "--iam-dir", str(folder / "accounts"), "posix", str(folder / "data")]
        keys = {"ROOT_ACCESS_KEY_ID": "root", "ROOT_SECRET_ACCESS_KEY": SECRET, "VGW_REGION": "us-east-1"}
        self._process = subprocess.Popen(command, env={**os.environ, **keys})
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self._url}/health", trust_env=False).raise_for_status()
                return
            except httpx.HTTPError:
                assert self._process.poll() is None, "versitygw ended"
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def stop(self) -> None:
        """End the gateway."""
        self._process.terminate()
        self._process.wait(timeout=30)

    def client(self, account: str) -> BaseClient:
        """Return a client with the keys of an account."""
        return boto3.client(
            "s3",
            endpoint_url=self._url,
            region_name="us-east-1",
            aws_access_key_id=account,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
        )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the buckets and the policies of a stack with two teams."""
    toolchain.ensure(["versitygw"])
    found = Gateway(tmp_path_factory.mktemp("gateway"))
    try:
        for purpose, bucket in NAMES.items():
            found.client("root").create_bucket(Bucket=bucket)
            put(found, purpose, GRANTS)
        yield found
    finally:
        found.stop()


def put(gateway: Gateway, purpose: BucketPurpose, grants: Sequence[Grant]) -> None:
    document = policies.text(policies.policy(NAMES[purpose], purpose, grants))
    gateway.client("root").put_bucket_policy(Bucket=NAMES[purpose], Policy=document)


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("purpose", DIVIDED)
def test_no_identity_reaches_the_folder_of_another_team(
    gateway: Gateway, purpose: BucketPurpose, identity: Identity
) -> None:
    bucket, key = NAMES[purpose], f"blue/probe/{uuid.uuid4()}"
    owner = gateway.client("blue-jobs")
    owner.put_object(Bucket=bucket, Key=key, Body=b"blue")
    tried = attempts(gateway.client(f"red-{identity}"), "red", "blue", bucket, key)
    assert [name for name, call in tried.items() if not refused(call)] == []
    assert owner.get_object(Bucket=bucket, Key=key)["Body"].read() == b"blue"
    assert owner.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1, "nothing was written beside it"


def test_the_attempts_succeed_for_who_may(gateway: Gateway) -> None:
    """Shows that the attempts are valid requests, which the policies refuse and not a mistake in them."""
    bucket, key = NAMES["pipelines"], f"blue/probe/{uuid.uuid4()}"
    gateway.client("blue-jobs").put_object(Bucket=bucket, Key=key, Body=b"blue")
    tried = attempts(gateway.client("root"), "red", "blue", bucket, key)
    found = {name: refused(call) for name, call in tried.items() if name != "delete the bucket"}
    put(gateway, "pipelines", GRANTS)
    # The gateway lists nothing by such a path, knows no ACLs of objects, and has turned those of buckets off.
    assert {name for name, code in found.items() if code} == {
        "list by a path upward",
        "read the ACL",
        "open the bucket",
    }


def test_a_team_that_lists_its_own_folder_sees_that_folder_only(gateway: Gateway) -> None:
    bucket = NAMES["raw"]
    for team in ("red", "blue"):
        gateway.client(f"{team}-jobs").put_object(Bucket=bucket, Key=f"{team}/x/y", Body=b"")
        listed = gateway.client(f"{team}-jobs").list_objects_v2(Bucket=bucket, Prefix=f"{team}/")["Contents"]
        assert {item["Key"].split("/")[0] for item in listed} == {team}
    assert refused(lambda: gateway.client("red-jobs").get_object(Bucket=bucket, Key="red/no-such")) == "NoSuchKey"


def test_the_largest_policy_can_be_stored_and_one_more_team_is_refused(gateway: Gateway) -> None:
    policies.refuse_large(NAMES, granted(*CROWD[:MOST]))
    with pytest.raises(UserError, match="so many teams"):
        policies.refuse_large(NAMES, granted(*CROWD))
    for purpose in NAMES:
        put(gateway, purpose, granted(*CROWD[:MOST]))
        put(gateway, purpose, GRANTS)
