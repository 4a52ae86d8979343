"""Cluster autoscaler: adds a node when a pod does not fit, removes nodes that are not needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml

from components.kubernetes import kube
from components.kubernetes.manifests import Manifests, ManifestsArgs
from components.kubernetes.transformations import RESTRICTED_CONTAINER, RESTRICTED_POD, Object, copied, requirements
from components.substrates.aws import iam
from components.substrates.aws.cluster import Cluster
from components.substrates.aws.identity import PodRole, PodRoleArgs
from components.substrates.aws.site import Site

NAME = "cluster-autoscaler"
NAMESPACE = "kube-system"
PORT = 8085
UID = 65534
RULES = Path(__file__).with_name("autoscaler_rules.yaml")
RESOURCES = kube.Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="600Mi")
LABELS = kube.labels(NAME)


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """Arguments of `Autoscaler`.

    Attributes:
        site: Account, region and names.
        cluster: The cluster.
        kubernetes: Provider of the cluster.
        image: Image reference.
    """

    site: Site
    cluster: Cluster
    kubernetes: k8s.Provider
    image: str


def statements(site: Site, cluster: str) -> list[iam.Statement]:
    """Return the autoscaler's permissions: read everything, change only the groups of its own cluster."""
    owned = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}}
    return [
        # Auto Scaling and EC2 have no resource-level permissions for Describe actions.
        iam.Statement(
            actions=[
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            resources=["*"],
        ),
        iam.Statement(actions=["eks:DescribeNodegroup"], resources=[site.arn("eks", f"nodegroup/{cluster}/*/*")]),
        iam.Statement(
            actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            resources=[site.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*")],
            conditions=owned,
        ),
    ]


def _bound(kind: str, rules: list[Any], metadata: Object) -> list[Object]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": NAME}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


def deployment(image: str, cluster: str, region: str) -> Object:
    """Return the Deployment."""
    health = {"httpGet": {"path": "/health-check", "port": PORT}, "timeoutSeconds": 5}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["./cluster-autoscaler"],
        "args": [
            "--cloud-provider=aws",
            f"--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{cluster}",
            "--expander=least-waste",
            "--balance-similar-node-groups",
            "--skip-nodes-with-system-pods=false",
            "--skip-nodes-with-local-storage=false",
            "--scale-down-unneeded-time=10m",
            "--logtostderr=true",
        ],
        "env": [{"name": "AWS_REGION", "value": region}],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": requirements(RESOURCES),
        "securityContext": copied(RESTRICTED_CONTAINER),
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 3},
        "readinessProbe": {**health, "periodSeconds": 10, "failureThreshold": 3},
    }
    pod = {
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "securityContext": {**RESTRICTED_POD, "runAsUser": UID, "runAsGroup": UID, "fsGroup": UID},
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def objects(image: str, cluster: str, region: str) -> list[Object]:
    """Return every Kubernetes object of the autoscaler."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    everywhere: Object = {"name": NAME, "labels": LABELS}
    here: Object = {**everywhere, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        *_bound("ClusterRole", rules["cluster"], everywhere),
        *_bound("Role", rules["namespace"], here),
        deployment(image, cluster, region),
    ]


class Autoscaler(pulumi.ComponentResource):
    """The autoscaler, its IAM role and its Kubernetes RBAC."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:aws:Autoscaler", name, None, opts)
        role = PodRole(
            name,
            PodRoleArgs(
                site=args.site,
                cluster=args.cluster.name,
                cluster_name=args.cluster.resource_name,
                namespace=NAMESPACE,
                service_account=NAME,
                statements=statements(args.site, args.cluster.name),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        Manifests(
            name,
            ManifestsArgs(objects=objects(args.image, args.cluster.name, args.site.region)),
            pulumi.ResourceOptions(parent=self, provider=args.kubernetes, depends_on=[role.association]),
        )
        self.register_outputs({})
