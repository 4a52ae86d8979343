"""Shortens the error messages of the engine and the Kubernetes provider to the reasons that a user needs."""

from __future__ import annotations

import re

BOILERPLATE = (
    # pulumi-kubernetes, provider/pkg/provider/provider.go: Create and Update.
    re.compile(
        r'(resource )?"?[^"\s]*"? ?was successfully created, but the Kubernetes API server reported that it failed to'
        r" fully initialize or become live: "
    ),
    re.compile(r'the Kubernetes API server reported that "[^"]*" failed to fully initialize or become live: '),
    re.compile(r'resource "?urn:[^"\s]*"? was not successfully created by the Kubernetes API server: '),
    re.compile(r'update of resource "?urn:[^"\s]*"? failed: '),
    # pulumi-kubernetes, provider/pkg/await/await.go: handleSSAErr.
    re.compile(r"Server-Side Apply field conflict detected\. See \S+ for troubleshooting help\.\s*"),
    re.compile(r'The resource managed by field manager "[^"]*" had an apply conflict: '),
)
"""Beginnings of messages that carry no information about the reason."""

UNREADY = "failed to fully initialize or become live"
"""Part of every message about an object that exists but did not become ready in time."""

SEVERAL = re.compile(r"^\d+ errors? occurred:\s*", re.MULTILINE)
CONFLICT = "Apply failed with"

TAKE_BACK = (
    "another field manager has changed these fields; to overwrite its values, run the command again with"
    " PULUMI_K8S_ENABLE_PATCH_FORCE=true"
)


def readable(message: str) -> str:
    """Return the reasons in a diagnostic, one on each line, without repetition."""
    text = SEVERAL.sub("", message.strip())
    for pattern in BOILERPLATE:
        text = pattern.sub("", text)
    reasons: list[str] = []
    for line in text.splitlines():
        reason = line.strip().removeprefix("* ").strip()
        if reason and reason not in reasons:
            reasons.append(reason)
    if any(CONFLICT in reason for reason in reasons):
        reasons.append(TAKE_BACK)
    return "\n    ".join(reasons)
