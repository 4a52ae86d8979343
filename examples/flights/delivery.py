"""Runs the whole workload on a platform: data, features, model, deployment; skips it when nothing has changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client.platform import Platform
from client.runner import JobRun, JobSpec
from common.errors import UserError
from common.paths import ROOT
from common.progress import console, step
from examples.flights import deploy, manifests
from examples.flights.bucket import sha256
from examples.flights.parameters import Parameters, parameters
from examples.flights.tracking import RegisteredVersion, Tracking

JOB = "flights-run-all"
ESTIMATE_SECONDS = 75.0


def identity(image: str) -> str:
    """Return the digest of a delivery's inputs; the name of the image covers code, parameters and libraries."""
    return sha256(image.encode())[:16]


def git_commit(root: Path = ROOT) -> str | None:
    """Return a checkout's commit, with the suffix `-dirty` when files differ from it; None outside a repository."""
    command = ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def pending(platform: Platform, champion: RegisteredVersion | None, mark: str) -> str | None:
    """Return why the workload must run; None when the champion answers and nothing has changed.

    Args:
        platform: The platform.
        champion: The registered version behind the alias; None without such a version.
        mark: Identity of the wanted delivery.
    """
    if champion is None:
        return "no model is registered"
    service = deploy.current(platform)
    if service is None:
        return "the model is not deployed"
    if outdated(service, champion, platform, mark):
        return "code, data or model changed"
    return deploy.not_serving(platform) or deploy.no_prediction(
        deploy.predict(platform, deploy.example()), champion.version
    )


def outdated(service: dict[str, Any], champion: RegisteredVersion, platform: Platform, mark: str) -> bool:
    """Tell whether an InferenceService differs from the one that `deploy` would create for `champion`."""
    wanted = manifests.inference_service(champion, platform, mark)
    metadata, model = service["metadata"], service["spec"]["predictor"].get("model", {})
    return (
        metadata.get("annotations", {}).get(manifests.IDENTITY) != mark
        or metadata.get("labels", {}).get("mlplatform/model-version") != champion.version
        or model.get("storageUri") != wanted["spec"]["predictor"]["model"]["storageUri"]
    )


def deliver(platform: Platform, *, prepare_image: Callable[[str], None] = lambda _: None) -> RegisteredVersion:
    """Load data, build features, train, register and deploy, unless the champion is up to date.

    Args:
        platform: The platform.
        prepare_image: Makes the image of jobs available to the cluster; called before a Job runs.

    Returns:
        The version that answers.

    Raises:
        UserError: A step failed; contains the reason and the end of its log.
    """
    params = parameters()
    image = platform.job_image
    mark = identity(image)
    tracking = Tracking(platform)
    champion = tracking.version(params.registered_model, params.alias)
    todo = pending(platform, champion, mark)
    if todo is None and champion is not None:
        console.print(f"[green]✓[/] flights: version {champion.version} is deployed and answers; nothing to do")
        return champion
    console.print(f"flights: {todo}", markup=False)
    prepare_image(image)
    with step("flights: data, features, model", estimate=ESTIMATE_SECONDS) as running:

        def show(line: str) -> None:
            running.detail = line
            console.print(f"    {line}", style="dim", markup=False)

        commit = git_commit()
        spec = JobSpec(
            name=JOB,
            image=image,
            command=["python", "-m", "examples.flights", "run-all"],
            environment={"GIT_COMMIT": commit} if commit else {},
        )
        JobRun(platform, spec).run(show)
    champion = promoted(platform, tracking, params)
    with step(f"flights: deploying version {champion.version}", estimate=30) as running:

        def note(state: str) -> None:
            running.detail = state

        deploy.deploy(platform, champion, identity=mark, request=deploy.example(), on_state=note)
    return champion


def promoted(platform: Platform, tracking: Tracking, params: Parameters) -> RegisteredVersion:
    """Promote the candidate that the Job has registered, with a login that no Job has; return it.

    Raises:
        UserError: There is no candidate, or it has not passed the quality gate.
    """
    candidate = tracking.version(params.registered_model, params.candidate)
    if candidate is None or candidate.tags.get("quality_gate") != "passed":
        raise UserError(
            "The Job succeeded, but there is no version to promote.",
            seen=f"no version {params.registered_model}@{params.candidate}"
            if candidate is None
            else f"version {candidate.version} with the tag quality_gate={candidate.tags.get('quality_gate')}",
            allowed="a version with this alias and the tag quality_gate=passed",
            next_step=f"mlp status --stack {platform.stack} shows the address of MLflow; look at its registered models",
        )
    Tracking(platform, "mlflow_promoter").promote(candidate, params.alias)
    return candidate


def challenge(platform: Platform, alias: str, on_state: Callable[[str], None] = lambda _: None) -> RegisteredVersion:
    """Deploy the version behind `alias` beside the champion, and wait until it answers.

    Args:
        platform: The platform.
        alias: Alias of the registered model.
        on_state: Called with a description of each wait.

    Returns:
        The version that answers under `serving/<team>/flights-challenger`.

    Raises:
        UserError: No version has the alias, the version was trained on other features, or it does not become ready.
    """
    params = parameters()
    version = Tracking(platform).version(params.registered_model, alias)
    if version is None:
        raise UserError(
            "No registered version has this alias.",
            seen=f"{params.registered_model}@{alias}",
            next_step="mlp pipeline run flights",
        )
    deploy.deploy(
        platform,
        version,
        identity=identity(platform.job_image),
        request=deploy.example(),
        service=manifests.CHALLENGER,
        on_state=on_state,
    )
    return version


def is_challenged(platform: Platform) -> bool:
    """Tell whether the InferenceService of a challenger exists."""
    return deploy.current(platform, manifests.CHALLENGER) is not None


def withdraw(platform: Platform) -> None:
    """Delete the deployment of the challenger."""
    deploy.remove(platform, manifests.CHALLENGER)
