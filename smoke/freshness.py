"""Check `feature-freshness`: the online store serves the newest offline features, compared entity by entity."""

from __future__ import annotations

import json
from typing import Any

from client.job import JobSpec
from client.runner import JobRun
from common.errors import UserError
from smoke.outputs import one_line
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import Served

MARKER = "FRESHNESS "


def job(image: str, feature_service: str) -> JobSpec:
    """Return the Job that runs the probe inside the cluster."""
    return JobSpec(
        name="smoke-feature-freshness",
        image=image,
        command=["python", "-m", "smoke.freshness_probe", feature_service],
        cpu="200m",
        memory="400Mi",
        memory_limit="1Gi",
        deadline_seconds=120,
        keep_seconds=600,
    )


def judge(found: dict[str, dict[str, Any]], allowed_seconds: float) -> list[Row]:
    """Turn the probe's figures into rows.

    Args:
        found: Result of `smoke.freshness_probe.probe`.
        allowed_seconds: Largest age difference between an offline row and the online row of the same entity.
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


def parse(lines: list[str]) -> dict[str, dict[str, Any]]:
    """Return the probe's figures from the lines of its log.

    Raises:
        CheckFailed: The log does not contain a result.
    """
    results = [line for line in lines if line.startswith(MARKER)]
    if not results:
        end = "\n".join(lines)[-500:]
        raise CheckFailed(f"the probe printed no result; end of its log: {end}")
    return json.loads(results[-1].removeprefix(MARKER))


def check(served: Served) -> CheckResult:
    """Run the probe inside the cluster and judge its figures.

    Raises:
        CheckFailed: The probe could not run, or did not find the feature service.
    """
    lines: list[str] = []
    platform, service = served.outputs.platform, served.feature_service
    try:
        JobRun(platform, job(platform.job_image, service)).run(lines.append)
    except UserError as error:
        raise CheckFailed(one_line(error)) from error
    return CheckResult(check="feature-freshness", rows=judge(parse(lines), served.outputs.budgets.freshness_seconds))
