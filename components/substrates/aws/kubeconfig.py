"""A kubeconfig without secrets, whose users authenticate with their own AWS credentials."""

from __future__ import annotations

import json


def kubeconfig(*, cluster: str, region: str, endpoint: str, certificate_authority: str) -> str:
    """Return a kubeconfig (JSON is YAML) that gets tokens from `aws eks get-token`.

    Args:
        cluster: Name of the cluster.
        region: Region of the cluster.
        endpoint: URL of the API server.
        certificate_authority: CA certificate of the API server, PEM in base64.
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
