"""Check `serving-latency`: an open loop of requests that carry keys only, held to the stack's budgets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from smoke import load
from smoke.outputs import Budgets
from smoke.report import plot_latency
from smoke.result import CheckResult, Row
from smoke.served import Served

WARMUP_SECONDS = 5.0
"""Connections, caches and the model's first trees are paid for before anything is measured."""

TOTAL, FEATURES, PREDICT = "client", "features", "predict"
"""Phases: due time to answer as the client sees it, and the two parts that the runtime reports (Server-Timing)."""


def limits(budgets: Budgets) -> dict[str, float]:
    """Return the budget in milliseconds by phase."""
    return {TOTAL: budgets.total_ms, FEATURES: budgets.feature_ms, PREDICT: budgets.predict_ms}


def judge(samples: Sequence[load.Sample], budgets: Budgets) -> list[Row]:
    """Turn samples into rows: failures first, then the percentiles of each phase, the 99th held to its budget.

    A phase that no answer reported fails its row: a runtime that stops reporting must not pass.
    """
    failed = load.failures(samples)
    worst = ", ".join(f"{count} x {reason}" for reason, count in sorted(failed.items(), key=lambda f: -f[1])[:2])
    rows = [
        Row(
            name=f"failed of {len(samples)} requests" + (f": {worst}" if worst else ""),
            value=sum(failed.values()),
            allowed="0",
            ok=not failed and bool(samples),
        )
    ]
    found = load.phases(samples)
    for phase, limit in limits(budgets).items():
        summary = found.get(phase)
        title = "total" if phase == TOTAL else phase
        if summary is None or summary.count == 0:
            rows.append(Row(name=f"{title} p99", value="not reported", allowed=f"< {limit:g} ms", ok=False))
            continue
        rows.append(Row(name=f"{title} p50", value=summary.p50, unit="ms"))
        rows.append(Row(name=f"{title} p95", value=summary.p95, unit="ms"))
        rows.append(
            Row(name=f"{title} p99", value=summary.p99, unit="ms", allowed=f"< {limit:g} ms", ok=summary.p99 < limit)
        )
    return rows


def series(samples: Sequence[load.Sample]) -> dict[str, list[float]]:
    """Return the milliseconds of every answered request by phase, in the order of their due times."""
    good = [sample for sample in samples if sample.ok]
    found = {TOTAL: [sample.latency_ms for sample in good]}
    for phase in (FEATURES, PREDICT):
        found[phase] = [sample.reply.timing[phase] for sample in good if phase in sample.reply.timing]
    return found


def check(served: Served, *, rate: float, seconds: float, reports: Path) -> CheckResult:
    """Load the service and judge the latency of every request.

    Args:
        served: Deployment under test.
        rate: Requests per second.
        seconds: Length after the warm-up.
        reports: Folder of the plot.

    Raises:
        CheckFailed: There are no requests to send.
    """
    bodies = [json.dumps({"instances": [request]}).encode() for request in served.requests]
    samples = load.run(served.predict_url, bodies, rate=rate, seconds=seconds, warmup=WARMUP_SECONDS)
    result = CheckResult(check="serving-latency", rows=judge(samples, served.outputs.budgets))
    path = reports / f"serving-latency-{served.outputs.environment}.png"
    title = f"{served.spec.service}: {rate:g} requests/s for {seconds:g} s, open loop, keys only"
    plot_latency(path, series(samples), limits(served.outputs.budgets), title)
    result.files.append(f".mlp/reports/{path.name}")
    return result
