"""References of images that only AWS stacks use: upstream's own, or copies of them in a stack's registry."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("images.yaml")


@dataclass(frozen=True, kw_only=True)
class UpstreamImage:
    """An image as upstream publishes it.

    Attributes:
        source: Registry, path and name.
        tag: Upstream's tag, for people.
        digest: Digest of the multi-platform index (`sha256:...`), by which the image is pulled.
    """

    source: str
    tag: str
    digest: str

    def at(self, registry: str | None) -> str:
        """Return the reference with tag and without digest, in `registry` unless it is None."""
        place = self.source if registry is None else f"{registry.rstrip('/')}/{self.source.rpartition('/')[-1]}"
        return f"{place}:{self.tag}"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An upstream image that a registry must hold.

    Attributes:
        source: Upstream's reference by digest.
        target: Reference with tag in the registry. Copy all platforms and preserve the digest, because pods name it:
            `skopeo copy --all --preserve-digests`.
    """

    source: str
    target: str


@functools.cache
def _table() -> Mapping[str, UpstreamImage]:
    return {name: UpstreamImage(**entry) for name, entry in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items()}


def upstream_image(name: str, registry: str | None) -> str:
    """Return the reference of an image, with tag and digest, as pods name it.

    Args:
        name: Key in images.yaml.
        registry: Registry and path from which all images are pulled; upstream's own when None.
    """
    image = _table()[name]
    return f"{image.at(registry)}@{image.digest}"


def upstream_copies(registry: str) -> Sequence[Copy]:
    """Return the upstream images that a registry which replaces all others must hold."""
    return [Copy(source=f"{image.source}@{image.digest}", target=image.at(registry)) for image in _table().values()]
