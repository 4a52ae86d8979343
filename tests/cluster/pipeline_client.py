"""Reads runs of pipelines: state, steps, pods, workflow."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import kfp
from kfp_server_api import V2beta1Run
from kubernetes import client

from client.kube import api_client
from smoke.outputs import Outputs

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
ALIVE = ("Pending", "Running")

EXECUTOR = re.compile(r"\.executor(\(\d+\))?$")
"""End of the name of a node that runs a step."""

PATIENCE_SECONDS = 600.0
"""Longest time for a run of a few steps on a busy machine; measured is a tenth."""


def fresh() -> str:
    """Return a seed without cached results."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Runs:
    """Client of runs.

    Attributes:
        api: Client of Pipelines, through the gateway.
        core: Client of pods.
        objects: Client of workflows.
        namespace: Namespace of runs.
    """

    api: kfp.Client
    core: client.CoreV1Api
    objects: client.CustomObjectsApi
    namespace: str

    def start(self, pipeline: Callable[..., Any], arguments: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Submit a pipeline; return the run's id."""
        started = self.api.create_run_from_pipeline_func(pipeline, arguments=dict(arguments or {}), **more)
        return started.run_id

    def get(self, run: str) -> V2beta1Run:
        """Return a run from the API."""
        return self.api.get_run(run)

    def ended(self, run: str, seconds: float = PATIENCE_SECONDS) -> V2beta1Run:
        """Wait for the end of a run."""
        return self.until(run, lambda found: found.state in ENDED, seconds)

    def until(self, run: str, holds: Callable[[V2beta1Run], bool], seconds: float = PATIENCE_SECONDS) -> V2beta1Run:
        """Wait until the API returns a run for which `holds` is true."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.get(run)):
            assert time.monotonic() < deadline, f"run {run} is {found.state} after {seconds:g} s: {self.messages(run)}"
            time.sleep(1)
        return found

    def pods(self, run: str) -> list[client.V1Pod]:
        """Return the pods of a run, drivers included."""
        return self.core.list_namespaced_pod(self.namespace, label_selector=f"pipeline/runid={run}").items

    def steps(self, run: str) -> list[client.V1Pod]:
        """Return the pods that run steps' own code; the attempts of a step with retries have numbers."""
        template = "workflows.argoproj.io/node-name"
        return [pod for pod in self.pods(run) if EXECUTOR.search((pod.metadata.annotations or {})[template])]

    def workflow(self, run: str) -> dict[str, Any]:
        """Return the workflow of a run."""
        return self.workflows(run)[0]

    def workflows(self, run: str) -> list[dict[str, Any]]:
        """Return the workflow of a run as a list; empty before it exists and after garbage collection."""
        label = f"pipeline/runid={run}"
        found = self.objects.list_namespaced_custom_object(
            "argoproj.io", "v1alpha1", self.namespace, "workflows", label_selector=label
        )
        return found["items"]

    def messages(self, run: str) -> str:
        """Return the messages of the workflow's nodes."""
        nodes = self.workflow(run).get("status", {}).get("nodes", {}).values()
        return "; ".join(f"{node['displayName']}: {node['message']}" for node in nodes if node.get("message"))

    def shorten(self, run: str, seconds: int) -> None:
        """Set a shorter deadline for a run than the platform's."""
        self.patch(run, {"activeDeadlineSeconds": seconds})

    def patch(self, run: str, spec: Mapping[str, Any]) -> None:
        """Change the spec of a run's workflow."""
        self.objects.patch_namespaced_custom_object(
            "argoproj.io",
            "v1alpha1",
            self.namespace,
            "workflows",
            self.workflow(run)["metadata"]["name"],
            {"spec": dict(spec)},
        )


def connect(platform: dict[str, Any]) -> Runs:
    """Return a client made from the platform's outputs, as a user would."""
    outputs = Outputs.model_validate(platform)
    token = outputs.secret("pipelines")["KF_PIPELINES_TOKEN"]
    connection = api_client(platform["kubeconfig"])
    return Runs(
        api=kfp.Client(host=platform["urls"]["pipelines"], existing_token=token),
        core=client.CoreV1Api(connection),
        objects=client.CustomObjectsApi(connection),
        namespace=platform["namespaces"]["pipelines"],
    )
