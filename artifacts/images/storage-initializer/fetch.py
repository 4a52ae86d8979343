"""Entry point of KServe's storage initializer: `fetch SOURCE DESTINATION [SOURCE DESTINATION ...]`."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any


def pairs(arguments: list[str]) -> list[tuple[str, str]]:
    """Return the arguments as (source, destination) pairs.

    Raises:
        SystemExit: The number of arguments is zero or odd.
    """
    if not arguments or len(arguments) % 2:
        raise SystemExit(f"usage: fetch SOURCE DESTINATION [SOURCE DESTINATION ...]; got {len(arguments)} arguments")
    return list(zip(arguments[::2], arguments[1::2], strict=True))


def skip_bucket_check() -> None:
    """Answer the question whether the bucket exists, which KServe's library asks before it lists a folder.

    S3 refuses it to an identity that may list one folder only. If the bucket does not exist, the listing fails.
    """
    import boto3
    from botocore.awsrequest import AWSResponse
    from urllib3 import HTTPResponse

    def exists(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - a class of botocore
        return AWSResponse(request.url, 200, {}, HTTPResponse(body=BytesIO(), preload_content=False))

    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("before-send.s3.HeadBucket", exists)


def main() -> None:
    """Download each source into its destination with KServe's storage library."""
    wanted = pairs(sys.argv[1:])
    from kserve_storage import Storage, configure_logging  # pyrefly: ignore[missing-import]  # only in the image

    skip_bucket_check()
    configure_logging()
    for source, destination in wanted:
        Storage.download(source, destination)


if __name__ == "__main__":
    main()
