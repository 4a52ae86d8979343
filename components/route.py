"""One path of the Gateway, led to one Service."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import envoy
from components.transformations import Object


@dataclass(frozen=True, kw_only=True)
class RouteArgs:
    """Arguments of `Route`.

    Attributes:
        namespace: Namespace of the route and its Service.
        prefix: Path below the Gateway, with a leading and without a trailing slash.
        service: Name of the Service.
        port: Port of the Service.
        rewrite: What replaces the prefix before the Service sees the request.
        timeout_seconds: Longest request; 0 for no bound.
    """

    namespace: str
    prefix: str
    service: str
    port: int
    rewrite: str = "/"
    timeout_seconds: int = 60


def http_route(name: str, args: RouteArgs) -> Object:
    """Return the HTTPRoute.

    Raises:
        ValueError: The prefix is not a path.
    """
    if not args.prefix.startswith("/") or args.prefix.endswith("/"):
        raise ValueError(f"prefix is {args.prefix!r}; it must begin with a slash and not end in one")
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": args.prefix}}],
        "filters": [
            {
                "type": "URLRewrite",
                "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": args.rewrite}},
            }
        ],
        "backendRefs": [{"name": args.service, "port": args.port}],
        "timeouts": {"request": f"{args.timeout_seconds}s"},
    }
    return {
        "apiVersion": envoy.GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": args.namespace},
        "spec": {"parentRefs": [{"name": envoy.GATEWAY, "namespace": envoy.NAMESPACE}], "rules": [rule]},
    }


class Route(pulumi.ComponentResource):
    """An HTTPRoute of the platform's Gateway."""

    def __init__(self, name: str, args: RouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlplatform:platform:Route", name, None, opts)
        route = http_route(name, args)
        k8s.apiextensions.CustomResource(
            name,
            api_version=route["apiVersion"],
            kind=route["kind"],
            metadata=route["metadata"],
            spec=route["spec"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
