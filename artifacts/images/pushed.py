"""Reads and writes stacks/Images.<environment>.yaml: tag and digest of each image that was pushed for a stack.

`mlp images push` writes the file, and users commit it, so that every preview of the stack names the same images on
every machine. An entry is valid as long as the image's inputs in this repository are unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.images.files import write_atomically
from artifacts.images.tags import inputs_tag, references, tag
from common.paths import ROOT

HEAD = """# What the program deploys from this environment's registry. Written by `mlp images push`; commit it.
#   inputs  tag of the image's inputs in this repository; the entry is valid while it is unchanged
#   tag     tag of the inputs and the versions of the Debian packages in the image
#   digest  digest of the manifest in the registry
"""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """An image in a registry.

    Attributes:
        inputs: `artifacts.images.tags.inputs_tag` of the image when it was built.
        tag: Tag of the image.
        digest: Digest of its manifest in the registry, `sha256:...`.
    """

    inputs: str
    tag: str
    digest: str


def path(environment: str, folder: Path = ROOT / "stacks") -> Path:
    """Return the path of an environment's file, which may not exist."""
    return folder / f"Images.{environment}.yaml"


def read(file: Path, url: str) -> dict[str, Pushed]:
    """Return the entries by image; empty when the file is absent or belongs to a registry other than `url`."""
    try:
        content: dict[str, Any] = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return {}
    if content["registry"] != url.rstrip("/"):
        return {}
    return {name: Pushed(**entry) for name, entry in content["images"].items()}


def write(file: Path, url: str, images: Mapping[str, Pushed]) -> None:
    """Write the file of an environment."""
    content = {
        "registry": url.rstrip("/"),
        "images": {name: asdict(images[name]) for name in sorted(images)},
    }
    write_atomically(file, HEAD + yaml.safe_dump(content, sort_keys=False, width=120))


def catalog_of(file: Path, url: str) -> dict[str, str]:
    """Return name -> reference in the registry `url` of every image that a cluster can run, without network access.

    A pushed image is referenced by tag and digest. An image whose inputs changed since its push is referenced by the
    tag that a push from this machine would give it, so that a preview shows the change. `unpushed` lists those.

    Args:
        file: The environment's file.
        url: Registry and path before an image's name.
    """
    known = read(file, url)
    found = {}
    for name in references():
        entry = known.get(name)
        own = f"{entry.tag}@{entry.digest}" if entry is not None and entry.inputs == inputs_tag(name) else tag(name)
        found[name] = f"{url.rstrip('/')}/{name}:{own}"
    return found


def unpushed(file: Path, url: str, names: Iterable[str]) -> list[str]:
    """Return which of `names` must be pushed before the stack can run them."""
    known = read(file, url)
    return [name for name in names if name not in known or known[name].inputs != inputs_tag(name)]
