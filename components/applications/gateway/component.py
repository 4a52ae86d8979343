"""The single entry point of the platform: Gateway API, Envoy Gateway and one Gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from artifacts.manifests import Rendered, rendered
from components.applications.description import AnyApplication, Context
from components.applications.gateway import envoy
from components.applications.gateway.settings import GatewaySection
from components.kubernetes import kube, transformations
from components.kubernetes.crds import crd_bundle
from components.kubernetes.manifests import Manifests, ManifestsArgs, namespace
from components.kubernetes.transformations import Object, Transformation
from components.substrates.contract import Substrate

CONTROLLER_IMAGE = "envoyproxy/gateway"
"""Image repository in upstream's chart."""

UID = 65532
"""User of upstream's images. Envoy Gateway runs Envoy as this user, whatever the image says."""

CONTROLLER = kube.Resources(cpu="50m", memory="96Mi", cpu_limit="1", memory_limit="384Mi")
CERTIFICATE_JOB = kube.Resources(cpu="50m", memory="64Mi", cpu_limit="1", memory_limit="128Mi")


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """Arguments of `Gateway`.

    Attributes:
        substrate: Substrate that the Gateway runs on.
        gateway_api: Rendered Gateway API, CRDs only.
        controller: Rendered Envoy Gateway.
        route_namespaces: Namespaces from which routes may attach.
        proxy: Number, size and behaviour of the Envoy pods.
    """

    substrate: Substrate
    gateway_api: Rendered
    controller: Rendered
    route_namespaces: Sequence[str]
    proxy: envoy.Proxy = field(default_factory=envoy.Proxy)


def controller_transformations(substrate: Substrate) -> list[Transformation]:
    """Return the transformations of upstream's objects."""
    config = envoy.controller_config(substrate.images)
    return [
        transformations.with_images({CONTROLLER_IMAGE: substrate.images["envoy-gateway"]}),
        transformations.with_security_context(user=UID),
        transformations.with_resources({"envoy-gateway": CONTROLLER, "envoy-gateway-certgen": CERTIFICATE_JOB}),
        transformations.with_data("envoy-gateway-config", {"envoy-gateway.yaml": config}),
        transformations.with_pod_annotations({"mlplatform/config": kube.digest(config)}),
    ]


def objects(args: GatewayArgs) -> list[Object]:
    """Return every object: upstream's after transformation, the namespace, and the Gateway."""
    substrate, exposure = args.substrate, args.substrate.gateway
    return [
        *transformations.apply_all(args.controller.objects, controller_transformations(substrate)),
        namespace(envoy.NAMESPACE),
        envoy.gateway_class(exposure.gateway_class),
        envoy.envoy_proxy(substrate.images, exposure, args.proxy),
        envoy.gateway(exposure, args.route_namespaces),
    ]


class Gateway(pulumi.ComponentResource):
    """Envoy Gateway with one Gateway; ready when an Envoy pod answers under its address.

    Attributes:
        namespace: Namespace of the Gateway.
        gateway: Name of the Gateway, to which routes attach.
        base_url: URL of the Gateway as users see it.
        crds: The Gateway API's CRDs; routes depend on them.
        ready: The Gateway resource itself.
    """

    namespace: str
    gateway: str
    base_url: str
    crds: pulumi.Resource
    ready: pulumi.Resource

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Gateway", name, None, opts)
        substrate = args.substrate
        bundles = [
            crd_bundle(f"{name}-{bundle.name}-crds", bundle, substrate.kubernetes, substrate.kubeconfig, self)
            for bundle in (args.gateway_api, args.controller)
        ]
        manifests = Manifests(
            name,
            ManifestsArgs(objects=objects(args)),
            pulumi.ResourceOptions(parent=self, provider=substrate.kubernetes, depends_on=bundles),
        )
        self.namespace = envoy.NAMESPACE
        self.gateway = envoy.GATEWAY
        self.base_url = substrate.gateway.base_url
        self.crds = bundles[0]
        self.ready = manifests.resources[f"Gateway/{envoy.NAMESPACE}/{envoy.GATEWAY}"]
        self.register_outputs({"base_url": self.base_url})


def declare(context: Context, settings: GatewaySection) -> Gateway:
    """Declare the Gateway from its settings; every application with a route and every team may attach to it."""
    return Gateway(
        "gateway",
        GatewayArgs(
            substrate=context.substrate,
            gateway_api=rendered("gateway-api"),
            controller=rendered("envoy-gateway"),
            route_namespaces=route_namespaces(context.applications, [team.namespace for team in context.teams]),
            proxy=envoy.Proxy(replicas=settings.replicas, resources=settings.size.resources()),
        ),
    )


def route_namespaces(applications: Sequence[AnyApplication], teams: Sequence[str]) -> list[str]:
    """Return the namespaces from which routes may attach: of applications with routes, and of teams."""
    return [*(item.namespace for item in applications if item.routes), *teams]
