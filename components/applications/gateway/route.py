"""Route from one path of the Gateway to one Service."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.applications.description import Route
from components.applications.gateway import envoy
from components.kubernetes.transformations import Object


@dataclass(frozen=True, kw_only=True)
class GatewayRouteArgs:
    """Arguments of `GatewayRoute`.

    Attributes:
        namespace: Namespace of the route and of its Service.
        route: Path, Service and time limit, from the application's description.
        base_url: URL of the Gateway as users see it; a route with pages needs it.
    """

    namespace: str
    route: Route
    base_url: str = ""


def with_slash(path: str, base_url: str) -> Object:
    """Return the rule that leads a browser from a path to the same path with a trailing slash.

    It names the scheme, because the Gateway cannot know it where TLS ends in front of it.
    """
    url = urlsplit(base_url)
    redirect = {
        "scheme": url.scheme,
        "path": {"type": "ReplaceFullPath", "replaceFullPath": f"{path}/"},
        "statusCode": 302,
        **({"port": url.port} if url.port else {}),
    }
    return {
        "matches": [{"path": {"type": "Exact", "value": path}}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}],
    }


def http_route(args: GatewayRouteArgs) -> Object:
    """Return the HTTPRoute."""
    route = args.route
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": route.path}}],
        "filters": [
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.rewrite}},
            }
        ],
        "backendRefs": [{"name": route.service, "port": route.port}],
        "timeouts": {"request": f"{route.timeout_seconds}s"},
    }
    return {
        "apiVersion": envoy.GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": route.name, "namespace": args.namespace},
        "spec": {
            "parentRefs": [{"name": envoy.GATEWAY, "namespace": envoy.NAMESPACE}],
            "rules": [*([with_slash(route.path, args.base_url)] if route.pages else []), rule],
        },
    }


class GatewayRoute(pulumi.ComponentResource):
    """An HTTPRoute of the platform's Gateway."""

    def __init__(self, name: str, args: GatewayRouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Route", name, None, opts)
        route = http_route(args)
        k8s.apiextensions.CustomResource(
            name,
            api_version=route["apiVersion"],
            kind=route["kind"],
            metadata=route["metadata"],
            spec=route["spec"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
