"""The one way from outside to Pipelines' API: a path of the Gateway that asks for a token."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.applications.gateway import envoy
from components.applications.gateway.route import GatewayRoute, GatewayRouteArgs
from components.applications.pipelines import names
from components.applications.pipelines.names import API_ROUTE, PREFIX
from components.kubernetes.objects import Scope, password
from components.kubernetes.transformations import Object

KEYS = "pipelines-api-keys"


def policy(route: str) -> Object:
    """Return the policy that lets a request pass with one of the tokens of the Secret, as `Authorization: Bearer`.

    Envoy takes the header's word after `Bearer` for the key, and removes the header before the server sees it.
    """
    return {
        "apiVersion": envoy.EXTENSION_API,
        "kind": "SecurityPolicy",
        "metadata": {"name": route, "namespace": names.NAMESPACE},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route}],
            "apiKeyAuth": {
                "credentialRefs": [{"name": KEYS}],
                "extractFrom": [{"headers": ["Authorization"]}],
                "sanitize": True,
            },
        },
    }


def declare(scope: Scope, base_url: str, crds: pulumi.Resource, server: pulumi.Resource) -> None:
    """Declare the path, the policy before it, and the token.

    The policy comes first: a route must not be open while it waits for its lock.
    """
    token = password("pipelines-token", scope.base)
    # Name of the client to its token: revoking one is removing one.
    keys = scope.secret(KEYS, {"platform": token})
    scope.secret(names.CLIENT_SECRET, {"KF_PIPELINES_ENDPOINT": base_url + PREFIX, "KF_PIPELINES_TOKEN": token})
    lock = policy(API_ROUTE.name)
    guarded = k8s.apiextensions.CustomResource(
        "pipelines-access",
        api_version=lock["apiVersion"],
        kind=lock["kind"],
        metadata=lock["metadata"],
        spec=lock["spec"],
        opts=pulumi.ResourceOptions.merge(scope.opts, pulumi.ResourceOptions(depends_on=[crds, keys])),
    )
    GatewayRoute(
        API_ROUTE.name,
        GatewayRouteArgs(namespace=names.NAMESPACE, route=API_ROUTE),
        pulumi.ResourceOptions.merge(scope.base, pulumi.ResourceOptions(depends_on=[guarded, server])),
    )
