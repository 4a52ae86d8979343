"""References of the images of a stack: built on this machine, or pulled from a registry by digest."""

from __future__ import annotations

from components.substrates.contract import ImageCatalog
from infra.aws.schema import Aws
from infra.schema import Settings

ONLY_LOCAL = {"coredns", "kserve-stock", "local-path-provisioner", "metrics-server", "pause", "redis", "s3"}
"""Images that AWS stacks do not pull: AWS has a managed service instead, or only a benchmark runs them."""


def image_catalog(registry: str | None, environment: str) -> ImageCatalog:
    """Return the references of all images; with `registry`, by the digests that were pushed to it.

    Args:
        registry: Registry and path of the images; None for images that are loaded into the cluster's node.
        environment: Environment whose record of pushed images is used.
    """
    from artifacts import images
    from artifacts.images import pushed

    if registry is None:
        return ImageCatalog(images.references())
    return ImageCatalog(pushed.catalog_of(pushed.path(environment), registry))


def pulled(settings: Settings, aws: Aws) -> tuple[list[str], str]:
    """Return the names of the images that a stack on AWS pulls, and the registry that it pulls them from."""
    from components.substrates.aws.registry import registry_url
    from infra.aws_site import site_of

    registry = settings.registry or registry_url(site_of(settings, aws))
    return [name for name in image_catalog(registry, settings.environment) if name not in ONLY_LOCAL], registry
