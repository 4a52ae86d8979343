"""What Argo's workflow controller is told: how steps run, with which rights and sizes, and how long they stay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes import kube
from components.kubernetes.transformations import RESTRICTED_POD, Object, requirements

LAUNCHER = "kfp-launcher"
"""Init container that copies the launcher into the pod of a step."""

EXECUTOR = kube.Resources(cpu="10m", memory="32Mi", cpu_limit="500m", memory_limit="256Mi")
"""Argo's own containers in every pod: one before the step, one beside it."""

RESTRICTED_STEP = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""What the level `restricted` asks of a container. The root stays writable: what a step writes where is its own."""

HOME = {"name": "HOME", "value": "/tmp"}  # noqa: S108 - of the step's own container
"""Images of steps are not ours, and their user is not in their passwd file."""


@dataclass(frozen=True, kw_only=True)
class RunPolicy:
    """Bounds of a run.

    Attributes:
        run_seconds: Time after which a run fails, whatever it is doing or waiting for.
        step_seconds: Time after which a step fails, waiting for a node or an image included.
        pods_kept_seconds: Time that the pods of an ended run stay, for their logs.
        run_kept_seconds: Time that the workflow of an ended run stays; the run itself stays in the API.
        parallelism: Most pods of one run at a time.
        step: Requests and limits of a step that states none.
    """

    run_seconds: int
    step_seconds: int
    pods_kept_seconds: int
    run_kept_seconds: int
    parallelism: int
    step: kube.Resources


def launcher_patch() -> str:
    """Return the patch that restricts the launcher's init container, an expression for Argo.

    Upstream's compiler gives that container no security context, and Argo's configuration knows only its own ones.
    A patch that names a container makes it where there is none, so it may touch only pods of steps, which have the
    input `pod-spec-patch`.
    """
    patch = json.dumps({"initContainers": [{"name": LAUNCHER, "securityContext": RESTRICTED_STEP}]}, sort_keys=True)
    # Two closing braces side by side would end the expression.
    patch = re.sub(r"}(?=})", "} ", patch)
    return "{{='pod-spec-patch' in inputs.parameters ? '" + patch + "' : '{}'}}"


def workflow_defaults(policy: RunPolicy) -> Object:
    """Return what every workflow gets that does not say otherwise."""
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
    """Return the keys of `workflow-controller-configmap`, JSON each.

    There is no artifact repository: KFP's launcher moves artifacts itself.

    Args:
        policy: Bounds of runs.
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
