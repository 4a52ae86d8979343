"""NVIDIA device plugin: reports a node's GPUs to Kubernetes. Driver and toolkit are in the nodes' image."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube
from components.kubernetes.manifests import Manifests, ManifestsArgs
from components.kubernetes.transformations import Object, requirements
from components.substrates.aws.node_groups import GPU_LABEL, GPU_TAINT

NAME = "nvidia-device-plugin"
NAMESPACE = "kube-system"
SOCKETS = "/var/lib/kubelet/device-plugins"
RESOURCES = kube.Resources(cpu="50m", memory="64Mi", cpu_limit="200m", memory_limit="128Mi")


@dataclass(frozen=True, kw_only=True)
class DevicePluginArgs:
    """Arguments of `DevicePlugin`.

    Attributes:
        kubernetes: Provider of the cluster.
        image: Image reference.
    """

    kubernetes: k8s.Provider
    image: str


def daemon_set(image: str) -> Object:
    """Return the DaemonSet; it runs on GPU nodes only."""
    labels = kube.labels(NAME)
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # Without a GPU the plugin reports zero devices instead of crashing.
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
        "resources": requirements(RESOURCES),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "privileged": False,
        },
        "volumeMounts": [{"name": "device-plugins", "mountPath": SOCKETS}],
    }
    pod = {
        "priorityClassName": "system-node-critical",
        "automountServiceAccountToken": False,
        "serviceAccountName": NAME,
        "nodeSelector": {GPU_LABEL: "nvidia"},
        "tolerations": [{"key": GPU_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "device-plugins", "hostPath": {"path": SOCKETS, "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


class DevicePlugin(pulumi.ComponentResource):
    """The device plugin on every GPU node."""

    def __init__(self, name: str, args: DevicePluginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:DevicePlugin", name, None, opts)
        account: Object = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": kube.labels(NAME)},
            "automountServiceAccountToken": False,
        }
        Manifests(
            name,
            ManifestsArgs(objects=[account, daemon_set(args.image)]),
            pulumi.ResourceOptions(parent=self, provider=args.kubernetes),
        )
        self.register_outputs({})
