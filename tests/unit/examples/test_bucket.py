"""Objects of the workload in a bucket, of which the team may list its own folder only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from examples.flights.bucket import Folder
from examples.flights.environment import folder

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1"}


def answering(code: str, *listed: str) -> Folder:
    """Return a folder whose store answers every read with an error, and lists some keys."""

    def get_object(**_: str) -> object:
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    def paginate(**where: str) -> list[dict[str, Any]]:
        assert where["Prefix"] == "red/flights/"
        return [{"Contents": [{"Key": key} for key in listed]}]

    def get_paginator(operation: str) -> SimpleNamespace:
        assert operation == "list_objects_v2"
        return SimpleNamespace(paginate=paginate)

    found = Folder("b", folder("red"), "http://127.0.0.1:9", KEYS)
    client: Any = SimpleNamespace(get_object=get_object, get_paginator=get_paginator)
    found._client = client
    return found


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_what_does_not_exist_is_missing_whatever_the_store_answers(code: str) -> None:
    """S3 answers AccessDenied where the reader may not list the whole bucket."""
    with pytest.raises(FileNotFoundError, match=r"s3://b/red/flights/manifest\.json does not exist"):
        answering(code, "red/flights/other").read("manifest.json")
    assert answering(code).manifest() == {}


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_a_refusal_is_no_missing_object(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        answering(code, "red/flights/manifest.json").read("manifest.json")
