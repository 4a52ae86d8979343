"""Test that the grants of a team reach its own folders, and nothing of another team."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from typing import Any

import pytest

from common.errors import UserError
from components.applications.catalog import APPLICATIONS
from components.applications.checks import requested
from components.substrates.local.policies import LARGEST, policy, refuse_large, text
from components.substrates.local.substrate import bucket_names
from components.substrates.requests import BucketPurpose, Grant
from components.teams.team import DIVIDED, IDENTITIES, Quota, Team, TeamGrant, grants

QUOTA = Quota(cpu="2", memory="8Gi", gpu=0, volumes="20Gi")
RED, BLUE = (Team(name=name, quota=QUOTA) for name in ("red", "blue"))
NAMES = bucket_names("local")
ASKED = requested(APPLICATIONS, [RED, BLUE]).grants
ACCOUNTS = {team.name: [team.access(identity) for identity in IDENTITIES] for team in (RED, BLUE)}


def allows(document: dict[str, Any], account: str, action: str, resource: str, prefix: str = "") -> bool:
    """Tell whether a policy allows a request, as the gateway judges it: wildcards in actions, keys and prefixes."""
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        wanted = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
        if (
            account in statement["Principal"]["AWS"]
            and any(fnmatch.fnmatchcase(action, pattern) for pattern in actions)
            and fnmatch.fnmatchcase(resource, statement["Resource"].removeprefix("arn:aws:s3:::"))
            and (wanted is None or (prefix != "" and fnmatch.fnmatchcase(prefix, wanted)))
        ):
            return True
    return False


OBJECT_ACTIONS = ["GetObject", "PutObject", "DeleteObject", "GetObjectTagging", "AbortMultipartUpload"]


@pytest.mark.parametrize("purpose", DIVIDED)
@pytest.mark.parametrize("account", ACCOUNTS["blue"])
def test_no_identity_of_a_team_reaches_the_folder_of_another(purpose: BucketPurpose, account: str) -> None:
    bucket = NAMES[purpose]
    document = json.loads(text(policy(bucket, purpose, ASKED)))
    for key in ("red/x", "red/", "x", "../red/x", "blu", "red/blue/x"):
        for action in OBJECT_ACTIONS:
            assert not allows(document, account, f"s3:{action}", f"{bucket}/{key}"), (action, key)
    for prefix in ("", "red", "red/", "r", "blue"):
        assert not allows(document, account, "s3:ListBucket", bucket, prefix), prefix
    assert not allows(document, account, "s3:ListBucketMultipartUploads", bucket)


def rights(account: str, purpose: BucketPurpose, folder: str) -> set[str]:
    """Return what an account may do below a folder of a bucket."""
    bucket = NAMES[purpose]
    document = policy(bucket, purpose, ASKED)
    found = {
        word
        for word in ("Get", "Put", "Delete")
        if allows(document, account, f"s3:{word}Object", f"{bucket}/{folder}x")
    }
    return found | ({"List"} if allows(document, account, "s3:ListBucket", bucket, folder) else set())


READ, WRITE = {"Get", "List"}, {"Get", "List", "Put", "Delete"}


@pytest.mark.parametrize(
    ("identity", "raw", "features", "pipelines", "models"),
    [
        ("jobs", WRITE, WRITE, WRITE, READ),
        ("notebooks", WRITE, WRITE, READ, set()),
        ("pipeline-runner", READ, READ, WRITE, READ),
        ("serving", set(), set(), set(), READ),
    ],
)
def test_each_identity_has_exactly_its_rights(
    identity: str, raw: set[str], features: set[str], pipelines: set[str], models: set[str]
) -> None:
    account = f"red-{identity}"
    assert rights(account, "raw", "red/") == raw
    assert rights(account, "features", "red/") == features
    assert rights(account, "pipelines", "red/") == pipelines
    assert rights(account, "models", "workspaces/red/") == models
    assert rights(account, "models", "workspaces/blue/") == set()
    assert rights(account, "models", "1/models/") == set()


def test_a_right_to_write_covers_one_to_read() -> None:
    asked = [TeamGrant(identity="serving", read_only=("raw",)), TeamGrant(identity="serving", read_write=("raw",))]
    (found,) = [grant for grant in grants(RED, asked) if grant.service_account == "serving"]
    assert (found.read_write, found.read_only, found.prefix) == (("raw",), (), "red/")


def large(count: int) -> Sequence[Grant]:
    return requested(APPLICATIONS, [Team(name=f"{number:02}x", quota=QUOTA) for number in range(count)]).grants


def test_the_gateway_holds_five_teams_and_more_are_refused_by_their_number() -> None:
    fits = [Team(name=f"team-{word}-x", quota=QUOTA) for word in ("one", "two", "three", "four", "five")]
    refuse_large(NAMES, requested(APPLICATIONS, fits).grants)
    with pytest.raises(UserError, match="so many teams") as refused:
        refuse_large(NAMES, large(9))
    assert "9 teams (00x, 01x" in str(refused.value)
    assert f"at most {LARGEST} bytes" in str(refused.value)
