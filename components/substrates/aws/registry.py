"""ECR repositories for the platform's own images: scanned on push, with immutable tags, encrypted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.substrates.aws.site import Site

KEPT_IMAGES = 30
"""Images that a repository keeps; tags are content hashes, so older images can be built again."""


def registry_url(site: Site) -> str:
    """Return the registry and path of the environment's images, without a trailing slash."""
    return f"{site.account}.dkr.ecr.{site.region}.amazonaws.com/{site.prefix}"


def expiry(kept: int) -> str:
    """Return a lifecycle policy that keeps the newest `kept` images."""
    rule = {
        "rulePriority": 1,
        "description": f"keep the {kept} newest",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": kept},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]}, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """Arguments of `Registry`.

    Attributes:
        site: Account, region and names.
        images: Names of the images.
        key_arn: Key that encrypts the images.
    """

    site: Site
    images: Sequence[str]
    key_arn: pulumi.Input[str]


class Registry(pulumi.ComponentResource):
    """A repository for each image, under `registry_url`."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Registry", name, None, opts)
        for image in sorted(args.images):
            repository = aws.ecr.Repository(
                f"{name}-{image}",
                name=f"{args.site.prefix}/{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
                # Images can be built again, so deleting a repository loses no data.
                force_delete=not args.site.protect,
                opts=pulumi.ResourceOptions(parent=self, protect=args.site.protect),
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{image}",
                repository=repository.name,
                policy=expiry(KEPT_IMAGES),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
