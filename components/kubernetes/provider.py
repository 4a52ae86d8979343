"""The Kubernetes provider of a stack, and the field manager of its objects."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s

FIELD_MANAGER = "mlplatform"
"""Owner of the fields that the program sets, in server-side apply.

By default the provider generates a random name for each object and records it only after the object is created. After a
kill in between, the next update would conflict with that name.
"""

MANAGER_ANNOTATION = "pulumi.com/patchFieldManager"
"""Annotation from which the provider reads the name (pulumi-kubernetes, provider/pkg/metadata/annotations.go)."""

QUERIES_PER_SECOND, BURST = 200.0, 400
"""Request rate of the provider's client. At its default of 50 a second, a preview of 170 objects takes seconds more."""


def kubernetes_provider(
    name: str, kubeconfig: pulumi.Input[str], cluster_identifier: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> k8s.Provider:
    """Declare the provider of a cluster.

    Args:
        name: Name of the resource.
        kubeconfig: Path or content.
        cluster_identifier: Permanent name of the cluster. While it stays the same, a changed kubeconfig replaces
            nothing in the cluster.
        opts: Options of the resource.
    """
    return k8s.Provider(
        name,
        kubeconfig=kubeconfig,
        cluster_identifier=cluster_identifier,
        enable_server_side_apply=True,
        # Without these two options, a changed value replaces the object, and everything that uses its name.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        kube_client_settings=k8s.KubeClientSettingsArgs(qps=QUERIES_PER_SECOND, burst=BURST),
        opts=opts,
    )


def with_field_manager(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Set `FIELD_MANAGER` as the owner of a Kubernetes object; a transformation of every resource of the stack."""
    given = cast("Mapping[str, Any]", args.props)
    metadata = given.get("metadata")
    if not args.type_.startswith("kubernetes:") or metadata is None:
        return None
    return pulumi.ResourceTransformationResult({**given, "metadata": owned(metadata)}, args.opts)


def owned(metadata: Any) -> Any:  # noqa: ANN401 - typed arguments, a mapping or an output of either
    """Return the metadata with the annotation, as a copy."""
    if isinstance(metadata, pulumi.Output):
        return cast("pulumi.Output[Any]", metadata).apply(owned)
    if isinstance(metadata, Mapping):
        plain = cast("Mapping[str, Any]", metadata)
        return {**plain, "annotations": _noted(plain.get("annotations"))}
    typed: k8s.meta.v1.ObjectMetaArgs = copy.copy(metadata)
    typed.annotations = _noted(typed.annotations)
    return typed


def _noted(annotations: Any) -> Any:  # noqa: ANN401 - a mapping, an output of one or None
    if isinstance(annotations, pulumi.Output):
        return cast("pulumi.Output[Any]", annotations).apply(_noted)
    return {**(annotations or {}), MANAGER_ANNOTATION: FIELD_MANAGER}
