"""Who reaches the servers of Pipelines: their own namespace, and the Gateway. They ask nobody else who he is."""

from __future__ import annotations

import pulumi_kubernetes as k8s

from components import envoy, kube
from components.kubeflow import names
from components.objects import Scope


def declare(scope: Scope) -> None:
    """Declare the NetworkPolicies; a cluster whose network knows none ignores them."""
    k8s.networking.v1.NetworkPolicy(
        "pipelines-own-namespace",
        metadata=scope.metadata("own-namespace"),
        spec=k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(),
            policy_types=["Ingress"],
            ingress=[
                k8s.networking.v1.NetworkPolicyIngressRuleArgs(
                    from_=[k8s.networking.v1.NetworkPolicyPeerArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs())]
                )
            ],
        ),
        opts=scope.opts,
    )
    gateway = k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": envoy.NAMESPACE})
    k8s.networking.v1.NetworkPolicy(
        "pipelines-gateway",
        metadata=scope.metadata("gateway"),
        spec=k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=kube.labels(names.API_SERVER)),
            policy_types=["Ingress"],
            ingress=[
                k8s.networking.v1.NetworkPolicyIngressRuleArgs(
                    from_=[k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=gateway)],
                    ports=[k8s.networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=names.HTTP_PORT)],
                )
            ],
        ),
        opts=scope.opts,
    )
