"""Rules on images, add-ons and registries: pinned versions and immutable tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from policy.model import UNKNOWN, Area, Problem, Resource, Severity, Stack, at, is_set, is_true, rule
from policy.reading import WORKLOADS, pod, texts

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
BY_CONTENT = re.compile(r":[0-9a-f]{12,64}$")
PINNED = "by digest (name@sha256:...) or by a tag from its content (name:<12 or more hex digits>)"


def is_pinned(image: object) -> bool:
    """Tell whether a reference always refers to the same image."""
    return image is UNKNOWN or (
        isinstance(image, str) and (DIGEST.search(image) is not None or BY_CONTENT.search(image) is not None)
    )


@rule(
    "images-pinned",
    Area.IMAGES,
    Severity.HIGH,
    f"Images are referenced {PINNED}",
    remedy="reference the image by digest; a version tag can be moved",
    types=WORKLOADS,
)
def images_pinned(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """Images of pods."""
    found = pod(resource)
    for name, container, _ in found.containers() if found else ():
        if not is_pinned(container.get("image")):
            yield Problem(name, f"image is {container.get('image')}")


@rule(
    "image-settings-pinned",
    Area.IMAGES,
    Severity.HIGH,
    "Images in the settings of controllers are pinned",
    remedy="reference the image by digest in the argument, variable or configuration",
    types=("kubernetes:*",),
)
def image_settings_pinned(resource: Resource, _stack: Stack) -> Iterator[Problem]:
    """`image` keys and *_IMAGE variables, except the image field of a container."""
    for path, text in texts(resource.inputs):
        key = path.rsplit(".", 1)[-1]
        if key == "image" and ".containers." not in path.replace("initContainers", "containers") and text:
            if not is_pinned(text):
                yield Problem(path, f"image is {text}")
        elif key == "value" and text and _names_image(resource, path) and not is_pinned(text):
            yield Problem(path, f"image is {text}")


def _names_image(resource: Resource, path: str) -> bool:
    node: object = resource.inputs
    for part in path.split(".")[:-1]:
        node = node[int(part)] if isinstance(node, Sequence) else at(node, part)
    return str(at(node, "name")).endswith("_IMAGE")


@rule(
    "repositories-immutable",
    Area.IMAGES,
    Severity.HIGH,
    "Tags in repositories are immutable, and images are scanned when pushed",
    remedy="set imageTagMutability to IMMUTABLE and imageScanningConfiguration.scanOnPush",
    types=("aws:ecr/repository:Repository",),
)
def repositories_immutable(resource: Resource, _stack: Stack) -> Iterator[str]:
    """ECR."""
    if resource.at("imageTagMutability") not in {"IMMUTABLE", UNKNOWN}:
        yield f"imageTagMutability is {resource.at('imageTagMutability')}"
    if not is_true(resource.at("imageScanningConfiguration", "scanOnPush")):
        yield "scanOnPush is not true"


@rule(
    "addons-pinned",
    Area.IMAGES,
    Severity.MEDIUM,
    "EKS add-ons have a pinned version",
    remedy="set addonVersion",
    types=("aws:eks/addon:Addon",),
)
def addons_pinned(resource: Resource, _stack: Stack) -> Iterator[str]:
    """EKS add-ons."""
    if not is_set(resource.at("addonVersion")):
        yield "addonVersion is not set"
