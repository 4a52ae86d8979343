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

DECISIVE = 10
"""Requests over a budget that settle a breach; fewer, of a short measurement, may be one hiccup of any machine."""

CONFIRM_SECONDS = 60.0
"""Length of the measurement that confirms or clears a breach that fewer requests than that made."""

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
        title = _title(phase)
        if summary is None or summary.count == 0:
            rows.append(Row(name=f"{title} p99", value="not reported", allowed=f"< {limit:g} ms", ok=False))
            continue
        rows.append(Row(name=f"{title} p50", value=summary.p50, unit="ms"))
        rows.append(Row(name=f"{title} p95", value=summary.p95, unit="ms"))
        rows.append(
            Row(name=f"{title} p99", value=summary.p99, unit="ms", allowed=f"< {limit:g} ms", ok=summary.p99 < limit)
        )
    if samples:
        rows.append(Row(name="of the total, the client's own lag p99", value=found["lag"].p99, unit="ms"))
    return rows


def hasty(samples: Sequence[load.Sample], budgets: Budgets) -> dict[str, int]:
    """Return by phase how many requests broke its budget, if all that is wrong hangs on fewer than `DECISIVE` each.

    Empty when nothing is wrong, and when the verdict is plain: failed requests, phases not reported, many late.
    """
    values = series(samples)
    late = {
        phase: sum(ms >= limit for ms in values[phase])
        for phase, limit in limits(budgets).items()
        if load.summarize(values[phase]).p99 >= limit
    }
    plain = load.failures(samples) or not all(values.values()) or any(count >= DECISIVE for count in late.values())
    return {} if plain else late


def _title(phase: str) -> str:
    return "total" if phase == TOTAL else phase


def series(samples: Sequence[load.Sample]) -> dict[str, list[float]]:
    """Return the milliseconds of every answered request by phase, in the order of their due times."""
    good = [sample for sample in samples if sample.ok]
    found = {TOTAL: [sample.latency_ms for sample in good]}
    for phase in (FEATURES, PREDICT):
        found[phase] = [sample.reply.timing[phase] for sample in good if phase in sample.reply.timing]
    return found


def measure(
    url: str,
    bodies: Sequence[bytes],
    budgets: Budgets,
    *,
    rate: float,
    seconds: float,
    warmup: float = WARMUP_SECONDS,
    confirm_seconds: float = CONFIRM_SECONDS,
) -> tuple[list[load.Sample], list[Row]]:
    """Load a service, a second time if the first verdict hangs on fewer than `DECISIVE` requests.

    Returns:
        The samples of the last measurement, by which alone to judge, and a row for each doubt that led to it.
    """
    samples = load.run(url, bodies, rate=rate, seconds=seconds, warmup=warmup)
    doubts = hasty(samples, budgets)
    rows = [
        Row(
            name=f"{_title(phase)}: over budget in the first {seconds:g} s, of {len(samples)} requests; "
            f"measured again for {confirm_seconds:g} s",
            value=count,
        )
        for phase, count in doubts.items()
    ]
    if doubts:
        samples = load.run(url, bodies, rate=rate, seconds=confirm_seconds)
    return samples, rows


def check(served: Served, *, rate: float, seconds: float, reports: Path) -> CheckResult:
    """Load the service and judge the latency of every request.

    Args:
        served: Deployment under test.
        rate: Requests per second.
        seconds: Length after the warm-up; a breach that a few requests make is measured again (`measure`).
        reports: Folder of the plot.

    Raises:
        CheckFailed: There are no requests to send.
    """
    budgets = served.outputs.budgets
    bodies = [json.dumps({"instances": [request]}).encode() for request in served.requests]
    samples, doubts = measure(served.predict_url, bodies, budgets, rate=rate, seconds=seconds)
    result = CheckResult(check="serving-latency", rows=[*judge(samples, budgets), *doubts])
    path = reports / f"serving-latency-{served.outputs.environment}.png"
    title = f"{served.spec.service}: {len(samples)} requests at {rate:g} a second, open loop, keys only"
    plot_latency(path, series(samples), limits(budgets), title)
    result.files.append(f".mlp/reports/{path.name}")
    return result
