"""Access to Pipelines' API from outside the cluster: a path of the Gateway that requires a token."""

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
    """Return the policy that admits requests with a token of the Secret in the header `Authorization: Bearer`.

    Envoy reads the word after `Bearer` as the key, and removes the header before the server sees the request.
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
    """Declare the token, the policy that checks it, and then the path.

    The route depends on the policy, so that it is never open without it.
    """
    token = password("pipelines-token", scope.base)
    # Client name to token: delete an entry to revoke its token.
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
