"""Runs checks one after another. Runs every check even after one fails, so that one report shows all failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from common.paths import REPORTS
from smoke import outputs as outputs_module
from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed, CheckResult
from smoke.served import Served, load_spec

if TYPE_CHECKING:
    from smoke.pipeline_run import Hooks

QUICK_SECONDS = 8.0
"""Length of the latency check at the end of `mlp up`; `mlp smoke` measures longer."""

FRESHNESS = "feature-freshness"


def _checks(served: Served, outputs: Outputs, *, rate: float, seconds: float) -> dict[str, Callable[[], CheckResult]]:
    from smoke import correctness, freshness, latency, mlflow_check

    return {
        "mlflow": lambda: mlflow_check.check(outputs),
        FRESHNESS: lambda: freshness.check(served),
        "serving-correctness": lambda: correctness.check(served),
        "serving-latency": lambda: latency.check(served, rate=rate, seconds=seconds, reports=REPORTS),
    }


NAMES = ("mlflow", FRESHNESS, "serving-correctness", "serving-latency")
"""Checks of serving, fast enough for the end of every `mlp up`."""

WITHOUT_A_MODEL = ("mlflow",)
"""Checks in `NAMES` that do not need a served model."""

PIPELINE = "pipeline-run"
"""Check that runs the whole pipeline; takes minutes."""


def _pipeline(outputs: Outputs, stack: str, hooks: Hooks | None) -> CheckResult:
    from smoke import pipeline_run, pipeline_spec

    if hooks is None:
        raise CheckFailed("the caller provided no functions that deploy the registered version")
    return pipeline_run.check(outputs, stack, pipeline_spec.load_spec(), hooks, REPORTS)


def run_checks(
    stack: str,
    only: tuple[str, ...] = NAMES,
    *,
    rate: float = 20.0,
    seconds: float = 60.0,
    served_file: Path | None = None,
    team: str | None = None,
    hooks: Hooks | None = None,
    around: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> list[CheckResult]:
    """Run the named checks against `stack`.

    Args:
        stack: Environment whose exported outputs are read.
        only: Names out of `NAMES`, or `PIPELINE`.
        rate: Requests per second of the latency check, open loop.
        seconds: Length of the latency check after its warm-up.
        served_file: Description of the deployment; `served.yaml` of this folder when None.
        team: Team whose deployment is checked; the stack's default team when None.
        hooks: Functions that `pipeline-run` needs; that check fails without them.
        around: Called with the name of each check; returns the context manager in which the check runs.

    Returns:
        One result for each check, in the order of `only`; a check that could not run has a `reason`.
    """
    try:
        outputs = outputs_module.load(stack, team=team)
    except CheckFailed as error:
        return [CheckResult(check=name, reason=str(error)) for name in only]
    served = Served(outputs, load_spec(served_file))
    checks = _checks(served, outputs, rate=rate, seconds=seconds)
    checks[PIPELINE] = lambda: _pipeline(outputs, stack, hooks)
    started = _start_early(served, only, checks)
    results = []
    for name in only:
        with around(name):
            results.append(started[name].result() if name in started else _run(name, checks[name]))
    return results


def _run(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    start = time.monotonic()
    try:
        result = check()
    except CheckFailed as error:
        result = CheckResult(check=name, reason=str(error))
    except Exception as error:
        # Any other exception of a client fails only its check: the others run, and the report is written.
        result = CheckResult(check=name, reason=f"{type(error).__name__}: {first_line(error)}")
    result.seconds = round(time.monotonic() - start, 2)
    return result


def _start_early(
    served: Served, only: tuple[str, ...], checks: dict[str, Callable[[], CheckResult]]
) -> dict[str, Future[CheckResult]]:
    """Start the freshness probe before the checks that precede it: it is a Job and mostly waits for its pod."""
    if FRESHNESS not in only[1:]:
        return {}
    try:
        # Read this first: MLflow's client takes its credentials from the process environment, which threads share.
        _ = served.feature_service
    except CheckFailed:
        return {}  # the check reports the error when its turn comes
    pool = ThreadPoolExecutor(max_workers=1)
    return {FRESHNESS: pool.submit(_run, FRESHNESS, checks[FRESHNESS])}
