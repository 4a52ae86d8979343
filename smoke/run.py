"""Runs checks one after another and keeps going when one fails: a platform may be broken in more than one way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from smoke import outputs as outputs_module
from smoke.outputs import Outputs
from smoke.result import CheckFailed, CheckResult
from smoke.served import Served, load_spec

if TYPE_CHECKING:
    from smoke.pipeline_run import Hooks

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".mlp" / "reports"

QUICK_SECONDS = 8.0
"""Length of the latency check at the end of `mlp up`; a verdict on a release takes the full one."""


def outputs_file(stack: str) -> Path:
    """Return where `mlp up` writes the outputs of `stack`."""
    return ROOT / ".mlp" / "outputs" / f"{stack}.json"


def _checks(served: Served, outputs: Outputs, *, rate: float, seconds: float) -> dict[str, Callable[[], CheckResult]]:
    from smoke import correctness, freshness, latency, mlflow_check

    return {
        "mlflow": lambda: mlflow_check.check(outputs),
        "feature-freshness": lambda: freshness.check(served),
        "serving-correctness": lambda: correctness.check(served),
        "serving-latency": lambda: latency.check(served, rate=rate, seconds=seconds, reports=REPORTS),
    }


NAMES = ("mlflow", "feature-freshness", "serving-correctness", "serving-latency")
"""Checks of what serves, quick enough for the end of every `mlp up`."""

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
    began: Callable[[str], None] = lambda _name: None,
) -> list[CheckResult]:
    """Run the named checks against `stack`.

    Args:
        stack: Environment whose exported outputs are read.
        only: Names out of `NAMES`, or `PIPELINE`.
        rate: Requests per second of the latency check, open loop.
        seconds: Length of the latency check after its warm-up.
        served_file: Description of the deployment; the reference workload's when None.
        hooks: What `pipeline-run` needs from outside; without it that check says so.
        began: Called with the name of each check as it begins.

    Returns:
        One result a check, in the order run; a check that could not be carried out has a `reason`.
    """
    try:
        outputs = outputs_module.load(outputs_file(stack))
    except CheckFailed as error:
        return [CheckResult(check=name, reason=str(error)) for name in only]
    checks = _checks(Served(outputs, load_spec(served_file)), outputs, rate=rate, seconds=seconds)
    checks[PIPELINE] = lambda: _pipeline(outputs, stack, hooks)
    results = []
    for name in only:
        began(name)
        start = time.monotonic()
        try:
            result = checks[name]()
        except CheckFailed as error:
            result = CheckResult(check=name, reason=str(error))
        result.seconds = round(time.monotonic() - start, 2)
        results.append(result)
    return results
