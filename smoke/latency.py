"""Check `serving-latency`: sends requests in an open loop and compares their latency with the stack's budgets."""

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
"""Length of the unmeasured load that opens connections and fills caches."""

DECISIVE = 10
"""Requests over a budget that prove a breach. Fewer may come from one short pause of the machine."""

CONFIRM_SECONDS = 60.0
"""Length of the second measurement, after a breach by fewer than `DECISIVE` requests."""

TOTAL, FEATURES, PREDICT = "client", "features", "predict"
"""Phases: from due time to response at the client, and the two parts that the runtime reports (Server-Timing)."""


def limits(budgets: Budgets) -> dict[str, float]:
    """Return the budget in milliseconds by phase."""
    return {TOTAL: budgets.total_ms, FEATURES: budgets.feature_ms, PREDICT: budgets.predict_ms}


def judge(samples: Sequence[load.Sample], budgets: Budgets) -> list[Row]:
    """Turn samples into rows: failures, then the percentiles of each phase; compare the 99th with its budget.

    A phase that no response reported fails, so that a runtime cannot pass by not reporting it.
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
        rows.append(Row(name="part of the total caused by the client, p99", value=found["lag"].p99, unit="ms"))
    return rows


def unconfirmed_breaches(samples: Sequence[load.Sample], budgets: Budgets) -> dict[str, int]:
    """Return the number of requests over budget for each phase in breach, if every number is below `DECISIVE`.

    Empty when there is no breach, and when the breach needs no confirmation: failed requests, unreported phases, or
    `DECISIVE` and more requests over a budget.
    """
    values = series(samples)
    late = {
        phase: sum(ms >= limit for ms in values[phase])
        for phase, limit in limits(budgets).items()
        if load.summarize(values[phase]).p99 >= limit
    }
    proven = load.failures(samples) or not all(values.values()) or any(count >= DECISIVE for count in late.values())
    return {} if proven else late


def _title(phase: str) -> str:
    return "total" if phase == TOTAL else phase


def series(samples: Sequence[load.Sample]) -> dict[str, list[float]]:
    """Return the milliseconds of every successful request by phase, in the order of their due times."""
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
    """Load a service, a second time if fewer than `DECISIVE` requests cause a breach in the first measurement.

    Returns:
        The samples of the last measurement, which count for the verdict, and a row for each unconfirmed breach.
    """
    samples = load.run(url, bodies, rate=rate, seconds=seconds, warmup=warmup)
    breaches = unconfirmed_breaches(samples, budgets)
    rows = [
        Row(
            name=f"{_title(phase)}: over budget in the first {seconds:g} s, of {len(samples)} requests; "
            f"measured again for {confirm_seconds:g} s",
            value=count,
        )
        for phase, count in breaches.items()
    ]
    if breaches:
        samples = load.run(url, bodies, rate=rate, seconds=confirm_seconds)
    return samples, rows


def check(served: Served, *, rate: float, seconds: float, reports: Path) -> CheckResult:
    """Load the service and judge the latency of every request.

    Args:
        served: Deployment under test.
        rate: Requests per second.
        seconds: Length after the warm-up; a breach by a few requests is measured again (see `measure`).
        reports: Folder of the plot.

    Raises:
        CheckFailed: There are no requests to send.
    """
    budgets = served.outputs.budgets
    bodies = [json.dumps({"instances": [request]}).encode() for request in served.requests]
    samples, unconfirmed = measure(served.predict_url, bodies, budgets, rate=rate, seconds=seconds)
    result = CheckResult(check="serving-latency", rows=[*judge(samples, budgets), *unconfirmed])
    path = reports / f"serving-latency-{served.outputs.environment}.png"
    title = f"{served.spec.service}: {len(samples)} requests at {rate:g} a second, open loop, keys only"
    plot_latency(path, series(samples), limits(budgets), title)
    result.files.append(f".mlp/reports/{path.name}")
    return result
