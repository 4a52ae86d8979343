"""Client of the Kubernetes API for a kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernetes.client import ApiClient


def api_client(kubeconfig: str | None) -> ApiClient:
    """Return a client of the cluster that a kubeconfig names.

    Args:
        kubeconfig: Path or content; None for the default of `kubectl`.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    if kubeconfig is None or Path(kubeconfig).is_file():
        config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    else:
        import yaml

        config.load_kube_config_from_dict(yaml.safe_load(kubeconfig), client_configuration=configuration)
    # The cluster is never behind a proxy that the environment of this machine names.
    configuration.proxy, configuration.no_proxy = None, "*"
    return client.ApiClient(configuration)


def error_text(error: Exception) -> str:
    """Return the status and reason of an error of the Kubernetes client, or the first line of its text."""
    status, reason = getattr(error, "status", None), getattr(error, "reason", None)
    if status:
        return f"{status} {reason}"
    lines = str(reason or error).splitlines()
    return lines[0] if lines else type(error).__name__
