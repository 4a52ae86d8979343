"""Runs moto's server, with corrections where moto differs from AWS.

It serves one request at a time, because moto's stores are not safe for threads.
"""

from __future__ import annotations

import fnmatch
import json
import sys
from typing import Any

from moto.elasticache.models import ElastiCacheBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeBucket
from werkzeug.serving import run_simple

LOGGING = "logging.s3.amazonaws.com"


def may_log(target_bucket: Any, target_prefix: str | None) -> bool:
    """Return whether a bucket's policy allows access logs under a prefix; moto ignores wildcards above the prefix."""
    document = json.loads(target_bucket.policy or b"{}")
    written = f"arn:aws:s3:::{target_bucket.name}/{target_prefix or ''}"
    return any(
        statement["Effect"] == "Allow"
        and statement["Principal"] != "*"
        and statement["Principal"].get("Service") == LOGGING
        and fnmatch.fnmatchcase(written, statement["Resource"])
        for statement in document.get("Statement", [])
    )


def delete_group(self: ElastiCacheBackend, replication_group_id: str, retain_primary_cluster: bool | None) -> Any:
    """Delete a replication group; moto would keep it in the state `deleting`."""
    group = leave_deleting(self, replication_group_id, retain_primary_cluster)
    del self.replication_groups[replication_group_id]
    return group


leave_deleting = ElastiCacheBackend.delete_replication_group

if __name__ == "__main__":
    setattr(ElastiCacheBackend, "delete_replication_group", delete_group)  # noqa: B010 - typed otherwise
    setattr(FakeBucket, "_log_permissions_enabled_policy", staticmethod(may_log))  # noqa: B010 - typed otherwise
    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=False, request_handler=MotoRequestHandler)
