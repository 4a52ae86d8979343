"""Runs checks one after another and keeps going when one fails: a platform may be broken in more than one way."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from smoke import outputs as outputs_module
from smoke.outputs import Outputs, first_line
from smoke.result import CheckFailed, CheckResult
from smoke.served import Served, load_spec

if TYPE_CHECKING:
    from smoke.pipeline_run import Hooks

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".mlp" / "reports"

QUICK_SECONDS = 8.0
"""Length of the latency check at the end of `mlp up`; a verdict on a release takes the full one."""


FRESHNESS = "feature-freshness"


def outputs_file(stack: str) -> Path:
    """Return where `mlp up` writes the outputs of `stack`."""
    return ROOT / ".mlp" / "outputs" / f"{stack}.json"


def _checks(served: Served, outputs: Outputs, *, rate: float, seconds: float) -> dict[str, Callable[[], CheckResult]]:
    from smoke import correctness, freshness, latency, mlflow_check

    return {
        "mlflow": lambda: mlflow_check.check(outputs),
        FRESHNESS: lambda: freshness.check(served),
        "serving-correctness": lambda: correctness.check(served),
        "serving-latency": lambda: latency.check(served, rate=rate, seconds=seconds, reports=REPORTS),
    }


NAMES = ("mlflow", FRESHNESS, "serving-correctness", "serving-latency")
"""Checks of what serves, quick enough for the end of every `mlp up`."""

WITHOUT_A_MODEL = ("mlflow",)
"""Those of `NAMES` that need no served model."""

PIPELINE = "pipeline-run"
"""The check that takes minutes: a whole run of the pipeline."""


def _pipeline(outputs: Outputs, stack: str, hooks: Hooks | None) -> CheckResult:
    from smoke import pipeline_run, pipeline_spec

    if hooks is None:
        raise CheckFailed("nothing to deploy the registered version with was given")
    return pipeline_run.check(outputs, stack, pipeline_spec.load_spec(), hooks, REPORTS)


def run_checks(
    stack: str,
    only: tuple[str, ...] = NAMES,
    *,
    rate: float = 20.0,
    seconds: float = 60.0,
    served_file: Path | None = None,
    hooks: Hooks | None = None,
    around: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> list[CheckResult]:
    """Run the named checks against `stack`.

    Args:
        stack: Environment whose exported outputs are read.
        only: Names out of `NAMES`, or `PIPELINE`.
        rate: Requests per second of the latency check, open loop.
        seconds: Length of the latency check after its warm-up.
        served_file: Description of the deployment; the reference workload's when None.
        hooks: What `pipeline-run` needs from outside; without it that check says so.
        around: Called with the name of each check; the check runs within what it returns.

    Returns:
        One result a check, in the order run; a check that could not be carried out has a `reason`.
    """
    try:
        outputs = outputs_module.load(outputs_file(stack))
    except CheckFailed as error:
        return [CheckResult(check=name, reason=str(error)) for name in only]
    served = Served(outputs, load_spec(served_file))
    checks = _checks(served, outputs, rate=rate, seconds=seconds)
    checks[PIPELINE] = lambda: _pipeline(outputs, stack, hooks)
    ahead = _ahead(served, only, checks)
    results = []
    for name in only:
        with around(name):
            results.append(ahead[name].result() if name in ahead else _run(name, checks[name]))
    return results


def _run(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    start = time.monotonic()
    try:
        result = check()
    except CheckFailed as error:
        result = CheckResult(check=name, reason=str(error))
    except Exception as error:
        # Whatever a client raises: the other checks go on, and the report is written.
        result = CheckResult(check=name, reason=f"{type(error).__name__}: {first_line(error)}")
    result.seconds = round(time.monotonic() - start, 2)
    return result


def _ahead(
    served: Served, only: tuple[str, ...], checks: dict[str, Callable[[], CheckResult]]
) -> dict[str, Future[CheckResult]]:
    """Start the freshness probe while earlier checks run: it is a Job, and mostly waits for its pod."""
    if FRESHNESS not in only[1:]:
        return {}
    try:
        _ = served.feature_service  # MLflow's client takes its credentials from the process: asked before, not beside
    except CheckFailed:
        return {}  # the check itself says it, in its turn
    pool = ThreadPoolExecutor(max_workers=1)
    return {FRESHNESS: pool.submit(_run, FRESHNESS, checks[FRESHNESS])}
