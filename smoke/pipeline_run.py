"""Check `pipeline-run`: runs the whole pipeline up to a served prediction and verifies every result it reports."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import UserError
from common.paths import ROOT
from smoke import pipeline_claims as claims
from smoke.outputs import Outputs, first_line, one_line
from smoke.pipeline_spec import Buckets, PipelineSpec
from smoke.result import CheckFailed, CheckResult, Row
from smoke.served import Served

if TYPE_CHECKING:
    from client.pipelines.follow import Ended
    from client.pipelines.overhead import Overhead
    from client.pipelines.package import Package
    from client.pipelines.server import Server
    from client.pipelines.submit import Submitted

CHECK = "pipeline-run"


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Functions that the caller provides: the workload deploys its model, the checkout knows its commit.

    Attributes:
        deploy: Deploys the version behind the alias beside the champion; returns when it answers.
        withdraw: Removes that deployment, also a partial one, unless it existed before the check.
        commit: Commit of the checkout; empty when unknown.
        say: Called with every line of progress.
    """

    deploy: Callable[[], None]
    withdraw: Callable[[], None]
    commit: str = ""
    say: Callable[[str], None] = lambda _line: None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A pipeline that is ready to be submitted: its server, package and arguments."""

    server: Server
    package: Package
    arguments: dict[str, object]
    spec: PipelineSpec


def prepare(outputs: Outputs, spec: PipelineSpec, digest: str, commit: str) -> Prepared:
    """Return the pipeline with the stack's image and the arguments of a run that reuses no result.

    Raises:
        CheckFailed: Kubeflow Pipelines is off or does not answer, or the outputs do not name the image.
    """
    from client.pipelines.package import load
    from client.pipelines.stack import server

    platform = outputs.platform
    try:
        pipelines = server(platform)
        package = load(ROOT / spec.package).with_image(platform.job_image)
        given = {"snapshot": digest, "fresh": secrets.token_hex(8), "git_commit": commit}
        _ = pipelines.client
        return Prepared(server=pipelines, package=package, arguments=package.arguments(given), spec=spec)
    except UserError as error:
        raise CheckFailed(one_line(error)) from error


def run(prepared: Prepared, title: str, say: Callable[[str], None]) -> tuple[Submitted, Ended]:
    """Submit a run and follow it to its end.

    Raises:
        CheckFailed: The run did not succeed; contains the last log lines of failed steps.
    """
    from client.pipelines.follow import follow
    from client.pipelines.submit import submit

    began = time.monotonic()
    try:
        submitted = submit(prepared.server, prepared.package, prepared.arguments, experiment=CHECK)
        say(f"{title}: run {submitted.run_id}")
        ended = follow(
            prepared.server,
            submitted.run_id,
            prepared.package.steps,
            timeout=prepared.spec.timeout_seconds,
            on_step=lambda step, seconds: say(
                f"{time.monotonic() - began:4.0f} s  {step.name:<14} {step.state} ({seconds:.0f} s)"
            ),
            on_note=lambda note: say(f"waiting: {note}"),
        )
    except UserError as error:
        raise CheckFailed(str(error)) from error
    return submitted, ended


def measured(prepared: Prepared, ended: Ended) -> list[Overhead]:
    """Return the seconds that the platform added to each step of a run."""
    from client.pipelines import pods
    from client.pipelines.overhead import began, overheads

    code = {}
    for step in ended.steps:
        name = pods.main_pod(prepared.server, ended.run_id, step.name)
        code[step.name] = began(pods.log(prepared.server, name, None, timestamps=True)) if name else None
    return overheads(ended.steps, code)


def overhead_rows(found: list[Overhead]) -> list[Row]:
    """Return a row for each step, and one for their sum; the rows are reported and not judged."""

    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    rows = [
        Row(
            name=f"overhead of {item.step}: gap, driver, hand-over, start of code",
            value=" + ".join(shown(part) for part in (item.gap, item.driver, item.handover, item.start)),
            unit=f"= {item.added:.1f} s (code {shown(item.code)} s)",
        )
        for item in found
    ]
    return [*rows, Row(name="overhead of all steps", value=sum(item.added for item in found), unit="s")]


def registered(registry: claims.Registry, run_id: str) -> tuple[list[Row], str, dict[str, str]]:
    """Return rows about the version that a run registered, the version, and its tags.

    Raises:
        CheckFailed: The run registered no version, or MLflow does not answer.
    """
    versions = registry.versions(run_id)
    if not versions:
        raise CheckFailed(f"run {run_id} succeeded, but MLflow has no version with the id of the run")
    version, tags = str(versions[0].version), dict(versions[0].tags)
    alias, inputs = registry.alias(), registry.signature(version)
    rows = [
        Row(name="versions registered by the run", value=len(versions), allowed="1", ok=len(versions) == 1),
        Row(name="alias points at that version", value=alias, allowed=f"= {version}", ok=alias == version),
        Row(name="inputs in its signature", value=len(inputs), allowed="> 0", ok=bool(inputs)),
    ]
    return rows, version, tags


def check(outputs: Outputs, stack: str, spec: PipelineSpec, hooks: Hooks, reports: Path) -> CheckResult:
    """Run the pipeline twice, deploy the registered version, and verify the results in MLflow and the object store.

    After a failure the result contains both the reason and the rows found before it.
    """
    began = time.monotonic()
    result = CheckResult(check=CHECK)
    try:
        _collect(result, outputs, stack, spec, hooks, reports)
    except CheckFailed as error:
        result.reason = str(error)
    result.seconds = time.monotonic() - began
    return result


def _collect(
    result: CheckResult, outputs: Outputs, stack: str, spec: PipelineSpec, hooks: Hooks, reports: Path
) -> None:
    """Add the rows to `result`.

    Raises:
        CheckFailed: An application does not answer, or a run failed; the text says which and why.
    """
    digest = str(Buckets(outputs).document("features", spec.manifest)["digest"])
    prepared = prepare(outputs, spec, digest, hooks.commit)
    submitted, ended = run(prepared, "first run, nothing reused", hooks.say)
    states = ", ".join(f"{step.name} {step.state}" for step in ended.steps if step.state != "succeeded")
    result.rows += [
        Row(name="steps run", value=states or "all succeeded", allowed="all succeeded", ok=not states),
        Row(name="whole run", value=ended.seconds, unit="s"),
    ]
    overhead = measured(prepared, ended)
    result.rows += overhead_rows(overhead)

    registry = claims.Registry(outputs, spec)
    runs = registry.runs(submitted.run_id)
    result.rows += claims.nested(runs, spec, prepared.package.steps)
    result.rows.append(claims.artifacts(registry.files(runs), spec.mlflow_artifacts, "MLflow"))
    result.rows.append(claims.in_bucket(Buckets(outputs), spec, submitted.run_id))
    rows, version, tags = registered(registry, submitted.run_id)
    result.rows += rows
    known = {"data_digest": digest, "pipeline_id": submitted.pipeline_id, spec.run_tag: submitted.run_id}
    if hooks.commit:
        known["mlflow.source.git.commit"] = hooks.commit
    names = [name for name in spec.lineage if hooks.commit or name != "mlflow.source.git.commit"]
    result.rows += claims.lineage(tags, known, names)

    again, reused = run(prepared, "second run, everything reused", hooks.say)
    result.rows += reuse(reused, registry.versions(again.run_id))
    path = reports / f"{CHECK}-{stack}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(submitted, ended, reused, overhead), indent=2, default=str) + "\n")
    result.files.append(str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path))
    result.rows += served(outputs, spec, hooks, version)


def reuse(ended: Ended, versions: Sequence[object]) -> list[Row]:
    """Return rows about a repeated run: it must reuse every step and register no version."""
    fresh = [step.name for step in ended.steps if step.state != "cached"]
    steps = len(ended.steps)
    return [
        Row(name="steps reused by a repeated run", value=steps - len(fresh), allowed=f"= {steps}", ok=not fresh),
        Row(name="fully reused run", value=ended.seconds, unit="s"),
        Row(name="versions registered by it", value=len(versions), allowed="0", ok=not versions),
    ]


def served(outputs: Outputs, spec: PipelineSpec, hooks: Hooks, version: str) -> list[Row]:
    """Deploy the registered version; return rows that compare its predictions with MLflow and Feast.

    Raises:
        CheckFailed: The version cannot be deployed, or does not answer.
    """
    from smoke import correctness

    hooks.say(f"deploying version {version} beside the champion")
    try:
        try:
            hooks.deploy()
        except Exception as error:
            reason = one_line(error) or first_line(error)
            raise CheckFailed(f"version {version} cannot be deployed: {reason}") from error
        target = Served(outputs, spec.served)
        _, answering = correctness.served_predictions(target, target.requests[:1])
        row = Row(
            name="served prediction comes from that version",
            value=answering or "no header",
            allowed=f"= {version}",
            ok=answering == version,
        )
        return [row, *correctness.check(target).rows]
    finally:
        hooks.withdraw()


def document(submitted: Submitted, ended: Ended, reused: Ended, overhead: list[Overhead]) -> dict[str, Any]:
    """Return the JSON report: both runs, their steps, the overhead of each step."""
    return {
        "run": asdict(submitted),
        "seconds": round(ended.seconds, 1),
        "steps": [asdict(step) for step in ended.steps],
        "overhead": [item.as_dict() for item in overhead],
        "reused": {"run_id": reused.run_id, "seconds": round(reused.seconds, 1)},
    }
