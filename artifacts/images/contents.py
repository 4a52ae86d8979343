"""What is inside a built image: Debian packages, read from its layers without starting anything."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping

from artifacts.images import store
from common.errors import UserError

STATUS = ("var/lib/dpkg/status", "./var/lib/dpkg/status")
"""Where dpkg writes down what is installed, as members of a layer are named."""


def parse_status(text: str) -> dict[str, str]:
    """Return package -> version of what dpkg's status file says is installed."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def packages(digest: str) -> dict[str, str]:
    """Return package -> version of the Debian packages in the image with manifest `digest`; empty without any."""
    for layer in reversed(store.manifest(digest)["layers"]):
        with tarfile.open(store.blob(layer["digest"])) as archive:
            for member in archive:
                if member.name in STATUS and (file := archive.extractfile(member)) is not None:
                    return parse_status(file.read().decode())
    return {}


def check(name: str, digest: str, expected: Mapping[str, str]) -> None:
    """Check that an image has exactly the packages that its tag stands for.

    Args:
        name: The image.
        digest: Of its manifest.
        expected: Package -> version.

    Raises:
        UserError: A package is missing, there is one more, or it has another version.
    """
    actual = packages(digest)
    wrong = [
        f"{word} {actual.get(word, 'absent')} instead of {expected.get(word, 'absent')}"
        for word in sorted(expected.keys() | actual.keys())
        if actual.get(word) != expected.get(word)
    ]
    if wrong:
        raise UserError(
            f"image {name} does not have the Debian packages that its tag stands for",
            seen="; ".join(wrong[:10]),
            next_step="mlp images update, then the same command again",
        )
