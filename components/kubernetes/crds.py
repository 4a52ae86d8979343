"""Custom resource definitions of one upstream component as one compact resource.

As property trees, definitions would be nine tenths of the state and of a preview's time. A bundle is its version and
digest: a preview says `version: 0.20.0 => 0.21.0`, an `up` applies the rendered file on the server.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import dynamic
from typing_extensions import override

from components.kubernetes.crd_apply import Unreachable, apply, missing, remove


@dataclass(frozen=True, kw_only=True)
class CrdBundleArgs:
    """Arguments of `CrdBundle`.

    Attributes:
        version: Version of the upstream component, as people call it.
        sha256: Digest of the rendered file; decides whether anything changed.
        path: The rendered file, YAML documents of kind CustomResourceDefinition.
        kubeconfig: Path or content; kept as a secret.
        delete_crds: Whether deleting the bundle deletes the definitions, and with them every object of their kinds.
    """

    version: str
    sha256: str
    path: str
    kubeconfig: pulumi.Input[str]
    delete_crds: bool = False


class CrdBundle(dynamic.Resource, module="mlplatform", name="CrdBundle"):
    """Definitions of one component, established when the resource is made; those with objects stay on delete."""

    version: pulumi.Output[str]
    sha256: pulumi.Output[str]
    names: pulumi.Output[list[str]]

    def __init__(self, name: str, args: CrdBundleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {
            "version": args.version,
            "sha256": args.sha256,
            "path": args.path,
            "kubeconfig": pulumi.Output.secret(args.kubeconfig),
            "deleteCrds": args.delete_crds,
            "names": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"])
        super().__init__(_Provider(), name, props, pulumi.ResourceOptions.merge(secret, opts))


class _Provider(dynamic.ResourceProvider):
    """Applies and removes bundles; holds nothing, so that its pickle is a reference to this class."""

    serialize_as_secret_always = False

    @override
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Compare the bundle with its record and with the cluster; the path of the file does not matter.

        The engine compares a program with its state alone. Definitions that the cluster lost, or that a cluster made
        again never had, would not come back, and their controllers would not start.
        """
        return dynamic.DiffResult(changes=bool(changed(_olds, _news) or astray(_olds)))

    @override
    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Apply the bundle."""
        return dynamic.CreateResult(f"crds-{props['sha256'][:12]}", {**props, "names": apply(props)})

    @override
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Apply the bundle in place; definitions it no longer has stay."""
        return dynamic.UpdateResult({**_news, "names": apply(_news)})

    @override
    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """See whether every definition is there and came from this very file."""
        gone = missing(props)
        if gone:
            drifted = {**props, "sha256": f"drifted: {', '.join(gone)}"}
            return dynamic.ReadResult(id_, drifted, {key: drifted[key] for key in drifted if key != "names"})
        return dynamic.ReadResult(id_, props)

    @override
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete definitions of which the cluster has no object; delete all of them when `deleteCrds` is set.

        With a definition its objects would go, and some of them may belong to somebody else.

        The Kubernetes provider's own variable says that a cluster which does not answer is gone for good.
        """
        try:
            remove(_props, unused_only=not _props.get("deleteCrds"))
        except Unreachable:
            if os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE") != "true":
                raise


def astray(props: dict[str, Any]) -> list[str]:
    """Return the definitions that the cluster lacks or has from another file; nothing where it does not answer."""
    try:
        return missing(props)
    except Unreachable:
        return []


def changed(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    """Return the properties whose change needs an apply. Pure."""
    return [key for key in ("version", "sha256", "kubeconfig", "deleteCrds") if olds.get(key) != news.get(key)]
