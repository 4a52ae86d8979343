"""The whole workload on a platform: run what is missing, deploy the champion, or see that nothing is to be done."""

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
from examples.flights.parameters import parameters
from examples.flights.tracking import Champion, Tracking

JOB = "flights-run-all"
ESTIMATE_SECONDS = 75.0


def job_image(platform: Platform) -> str:
    """Return the image of workload jobs: the one the stack exports, else this checkout's."""
    exported = platform.outputs.get("images", {}).get("job")
    if exported:
        return str(exported)
    from artifacts.images import reference

    return reference("job")


def identity(image: str) -> str:
    """Return the digest of what a delivery is made from; the image's name covers code, parameters and libraries."""
    return sha256(image.encode())[:16]


def git_commit(root: Path = ROOT) -> str | None:
    """Return a checkout's commit, with `-dirty` behind it where files differ from it; None outside a repository."""
    command = ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def pending(platform: Platform, champion: Champion | None, mark: str) -> str | None:
    """Return what is to be done on a platform, as a phrase; None when the champion answers and nothing changed.

    Args:
        platform: Where.
        champion: The registered version behind the alias.
        mark: Identity of the delivery that is wanted.
    """
    if champion is None:
        return "no model is registered"
    service = deploy.current(platform)
    if service is None:
        return "the model is not deployed"
    if outdated(service, champion, platform, mark):
        return "code, data or model changed"
    return deploy.not_serving(platform) or deploy.unanswered(
        deploy.predict(platform, deploy.example()), champion.version
    )


def outdated(service: dict[str, Any], champion: Champion, platform: Platform, mark: str) -> bool:
    """Tell whether an InferenceService is not the one that `deploy` would make of `champion`."""
    wanted = manifests.inference_service(champion, platform, mark)
    metadata, model = service["metadata"], service["spec"]["predictor"].get("model", {})
    return (
        metadata.get("annotations", {}).get(manifests.IDENTITY) != mark
        or metadata.get("labels", {}).get("mlplatform/model-version") != champion.version
        or model.get("storageUri") != wanted["spec"]["predictor"]["model"]["storageUri"]
    )


def deliver(platform: Platform, *, prepare_image: Callable[[str], None] = lambda _: None) -> Champion:
    """Bring the workload to its wanted state: data, features, model, deployment.

    Args:
        platform: Where.
        prepare_image: Makes the job's image available to the cluster, when a job is to run.

    Returns:
        The version that answers.

    Raises:
        UserError: A step failed, with the reason and the end of its log.
    """
    params = parameters()
    image = job_image(platform)
    mark = identity(image)
    tracking = Tracking(platform)
    champion = tracking.champion(params.registered_model, params.alias)
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
    champion = tracking.champion(params.registered_model, params.alias)
    if champion is None:
        raise UserError(
            "the job ended well, but no version has the alias", seen=f"{params.registered_model}@{params.alias}"
        )
    with step(f"flights: deploying version {champion.version}", estimate=30) as running:

        def note(state: str) -> None:
            running.detail = state

        deploy.deploy(platform, champion, identity=mark, request=deploy.example(), on_state=note)
    return champion


def challenge(platform: Platform, alias: str, on_state: Callable[[str], None] = lambda _: None) -> Champion:
    """Serve the version behind `alias` beside the champion, and wait until it answers.

    Args:
        platform: Where.
        alias: Alias of the registered model.
        on_state: Called with what is being waited for.

    Returns:
        The version that answers under `serving/flights-challenger`.

    Raises:
        UserError: There is no such version, it was trained on other features, or it does not become ready.
    """
    params = parameters()
    version = Tracking(platform).champion(params.registered_model, alias)
    if version is None:
        raise UserError(
            "no version has the alias", seen=f"{params.registered_model}@{alias}", next_step="mlp pipeline run flights"
        )
    deploy.deploy(
        platform,
        version,
        identity=identity(job_image(platform)),
        request=deploy.example(),
        service=manifests.CHALLENGER,
        on_state=on_state,
    )
    return version


def is_challenged(platform: Platform) -> bool:
    """Tell whether a challenger is in service, or was meant to be."""
    return deploy.current(platform, manifests.CHALLENGER) is not None


def withdraw(platform: Platform) -> None:
    """Take the challenger out of service."""
    deploy.remove(platform, manifests.CHALLENGER)
