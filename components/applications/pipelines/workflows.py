"""Configuration of Argo's workflow controller: rights and sizes of steps, time limits and retention of runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes import kube
from components.kubernetes.transformations import RESTRICTED_POD, Object, requirements

LAUNCHER = "kfp-launcher"
"""Name of the init container that copies the launcher into the pod of a step."""

EXECUTOR = kube.Resources(cpu="10m", memory="32Mi", cpu_limit="500m", memory_limit="256Mi")
"""Requests and limits of the init container and the sidecar that Argo adds to every pod."""

RESTRICTED_STEP = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""Container security of the level `restricted`. The root file system stays writable, because steps write anywhere."""

HOME = {"name": "HOME", "value": "/tmp"}  # noqa: S108 - of the step's own container
"""The user of a step's image may be missing from its passwd file, so HOME must be set."""


@dataclass(frozen=True, kw_only=True)
class RunPolicy:
    """Limits of a run.

    Attributes:
        run_seconds: Time limit of a run, waiting included.
        step_seconds: Time limit of a step, including the wait for a node or an image.
        pods_kept_seconds: Time that the pods of an ended run are kept for their logs.
        run_kept_seconds: Time that the workflow of an ended run is kept; the run itself stays in the API.
        parallelism: Maximum number of pods of one run at a time.
        step: Requests and limits of a step that sets none.
    """

    run_seconds: int
    step_seconds: int
    pods_kept_seconds: int
    run_kept_seconds: int
    parallelism: int
    step: kube.Resources


def launcher_patch() -> str:
    """Return the patch that restricts the launcher's init container, as an Argo expression.

    Upstream's compiler sets no security context on that container, and Argo's configuration covers only Argo's own
    containers. A patch adds the container it names if it is missing, so this one applies only to pods of steps, which
    have the input `pod-spec-patch`.
    """
    patch = json.dumps({"initContainers": [{"name": LAUNCHER, "securityContext": RESTRICTED_STEP}]}, sort_keys=True)
    # Two adjacent closing braces would end the expression.
    patch = re.sub(r"}(?=})", "} ", patch)
    return "{{='pod-spec-patch' in inputs.parameters ? '" + patch + "' : '{}'}}"


def workflow_defaults(policy: RunPolicy) -> Object:
    """Return the defaults that Argo applies to every workflow."""
    return {
        "spec": {
            "activeDeadlineSeconds": policy.run_seconds,
            "parallelism": policy.parallelism,
            "securityContext": {
                **RESTRICTED_POD,
                "runAsUser": kube.APP_UID,
                "runAsGroup": kube.APP_UID,
                "fsGroup": kube.APP_UID,
            },
            "podSpecPatch": launcher_patch(),
            "podGC": {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": f"{policy.pods_kept_seconds}s"},
            "templateDefaults": {"timeout": f"{policy.step_seconds}s"},
        }
    }


def configuration(policy: RunPolicy, environment: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
    """Return the keys of `workflow-controller-configmap`, each in JSON.

    There is no artifact repository, because KFP's launcher transfers artifacts itself.

    Args:
        policy: Limits of runs.
        environment: Variables of every step.
    """
    return pulumi.Output.all(**environment).apply(lambda known: sections(policy, known))


def sections(policy: RunPolicy, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of `workflow-controller-configmap` for a known environment."""
    variables = [{"name": name, "value": value} for name, value in sorted(environment.items())]
    parts: dict[str, Object] = {
        "executor": {
            "imagePullPolicy": "IfNotPresent",
            "resources": requirements(EXECUTOR),
            "securityContext": {**RESTRICTED_STEP, "readOnlyRootFilesystem": True},
        },
        "mainContainer": {
            "imagePullPolicy": "IfNotPresent",
            "securityContext": RESTRICTED_STEP,
            "env": [HOME, *variables],
        },
        "workflowDefaults": workflow_defaults(policy),
    }
    return {name: json.dumps(part, sort_keys=True) for name, part in parts.items()}


def arguments(executor_image: str) -> Sequence[str]:
    """Return the controller's arguments."""
    return ["--configmap", "workflow-controller-configmap", "--executor-image", executor_image, "--namespaced"]
