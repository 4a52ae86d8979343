"""An S3 gateway over a folder on one volume, with an account per application and a policy per bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes import kube, pods, volumes
from components.kubernetes.objects import Namespace, Scope, password
from components.substrates.contract import ObjectStore, ObjectStoreAccess
from components.substrates.local.policies import accounts, policy, text
from components.substrates.requests import BucketPurpose, Grant

PORT = 7070
REGION = "us-east-1"
SCRIPT = Path(__file__).parent / "scripts" / "buckets.py"
ROOT_ACCOUNT = "root"


@dataclass(frozen=True, kw_only=True)
class S3GatewayArgs:
    """Arguments of `S3Gateway`.

    Attributes:
        namespace: Namespace of the gateway.
        image: Reference of the image `s3`.
        client_image: Reference of an image with Python and boto3, for the Job that creates the buckets.
        storage_class: StorageClass of the volume.
        size: Size of the volume, a Kubernetes quantity.
        cluster_ip: Fixed ClusterIP. Presigned URLs contain it, because MLflow gives them to clients outside the
            cluster, which cannot resolve names of Services.
        resources: Requests and limits of the gateway.
        buckets: Bucket name by purpose.
        grants: Access that the applications request.
    """

    namespace: Namespace
    image: str
    client_image: str
    storage_class: str
    size: str
    cluster_ip: str
    resources: kube.Resources
    buckets: Mapping[BucketPurpose, str]
    grants: Sequence[Grant]


class S3Gateway(pulumi.ComponentResource):
    """versitygw with its accounts in a Secret, so that objects are its only state."""

    store: ObjectStore

    def __init__(self, name: str, args: S3GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:local:S3Gateway", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scope = Scope(application="s3", namespace=args.namespace, base=child)
        account = scope.service_account("s3")
        root_secret = password("s3-root", child)
        root = scope.secret("s3-root", {"access": ROOT_ACCOUNT, "secret": root_secret})
        applications = sorted({grant.application for grant in args.grants})
        keys = {application: password(f"s3-{application}", child) for application in applications}
        # The name changes with the set of accounts, so that the gateway loads an account before a policy names it.
        users = scope.secret(
            f"s3-accounts-{kube.digest(sorted(keys))}",
            {"users.json": pulumi.Output.all(**keys).apply(lambda known: accounts(dict(known)))},
            resource="s3-accounts",
        )
        scope.service(PORT, cluster_ip=args.cluster_ip)
        gateway = scope.stateful_set(
            self._gateway(args, account, root, users, kube.secrets_digest(root_secret, *keys.values())),
            volume="data",
            storage_class=args.storage_class,
            size=args.size,
        )
        endpoint = f"http://{args.cluster_ip}:{PORT}"
        policies = {bucket: text(policy(bucket, purpose, args.grants)) for purpose, bucket in args.buckets.items()}
        files = {
            "policies.json": json.dumps(policies, indent=1, sort_keys=True),
            "buckets.py": SCRIPT.read_text(encoding="utf-8"),
        }
        listed = scope.config_map("s3-buckets", files)
        buckets = scope.job(
            "buckets",
            pods.pod(
                pods.Container(
                    name="buckets",
                    image=args.client_image,
                    resources=kube.Resources(cpu="50m", memory="96Mi", cpu_limit="1", memory_limit="256Mi"),
                    command=["python", "/etc/buckets/buckets.py"],
                    env={"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION, "PYTHONDONTWRITEBYTECODE": "1"},
                    secret_env={
                        "AWS_ACCESS_KEY_ID": (root.metadata.name, "access"),
                        "AWS_SECRET_ACCESS_KEY": (root.metadata.name, "secret"),
                    },
                    mounts=[volumes.Mount(name="buckets", path="/etc/buckets", config_map=listed.metadata.name)],
                ),
                service_account=account.metadata.name,
                application="s3",
                component="buckets",
                restart_policy="OnFailure",
            ),
            key=[args.client_image, files],
            requires=[gateway],
        )
        self.store = ObjectStore(
            endpoint=endpoint,
            region=REGION,
            path_style=True,
            buckets=args.buckets,
            access={
                application: ObjectStoreAccess(
                    environment={"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": endpoint},
                    secret_environment={
                        "AWS_ACCESS_KEY_ID": pulumi.Output.from_input(application),
                        "AWS_SECRET_ACCESS_KEY": key,
                    },
                    requires=[buckets],
                )
                for application, key in keys.items()
            },
        )
        self.register_outputs({})

    @staticmethod
    def _gateway(
        args: S3GatewayArgs,
        account: k8s.core.v1.ServiceAccount,
        root: k8s.core.v1.Secret,
        users: k8s.core.v1.Secret,
        annotations: Mapping[str, pulumi.Input[str]],
    ) -> k8s.core.v1.PodTemplateSpecArgs:
        return pods.pod(
            pods.Container(
                name="s3",
                image=args.image,
                resources=args.resources,
                args=["--port", f":{PORT}", "--health", "/health", "--iam-dir", "/etc/s3", "--quiet", "posix", "/data"],
                env={"VGW_REGION": REGION},
                secret_env={
                    "ROOT_ACCESS_KEY_ID": (root.metadata.name, "access"),
                    "ROOT_SECRET_ACCESS_KEY": (root.metadata.name, "secret"),
                },
                ports={"http": PORT},
                probes=pods.Probes(port=PORT, path="/health"),
                mounts=[
                    volumes.Mount(name="data", path="/data", claim="data"),
                    volumes.Mount(name="accounts", path="/etc/s3", secret=users.metadata.name),
                    volumes.Mount(name="tmp", path="/tmp"),  # noqa: S108 - a volume of the pod's own
                ],
            ),
            service_account=account.metadata.name,
            application="s3",
            annotations=annotations,
        )
