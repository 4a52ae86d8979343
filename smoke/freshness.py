"""Check `feature-freshness`: the online store serves what the offline store knows, entity by entity."""

from __future__ import annotations

import json
from typing import Any

from smoke.kube import api_client, run_job
from smoke.outputs import Outputs
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import Served

MARKER = "FRESHNESS "
DEADLINE_SECONDS = 120.0


def job(namespace: str, image: str, feature_service: str) -> dict[str, Any]:
    """Return the Job that looks from inside the cluster, with the identity and configuration of workload jobs."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "smoke-feature-freshness", "namespace": namespace},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(DEADLINE_SECONDS),
            "ttlSecondsAfterFinished": 600,
            "template": {
                "spec": {
                    "serviceAccountName": "workload",
                    "automountServiceAccountToken": False,
                    "restartPolicy": "Never",
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "probe",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["python", "-m", "smoke.freshness_probe", feature_service],
                            "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 an emptyDir of the pod
                            "envFrom": [
                                {"configMapRef": {"name": "platform"}},
                                {"secretRef": {"name": "object-store"}},
                            ],
                            "resources": {
                                "requests": {"cpu": "200m", "memory": "400Mi"},
                                "limits": {"memory": "1Gi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [
                                {"name": "feast", "mountPath": "/etc/feast", "readOnly": True},
                                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 an emptyDir of the pod
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "feast", "secret": {"secretName": "feast-config"}},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                }
            },
        },
    }


def judge(found: dict[str, dict[str, Any]], allowed_seconds: float) -> list[Row]:
    """Turn the probe's figures into rows.

    Args:
        found: What `smoke.freshness_probe.probe` returned.
        allowed_seconds: How far an online row may be behind the offline one.
    """
    rows = []
    for view, figures in sorted(found.items()):
        lag = figures["lag_seconds"]
        rows.append(
            Row(
                name=f"{view}: entities missing online",
                value=figures["missing"],
                allowed=f"0 of {figures['entities']}",
                ok=figures["missing"] == 0 and figures["entities"] > 0,
            )
        )
        rows.append(
            Row(
                name=f"{view}: online behind offline",
                value=float(lag) if lag is not None else "no rows",
                unit="s",
                allowed=f"<= {allowed_seconds:g} s",
                ok=lag is not None and lag <= allowed_seconds,
            )
        )
    return rows


def parse(log: str) -> dict[str, dict[str, Any]]:
    """Return the probe's figures out of its log.

    Raises:
        CheckFailed: The log holds no result.
    """
    lines = [line for line in log.splitlines() if line.startswith(MARKER)]
    if not lines:
        raise CheckFailed(f"the probe printed no result; its log ends: {log[-500:]}")
    return json.loads(lines[-1].removeprefix(MARKER))


def job_image(outputs: Outputs) -> str:
    """Return the image of workload jobs, as the outputs name it.

    Raises:
        CheckFailed: The outputs name none.
    """
    image = (outputs.model_extra or {}).get("images", {}).get("job")
    if not image:
        raise CheckFailed("the stack's outputs name no image of workload jobs (images.job)")
    return str(image)


def check(served: Served) -> CheckResult:
    """Run the probe inside the cluster and judge what it found.

    Raises:
        CheckFailed: The probe could not run, or found no such feature service.
    """
    outputs = served.outputs
    manifest = job(outputs.namespaces["models"], job_image(outputs), served.feature_service)
    log = run_job(api_client(outputs.kubeconfig), manifest, deadline=DEADLINE_SECONDS)
    return CheckResult(check="feature-freshness", rows=judge(parse(log), outputs.budgets.freshness_seconds))
