"""A kubeconfig without a secret in it: whoever holds it proves with his own AWS credentials who he is."""

from __future__ import annotations

import json


def kubeconfig(*, cluster: str, region: str, endpoint: str, certificate_authority: str) -> str:
    """Return a kubeconfig (JSON is YAML) that gets its token from `aws eks get-token`.

    Args:
        cluster: Name of the cluster.
        region: Its region.
        endpoint: URL of the API server.
        certificate_authority: Base64 of the PEM that signs the API server's certificate.
    """
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "aws",
        "args": ["eks", "get-token", "--region", region, "--cluster-name", cluster, "--output", "json"],
        "interactiveMode": "Never",
        "installHint": "Install the AWS CLI: pip install awscli",
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [
            {"name": cluster, "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority}}
        ],
        "users": [{"name": cluster, "user": {"exec": command}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
    }
    return json.dumps(document, sort_keys=True)
