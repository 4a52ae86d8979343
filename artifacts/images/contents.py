"""Reads the Debian packages of a built image from its layers, without starting a container."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping

from artifacts.images import store
from common.errors import UserError

STATUS = ("var/lib/dpkg/status", "./var/lib/dpkg/status")
"""Possible names of dpkg's status file inside a layer's archive."""


def parse_status(text: str) -> dict[str, str]:
    """Return package -> version of the installed packages in dpkg's status file."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def packages(digest: str) -> dict[str, str]:
    """Return package -> version of the Debian packages in the image whose manifest has `digest`."""
    for layer in reversed(store.manifest(digest)["layers"]):
        with tarfile.open(store.blob(layer["digest"])) as archive:
            for member in archive:
                if member.name in STATUS and (file := archive.extractfile(member)) is not None:
                    return parse_status(file.read().decode())
    return {}


def check(name: str, digest: str, expected: Mapping[str, str]) -> None:
    """Check that an image has exactly the Debian packages that went into its tag.

    Args:
        name: Name of the image.
        digest: Digest of its manifest.
        expected: Package -> version.

    Raises:
        UserError: A package is missing, unexpected, or has another version.
    """
    actual = packages(digest)
    wrong = [
        f"{word} {actual.get(word, 'absent')} instead of {expected.get(word, 'absent')}"
        for word in sorted(expected.keys() | actual.keys())
        if actual.get(word) != expected.get(word)
    ]
    if wrong:
        raise UserError(
            f"Image {name} does not have the Debian packages that its tag was computed from.",
            seen="; ".join(wrong[:10]),
            next_step="mlp images update, then the same command again",
        )
