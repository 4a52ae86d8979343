"""What a stack pulls: tag and digest of each image that was pushed for it, in a file beside the stack's settings.

`mlp images push` writes the file and it is committed, so that every preview of the stack, on every machine, names the
same bits. An entry holds for as long as the image's own inputs are those it was built of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.images.files import write_atomically
from artifacts.images.inputs import inputs_tag, references, tag
from common.paths import ROOT

HEAD = """# What the program deploys from this environment's registry. Written by `mlp images push`; commit it.
#   inputs  tag of the image's inputs in this repository; the entry holds while they are the same
#   tag     the same with the versions of the Debian packages that it was built with
#   digest  of the manifest in the registry
"""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """An image in a registry.

    Attributes:
        inputs: `artifacts.images.inputs.inputs_tag` of what was built.
        tag: Its tag.
        digest: Of its manifest there, `sha256:...`.
    """

    inputs: str
    tag: str
    digest: str


def path(environment: str, folder: Path = ROOT / "stacks") -> Path:
    """Return the file of an environment; it need not exist."""
    return folder / f"Images.{environment}.yaml"


def read(file: Path, url: str) -> dict[str, Pushed]:
    """Return image -> what was pushed to the registry `url`; empty when the file is of another registry or absent."""
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
    """Return name -> reference in the registry `url` of every image that a cluster can run; asks no registry.

    What was pushed is named by tag and digest. What was not pushed since its inputs changed has the tag that a push
    from this machine gives it: a preview shows the change, pods that wait for it find it, and `unpushed` names it.

    Args:
        file: The environment's file.
        url: Registry and path that stand before an image's name.
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
