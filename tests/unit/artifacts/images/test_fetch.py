"""The storage initializer downloads with an identity that may list one folder of the bucket only."""

from __future__ import annotations

import http.server
import importlib.util
import sys
import threading
from collections.abc import Iterator
from types import ModuleType

import boto3
import botocore.exceptions
import pytest
from typing_extensions import override

from common import paths

SOURCE = paths.ROOT / "artifacts" / "images" / "storage-initializer" / "fetch.py"


class NoBucketCheck(http.server.BaseHTTPRequestHandler):
    """An object store that refuses HEAD on the bucket, and lists one empty folder."""

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def do_GET(self) -> None:
        body = b"<ListBucketResult/>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("fetch", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fetch", module)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    spec.loader.exec_module(module)
    yield module
    boto3.DEFAULT_SESSION = None


def test_a_folder_is_listed_without_the_right_to_see_the_bucket(fetch: ModuleType) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NoBucketCheck) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def names() -> list[str]:
            store = boto3.resource(
                "s3",
                endpoint_url=f"http://127.0.0.1:{server.server_port}",
                region_name="us-east-1",
                aws_access_key_id="k",
                aws_secret_access_key="s",
            )
            store.meta.client.head_bucket(Bucket="models")
            return [item.key for item in store.Bucket("models").objects.filter(Prefix="team/")]

        with pytest.raises(botocore.exceptions.ClientError, match="403"):
            names()
        boto3.DEFAULT_SESSION = None
        fetch.skip_bucket_check()
        assert names() == []
        server.shutdown()
