"""Network policies from the flows in an application's description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi_kubernetes as k8s

from components.applications.description import Flow
from components.kubernetes import kube
from components.kubernetes.objects import Scope


def declare_flows(scope: Scope, application: str, flows: Sequence[Flow], namespaces: Mapping[str, str]) -> None:
    """Declare a NetworkPolicy for each flow; a cluster without an enforcing network plugin ignores them.

    Args:
        scope: Namespace of the application.
        application: Name of the application.
        flows: Traffic that may enter its namespace.
        namespaces: Namespace by name of application.
    """
    for flow in flows:
        name = "own-namespace" if flow.source == application else flow.source
        k8s.networking.v1.NetworkPolicy(
            f"{application}-{name}",
            metadata=scope.metadata(name),
            spec=policy_spec(flow, own=flow.source == application, namespace=namespaces[flow.source]),
            opts=scope.opts,
        )


def policy_spec(flow: Flow, *, own: bool, namespace: str) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Return the specification of the policy that allows a flow.

    Args:
        flow: The traffic.
        own: Whether the traffic comes from the application's own namespace.
        namespace: Namespace that the traffic comes from.
    """
    selector = k8s.meta.v1.LabelSelectorArgs
    reached = selector() if flow.to is None else selector(match_labels=kube.labels(flow.to))
    if own:
        peer = k8s.networking.v1.NetworkPolicyPeerArgs(pod_selector=selector())
    else:
        there = selector(match_labels={"kubernetes.io/metadata.name": namespace})
        peer = k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=there)
    ports = None if flow.port is None else [k8s.networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=flow.port)]
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=reached,
        policy_types=["Ingress"],
        ingress=[k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=[peer], ports=ports)],
    )
