"""The one way from outside to Pipelines' API: a path of the Gateway that asks for a token."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components import envoy
from components.kubeflow import names
from components.objects import Scope, password
from components.route import Route, RouteArgs
from components.transformations import Object

PREFIX = "/pipelines"
API = "/apis/v2beta1"
"""What the Gateway lets through; the older API has endpoints that fetch what they are told to."""

KEYS = "pipelines-api-keys"
ROUTE = "pipelines"
UPLOAD_SECONDS = 120


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
    lock = policy(ROUTE)
    guarded = k8s.apiextensions.CustomResource(
        "pipelines-access",
        api_version=lock["apiVersion"],
        kind=lock["kind"],
        metadata=lock["metadata"],
        spec=lock["spec"],
        opts=pulumi.ResourceOptions.merge(scope.opts, pulumi.ResourceOptions(depends_on=[crds, keys])),
    )
    Route(
        ROUTE,
        RouteArgs(
            namespace=names.NAMESPACE,
            prefix=PREFIX + API,
            service=names.API_SERVER,
            port=names.HTTP_PORT,
            rewrite=API,
            timeout_seconds=UPLOAD_SECONDS,
        ),
        pulumi.ResourceOptions.merge(scope.base, pulumi.ResourceOptions(depends_on=[guarded, server])),
    )
