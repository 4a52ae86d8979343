"""The few calls to Kubernetes that checks need: Secrets, and a Job for what only the cluster's inside can see."""

from __future__ import annotations

import time
from typing import Any

from kubernetes import client, config

from smoke.result import CheckFailed

DONE_CONDITIONS = {"Complete": True, "Failed": False}


def api_client(kubeconfig: str | None) -> client.ApiClient:
    """Return a client for the platform's cluster; the ambient configuration when `kubeconfig` is None."""
    loaded = client.Configuration()
    config.load_kube_config(config_file=kubeconfig, client_configuration=loaded)
    loaded.proxy = None
    loaded.no_proxy = "*"
    return client.ApiClient(loaded)


def run_job(api: client.ApiClient, job: dict[str, Any], *, deadline: float) -> str:
    """Run `job` to its end and return its log; an older Job of the same name is replaced.

    Args:
        api: Client of the cluster.
        job: A batch/v1 Job.
        deadline: Seconds until it must have ended.

    Raises:
        CheckFailed: It failed or did not end in time; the text carries the last log lines.
    """
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    batch, until = client.BatchV1Api(api), time.monotonic() + deadline
    _delete(batch, name, namespace, until)
    batch.create_namespaced_job(namespace, job)
    while time.monotonic() < until:
        conditions = batch.read_namespaced_job_status(name, namespace).status.conditions or []
        for condition in conditions:
            if condition.status == "True" and condition.type in DONE_CONDITIONS:
                log = _log(api, name, namespace)
                _delete(batch, name, namespace, until)
                if DONE_CONDITIONS[condition.type]:
                    return log
                raise CheckFailed(f"Job {namespace}/{name} failed ({condition.reason}); its log ends: {log[-800:]}")
        time.sleep(0.3)
    raise CheckFailed(
        f"Job {namespace}/{name} did not end within {deadline:.0f} s; its log: {_log(api, name, namespace)}"
    )


def _log(api: client.ApiClient, job: str, namespace: str) -> str:
    core = client.CoreV1Api(api)
    pods = core.list_namespaced_pod(namespace, label_selector=f"job-name={job}").items
    if not pods:
        return "no pod was made; see the events of the namespace"
    pod = pods[-1]
    if pod.status.phase == "Pending":
        return f"pod {pod.metadata.name} is Pending: {[c.message for c in pod.status.conditions or [] if c.message]}"
    return core.read_namespaced_pod_log(pod.metadata.name, namespace)


def _delete(batch: client.BatchV1Api, name: str, namespace: str, until: float) -> None:
    try:
        batch.delete_namespaced_job(name, namespace, propagation_policy="Foreground")
    except client.ApiException as error:
        if error.status == 404:
            return
        raise
    while time.monotonic() < until:
        try:
            batch.read_namespaced_job(name, namespace)
        except client.ApiException as error:
            if error.status == 404:
                return
            raise
        time.sleep(0.2)
