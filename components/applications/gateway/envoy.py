"""Envoy Gateway's configuration and its Gateway, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.applications.gateway.names import NAMESPACE
from components.kubernetes import kube
from components.kubernetes.transformations import RESTRICTED_POD, Object, requirements
from components.substrates.contract import GatewayExposure

GATEWAY = "mlplatform"
"""Name of the Gateway, of its EnvoyProxy, and of Envoy's Deployment and Service."""

CONTROLLER_NAME = "gateway.envoyproxy.io/gatewayclass-controller"
GATEWAY_API = "gateway.networking.k8s.io/v1"
EXTENSION_API = "gateway.envoyproxy.io/v1alpha1"

SHUTDOWN_MANAGER = kube.Resources(cpu="10m", memory="32Mi", cpu_limit="200m", memory_limit="64Mi")
FAST_STARTUP = {"periodSeconds": 1, "failureThreshold": 120}
"""Upstream probes a starting proxy only every 10 s."""

FAILURES_ONLY = "response.code >= 400"
"""Access log filter (CEL): a log line per request would cost more than the request; rates are in the metrics."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """Number, size and behaviour of the Envoy pods behind the Gateway.

    Attributes:
        replicas: Number of pods.
        concurrency: Worker threads of each pod.
        drain_seconds: Time that open requests get to finish when a pod is replaced.
        resources: Requests and limits of each pod; without requests, p99 under load is a hundred times higher.
    """

    replicas: int = 1
    concurrency: int = 2
    drain_seconds: int = 10
    resources: kube.Resources = field(
        default_factory=lambda: kube.Resources(cpu="200m", memory="64Mi", cpu_limit="2", memory_limit="256Mi")
    )


def controller_config(images: Mapping[str, str]) -> str:
    """Return envoy-gateway.yaml, the controller's configuration (JSON is YAML)."""
    config = {
        "apiVersion": EXTENSION_API,
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": CONTROLLER_NAME},
        "logging": {"level": {"default": "info"}},
        "provider": {
            "type": "Kubernetes",
            "kubernetes": {"shutdownManager": {"image": images["envoy-gateway"]}},
        },
        "proxyTopologyInjector": {"disabled": True},
    }
    return json.dumps(config, sort_keys=True)


def gateway_class(name: str) -> Object:
    """Return the GatewayClass; `envoy_proxy` configures all of its Gateways."""
    reference = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": GATEWAY, "namespace": NAMESPACE}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": CONTROLLER_NAME, "parametersRef": reference},
    }


def _deployment(images: Mapping[str, str], proxy: Proxy) -> Object:
    manager = {
        "name": "shutdown-manager",
        "resources": requirements(SHUTDOWN_MANAGER),
        "startupProbe": FAST_STARTUP,
        # Envoy writes a file there when draining is over.
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 - inside the pod
    }
    pod = {
        "containers": [{"name": "envoy", "startupProbe": FAST_STARTUP}, manager],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}],
    }
    return {
        "name": GATEWAY,
        "replicas": proxy.replicas,
        "pod": {"securityContext": dict(RESTRICTED_POD)},
        "container": {
            "image": images["envoy"],
            "resources": requirements(proxy.resources),
            "securityContext": {"readOnlyRootFilesystem": True},
        },
        "patch": {"type": "StrategicMerge", "value": {"spec": {"template": {"spec": pod}}}},
    }


def envoy_proxy(images: Mapping[str, str], exposure: GatewayExposure, proxy: Proxy) -> Object:
    """Return the EnvoyProxy: Envoy's deployment, exposure and logs."""
    service = {
        "name": GATEWAY,
        "type": exposure.service_type,
        **({"annotations": dict(exposure.service_annotations)} if exposure.service_annotations else {}),
        **({"loadBalancerSourceRanges": list(exposure.source_ranges)} if exposure.source_ranges else {}),
    }
    kubernetes: Object = {"envoyDeployment": _deployment(images, proxy), "envoyService": service}
    if proxy.replicas > 1:
        kubernetes["envoyPDB"] = {"maxUnavailable": 1}
    line = {"type": "File", "file": {"path": "/dev/stdout"}}
    return {
        "apiVersion": EXTENSION_API,
        "kind": "EnvoyProxy",
        "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
        "spec": {
            "concurrency": proxy.concurrency,
            "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
            "shutdown": {"drainTimeout": f"{proxy.drain_seconds}s", "minDrainDuration": "2s"},
            "telemetry": {"accessLog": {"settings": [{"matches": [FAILURES_ONLY], "sinks": [line]}]}},
        },
    }


def gateway(exposure: GatewayExposure, route_namespaces: Sequence[str]) -> Object:
    """Return the Gateway; only routes of `route_namespaces` may attach to it.

    The Gateway counts as ready when an Envoy pod is available under its address.
    """
    namespaces = {
        "from": "Selector",
        "selector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(route_namespaces)}
            ]
        },
    }
    address = {"addresses": [{"type": "IPAddress", "value": exposure.cluster_ip}]} if exposure.cluster_ip else {}
    return {
        "apiVersion": GATEWAY_API,
        "kind": "Gateway",
        "metadata": {
            "name": GATEWAY,
            "namespace": NAMESPACE,
            "annotations": {"pulumi.com/waitFor": "condition=Programmed"},
        },
        "spec": {
            "gatewayClassName": exposure.gateway_class,
            "listeners": [
                {
                    "name": "http",
                    "protocol": "HTTP",
                    "port": exposure.port,
                    "allowedRoutes": {"namespaces": namespaces},
                }
            ],
            **address,
        },
    }
