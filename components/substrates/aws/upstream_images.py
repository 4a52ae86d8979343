"""References of the images that only AWS needs: upstream's own, or copies of them in a stack's registry."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

TABLE = Path(__file__).with_name("images.yaml")


@dataclass(frozen=True, kw_only=True)
class UpstreamImage:
    """One image as upstream publishes it.

    Attributes:
        source: Registry, path and name.
        tag: Upstream's tag, for people.
        digest: Digest of the list of all platforms (`sha256:...`): what is pulled.
    """

    source: str
    tag: str
    digest: str

    def at(self, registry: str | None) -> str:
        """Return the reference with tag and without digest; in `registry` where there is one."""
        place = self.source if registry is None else f"{registry.rstrip('/')}/{self.source.rpartition('/')[-1]}"
        return f"{place}:{self.tag}"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One image that a registry needs.

    Attributes:
        source: Upstream's reference by digest.
        target: Reference with tag in the registry. What is copied must keep its digest, for all platforms
            (`skopeo copy --all --preserve-digests`): pods name it.
    """

    source: str
    target: str


@functools.cache
def _table() -> Mapping[str, UpstreamImage]:
    return {name: UpstreamImage(**entry) for name, entry in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items()}


def upstream_image(name: str, registry: str | None) -> str:
    """Return the reference of an image that a pod names, with tag and digest.

    Args:
        name: Key of images.yaml.
        registry: Registry and path that all images are pulled from; upstream's own when None.
    """
    image = _table()[name]
    return f"{image.at(registry)}@{image.digest}"


def upstream_copies(registry: str) -> Sequence[Copy]:
    """Return what a registry that stands in for all others must hold of upstream's images."""
    return [Copy(source=f"{image.source}@{image.digest}", target=image.at(registry)) for image in _table().values()]
