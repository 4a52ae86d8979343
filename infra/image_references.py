"""References of the images that a stack runs: built on this machine, or pulled from a registry by digest."""

from __future__ import annotations

from components.substrates.contract import ImageCatalog
from infra.aws.schema import Aws
from infra.schema import Settings

ONLY_LOCAL = {"coredns", "kserve-stock", "local-path-provisioner", "metrics-server", "pause", "redis", "s3"}
"""Images that stand in for what AWS has itself, or that only a benchmark runs."""


def image_catalog(registry: str | None, environment: str) -> ImageCatalog:
    """Return the references of all images: in `registry` where there is one, by the digests that were pushed to it.

    Args:
        registry: Registry and path that stand before an image's name; None for images loaded into the node.
        environment: Whose record of pushed images counts.
    """
    from artifacts import images
    from artifacts.images import pushed

    if registry is None:
        return ImageCatalog(images.references())
    return ImageCatalog(pushed.catalog_of(pushed.path(environment), registry))


def pulled(settings: Settings, aws: Aws) -> tuple[list[str], str]:
    """Return names of the images that a stack on AWS pulls, and the registry that it pulls them from."""
    from components.substrates.aws.registry import registry_url
    from infra.aws_site import site_of

    registry = settings.registry or registry_url(site_of(settings, aws))
    return [name for name in image_catalog(registry, settings.environment) if name not in ONLY_LOCAL], registry
