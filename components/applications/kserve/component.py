"""KServe in Standard mode: controller, webhooks, configuration, and the `mlplatform` serving runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pulumi

from artifacts.manifests import Rendered, rendered
from components.applications.description import Context
from components.applications.gateway import envoy
from components.applications.gateway.component import Gateway
from components.applications.kserve import serving_runtime
from components.applications.kserve.names import NAMESPACE
from components.applications.kserve.settings import KServeSection
from components.kubernetes import kube, transformations
from components.kubernetes.certificates import ServingCertificate
from components.kubernetes.crds import crd_bundle
from components.kubernetes.manifests import Manifests, ManifestsArgs, namespace
from components.kubernetes.transformations import Object, Transformation, named
from components.substrates.contract import ObjectStore, Substrate

CONTROLLER_IMAGE = "kserve/kserve-controller"
"""Image repository in upstream's chart."""

CONFIG = "inferenceservice-config"
WEBHOOK_SERVICE = "kserve-webhook-server-service"
WEBHOOK_SECRET = "kserve-webhook-server-cert"  # noqa: S105 - a name
WEBHOOK_NAMES = (f"{WEBHOOK_SERVICE}.{NAMESPACE}.svc", f"{WEBHOOK_SERVICE}.{NAMESPACE}.svc.cluster.local")

CONTROLLER = kube.Resources(cpu="50m", memory="96Mi", cpu_limit="1", memory_limit="300Mi")


def _is_cert_managers(item: Object) -> bool:
    return item["apiVersion"].startswith("cert-manager.io/")


DROPPED = (
    # The metrics Service needs kube-rbac-proxy, a separate image that is not deployed.
    named("Service", "kserve-controller-manager-service"),
    named("Service", "kserve-controller-manager-metrics-service"),
    named("ClusterRole", "kserve-proxy-role"),
    named("ClusterRoleBinding", "kserve-proxy-rolebinding"),
    # `ServingCertificate` replaces cert-manager.
    _is_cert_managers,
    named("Secret", "kserve-webhook-server-secret"),
    # `serving_runtime.storage_container` replaces it.
    named("ClusterStorageContainer", "default"),
)


@dataclass(frozen=True, kw_only=True)
class KServeArgs:
    """Arguments of `KServe`.

    Attributes:
        substrate: Substrate that KServe runs on.
        controller: Rendered KServe.
        requires: Resources that must exist first: the Gateway API's CRDs.
        predictor: Requests and limits of a predictor whose InferenceService sets none.
    """

    substrate: Substrate
    controller: Rendered
    requires: Sequence[pulumi.Resource] = ()
    predictor: kube.Resources = field(default_factory=lambda: serving_runtime.PREDICTOR)


def object_store(store: ObjectStore) -> dict[str, str]:
    """Return the configuration with which the download of a model finds the object store and its keys.

    The keys are in a Secret of the predictor's ServiceAccount, unless it uses workload identity.
    """
    url = urlsplit(store.endpoint or "")
    return {
        "s3AccessKeyIDName": "AWS_ACCESS_KEY_ID",
        "s3SecretAccessKeyName": "AWS_SECRET_ACCESS_KEY",
        "s3Region": store.region,
        "s3UseVirtualBucket": str(not store.path_style).lower(),
        **({"s3Endpoint": url.netloc, "s3UseHttps": "1" if url.scheme == "https" else "0"} if store.endpoint else {}),
    }


def configuration(images: Mapping[str, str], predictor: kube.Resources, store: ObjectStore) -> dict[str, str]:
    """Return the keys of `inferenceservice-config` that differ from upstream's, as JSON.

    KServe creates no routes: each deployment creates its own, with weights for canaries. The URL of an InferenceService
    is that of its Service in the cluster, which is valid on every substrate.
    """
    sections: dict[str, Object] = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {
            "enableGatewayApi": True,
            "kserveIngressGateway": f"{envoy.NAMESPACE}/{envoy.GATEWAY}",
            # KServe requires the name even though nothing reads it.
            "ingressGateway": f"{envoy.NAMESPACE}/{envoy.GATEWAY}",
            "ingressDomain": "svc.cluster.local",
            "domainTemplate": "{{ .Name }}-predictor.{{ .Namespace }}.{{ .IngressDomain }}",
            "urlScheme": "http",
            "disableIstioVirtualHost": True,
            "disableIngressCreation": True,
        },
        # No predictor calls the API server.
        "security": {"autoMountServiceAccountToken": False},
        "inferenceService": {
            "resource": {
                "cpuRequest": predictor.cpu,
                "memoryRequest": predictor.memory,
                "cpuLimit": predictor.cpu_limit,
                "memoryLimit": predictor.memory_limit,
            }
        },
        "credentials": {
            "storageSpecSecretName": "storage-config",
            "storageSecretNameAnnotation": "serving.kserve.io/storageSecretName",
            "s3": object_store(store),
        },
        "storageInitializer": {
            "image": images["storage-initializer"],
            "cpuRequest": serving_runtime.FETCHER.cpu,
            "memoryRequest": serving_runtime.FETCHER.memory,
            "cpuLimit": serving_runtime.FETCHER.cpu_limit,
            "memoryLimit": serving_runtime.FETCHER.memory_limit,
            "caBundleConfigMapName": "",
            "caBundleVolumeMountPath": "/etc/ssl/custom-certs",
            "enableModelcar": False,
        },
    }
    return {name: json.dumps(section, sort_keys=True) for name, section in sections.items()}


def webhook_secret(certificate: pulumi.Input[str], private_key: pulumi.Input[str]) -> Object:
    """Return the Secret that the controller's webhook server reads."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": WEBHOOK_SECRET, "namespace": NAMESPACE},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate, "tls.key": private_key},
    }


def controller_transformations(args: KServeArgs, ca_bundle: pulumi.Input[str]) -> list[Transformation]:
    """Return the transformations of upstream's objects."""
    images = args.substrate.images
    config = configuration(images, args.predictor, args.substrate.object_store)
    health = {"timeoutSeconds": 5, "httpGet": {"path": "/readyz", "port": 8081}}
    probes = {
        # Upstream waits 30 s before the first probe; the webhook serves within 2 s.
        "startupProbe": {**health, "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**health, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**health, "periodSeconds": 20, "failureThreshold": 3},
    }
    return [
        transformations.without(*DROPPED),
        transformations.without_annotations("cert-manager.io/"),
        transformations.without_container("kube-rbac-proxy"),
        transformations.with_images({CONTROLLER_IMAGE: images["kserve-controller"]}),
        transformations.with_security_context(user=kube.APP_UID),
        transformations.with_resources({"manager": CONTROLLER}),
        transformations.with_container("manager", probes),
        transformations.with_data(CONFIG, config, drop={"_example"}),
        transformations.with_pod_annotations({"mlplatform/config": kube.digest(config)}),
        transformations.with_ca_bundle(ca_bundle),
    ]


def objects(
    args: KServeArgs, certificate: pulumi.Input[str], private_key: pulumi.Input[str], ca_bundle: pulumi.Input[str]
) -> list[Object]:
    """Return every object: upstream's after transformation, the namespace, the webhook's Secret, and the runtime."""
    images = args.substrate.images
    return [
        *transformations.apply_all(args.controller.objects, controller_transformations(args, ca_bundle)),
        namespace(NAMESPACE),
        webhook_secret(certificate, private_key),
        serving_runtime.storage_container(images),
        serving_runtime.serving_runtime(images, args.predictor),
    ]


class KServe(pulumi.ComponentResource):
    """KServe with the `mlplatform` serving runtime.

    Attributes:
        runtime: Name of the ClusterServingRuntime.
        ready: The runtime's resource; InferenceServices depend on it.
    """

    runtime: str
    ready: pulumi.Resource

    def __init__(self, name: str, args: KServeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:KServe", name, None, opts)
        substrate = args.substrate
        crds = crd_bundle(f"{name}-crds", args.controller, substrate.kubernetes, substrate.kubeconfig, self)
        certificate = ServingCertificate(f"{name}-webhook", WEBHOOK_NAMES, pulumi.ResourceOptions(parent=self))
        declared = objects(args, certificate.certificate, certificate.private_key, certificate.ca_bundle)
        manifests = Manifests(
            name,
            ManifestsArgs(objects=declared),
            pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes, depends_on=[crds, *args.requires]),
        )
        self.runtime = serving_runtime.RUNTIME
        self.ready = manifests.resources[f"ClusterServingRuntime/{serving_runtime.RUNTIME}"]
        self.register_outputs({"runtime": self.runtime})


def declare(context: Context, settings: KServeSection) -> KServe:
    """Declare KServe from its settings."""
    return KServe(
        "kserve",
        KServeArgs(
            substrate=context.substrate,
            controller=rendered("kserve"),
            requires=[context.component(Gateway).crds],
            predictor=settings.predictor.resources(),
        ),
    )
