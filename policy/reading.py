"""Helpers that several rules share: they read lists, CIDRs, IAM policy documents, pods, provider inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from policy.model import UNKNOWN, Data, Resource, at

LEAST_PREFIX = {4: 8, 6: 16}
"""Shortest accepted prefix by IP version. A shorter one counts as open to everybody, like 0.0.0.0/1 and 128.0.0.0/1."""


def provider_inputs(inputs: Mapping[str, Data]) -> dict[str, Data]:
    """Return a provider's inputs with decoded structures; the engine passes structures to providers as JSON."""
    return {
        key: json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
        for key, value in inputs.items()
    }


def open_to_all(network: Data) -> bool:
    """Tell whether a CIDR is open to everybody or nearly everybody; False for a value that is not a CIDR."""
    if not isinstance(network, str):
        return False
    try:
        found = ip_network(network, strict=False)
    except ValueError:
        return False
    return found.prefixlen < LEAST_PREFIX[found.version]


def entries(value: Data) -> list[Data]:
    """Return the entries of a list; a list of one for a single or unknown value; an empty list for None."""
    if value is None:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


@dataclass(frozen=True)
class Statement:
    """One statement of an IAM policy document.

    Attributes:
        name: Its Sid, else its position.
        allows: Whether its effect is Allow.
        actions: Its actions; `("*",)` for NotAction.
        resources: Its resources; `("*",)` for NotResource.
        principals: All its principals, federated ones included; `("*",)` for NotPrincipal.
        condition: Its conditions.
    """

    name: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    condition: Mapping[str, Data]


def statements(document: object) -> list[Statement]:
    """Return the statements of a policy document, JSON or data; empty for an absent or unknown document."""
    if not document or document is UNKNOWN:
        return []
    data = json.loads(document) if isinstance(document, str) else document
    items = entries(at(data, "Statement"))
    return [_statement(number, item) for number, item in enumerate(items) if isinstance(item, Mapping)]


def _statement(number: int, item: Mapping[str, Data]) -> Statement:
    principal = item.get("Principal")
    named = principal.values() if isinstance(principal, Mapping) else [principal]
    return Statement(
        name=str(item.get("Sid") or number),
        allows=item.get("Effect") == "Allow",
        actions=("*",) if "NotAction" in item else tuple(entries(item.get("Action"))),
        resources=("*",) if "NotResource" in item else tuple(entries(item.get("Resource"))),
        principals=("*",) if "NotPrincipal" in item else tuple(who for group in named for who in entries(group)),
        condition=item.get("Condition") or {},
    )


@dataclass(frozen=True)
class Pod:
    """A pod that a resource creates.

    Attributes:
        spec: Its spec.
        labels: Its labels.
        ends: Whether it runs to completion, as the pods of Jobs do.
        replicas: Number of such pods; None when the resource does not set it.
    """

    spec: Mapping[str, Data]
    labels: Mapping[str, str]
    ends: bool = False
    replicas: int | None = 1

    def containers(self) -> Iterator[tuple[str, Mapping[str, Data], bool]]:
        """Yield the name of each container, the container, and whether it needs probes."""
        for container in self.spec.get("containers") or []:
            yield str(container.get("name")), container, not self.ends
        for container in self.spec.get("initContainers") or []:
            yield str(container.get("name")), container, container.get("restartPolicy") == "Always"


WORKLOADS = (
    "kubernetes:apps/v1:*",
    "kubernetes:batch/v1:*",
    "kubernetes:core/v1:Pod",
    "kubernetes:serving.kserve.io/*:*",
)
"""Types that create pods."""

ENVOY_PROXY = "kubernetes:gateway.envoyproxy.io/*:EnvoyProxy"


def pod(resource: Resource) -> Pod | None:
    """Return the pod that a resource creates; None for other resources."""
    kind, spec = resource.kind, resource.at("spec")
    if kind in {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}:
        replicas = at(spec, "replicas") if kind != "DaemonSet" else None
        return _of_template(at(spec, "template"), replicas=1 if replicas is None and kind != "DaemonSet" else replicas)
    if kind == "Job":
        return _of_template(at(spec, "template"), ends=True)
    if kind == "CronJob":
        return _of_template(at(spec, "jobTemplate", "spec", "template"), ends=True)
    if kind == "Pod":
        return Pod(spec or {}, resource.at("metadata", "labels") or {})
    if kind in {"ClusterServingRuntime", "ServingRuntime"}:
        return Pod(spec or {}, resource.at("spec", "labels") or {}, replicas=None)
    return None


def proxy_deployment(resource: Resource) -> Mapping[str, Data]:
    """Return the deployment settings of an EnvoyProxy's Envoys; Envoy Gateway adds their security settings."""
    return resource.at("spec", "provider", "kubernetes", "envoyDeployment") or {}


def _of_template(template: Data, *, ends: bool = False, replicas: Data = 1) -> Pod:
    count = replicas if isinstance(replicas, int | float) else None
    return Pod(
        at(template, "spec") or {},
        at(template, "metadata", "labels") or {},
        ends,
        None if count is None else int(count),
    )


def texts(node: Data, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and value of every string below `node`."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, Sequence):
        for number, value in enumerate(node):
            yield from texts(value, f"{path}.{number}")
