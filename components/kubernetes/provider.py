"""The provider of every Kubernetes object of a stack, and whose name the objects' fields bear."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s

FIELD_MANAGER = "mlplatform"
"""Owner of the fields that the program sets, in server-side apply.

The provider would otherwise draw a name at random for each object and record it only after the object is made: after a
kill in between, the next update would be in conflict with itself.
"""

MANAGER_ANNOTATION = "pulumi.com/patchFieldManager"
"""Annotation by which the provider takes the name (pulumi-kubernetes, provider/pkg/metadata/annotations.go)."""

QUERIES_PER_SECOND, BURST = 200.0, 400
"""Requests of the provider's client. Its own 50 a second make a preview of 170 objects wait for seconds."""


def kubernetes_provider(
    name: str, kubeconfig: pulumi.Input[str], cluster_identifier: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> k8s.Provider:
    """Declare the provider of a cluster.

    Args:
        name: Name of the resource.
        kubeconfig: Path or content.
        cluster_identifier: What names the cluster for good. While it is the same, no change of the kubeconfig replaces
            what runs in the cluster.
        opts: Options of the resource.
    """
    return k8s.Provider(
        name,
        kubeconfig=kubeconfig,
        cluster_identifier=cluster_identifier,
        enable_server_side_apply=True,
        # Without these two, a changed value replaces the object, and with it everything that is given its name.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        kube_client_settings=k8s.KubeClientSettingsArgs(qps=QUERIES_PER_SECOND, burst=BURST),
        opts=opts,
    )


def with_field_manager(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Name `FIELD_MANAGER` as the owner of a Kubernetes object; a transformation of every resource of the stack."""
    given = cast("Mapping[str, Any]", args.props)
    metadata = given.get("metadata")
    if not args.type_.startswith("kubernetes:") or metadata is None:
        return None
    return pulumi.ResourceTransformationResult({**given, "metadata": owned(metadata)}, args.opts)


def owned(metadata: Any) -> Any:  # noqa: ANN401 - typed arguments, a mapping or an output of either
    """Return metadata with the annotation; the argument stays as it is."""
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
