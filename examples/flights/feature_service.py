"""Refuses to deploy a model version that was trained on another version of the feature service than is registered.

The predictor refuses such a version too, at its start and after each change of the registry. This check runs before
the deployment changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from client.platform import Platform
from client.runner import JobRun, JobSpec
from common.errors import UserError
from examples.flights.features.catalog import SERVICE
from examples.flights.registry import REGISTERED
from examples.flights.tracking import RegisteredVersion

JOB = "flights-feature-service"
TAG = "feature_service_fingerprint"


def registered_fingerprint(platform: Platform) -> str:
    """Return the fingerprint of the registered feature service; a Job reads it, as Feast's registry is in the cluster.

    Raises:
        UserError: The registry does not answer, or does not have the feature service.
    """
    lines: list[str] = []
    command = ["python", "-m", "examples.flights", "feature-service"]
    spec = JobSpec(
        name=JOB, image=platform.job_image, command=command, cpu="100m", memory="384Mi", deadline_seconds=180
    )
    JobRun(platform, spec).run(lines.append)
    return fingerprint_in(lines)


def fingerprint_in(lines: Iterable[str]) -> str:
    """Return the fingerprint from the lines of the Job's log.

    Raises:
        UserError: The log does not contain the fingerprint.
    """
    found = [line.removeprefix(REGISTERED).strip() for line in lines if line.startswith(REGISTERED)]
    if not found:
        raise UserError(
            "The log of the Job does not name the registered feature service.",
            seen=f"no line that begins with {REGISTERED!r}",
            next_step=f"kubectl -n models logs job/{JOB}",
        )
    return found[-1]


def mismatch(version: RegisteredVersion, registered: str) -> UserError | None:
    """Return the error about a version that was trained on other features than the registered; None when they match."""
    trained_on = version.tags.get(TAG)
    if trained_on == registered:
        return None
    return UserError(
        f"{version.name} version {version.version} was trained on another version of feature service {SERVICE}.",
        seen=f"trained on {trained_on or 'an unknown version'}",
        allowed=f"the registered version, {registered}",
        next_step="mlp workload run flights, which registers this code's definitions and trains on them",
    )


def refuse_mismatch(platform: Platform, version: RegisteredVersion) -> None:
    """Refuse a version that was trained on another version of the feature service than the registered one.

    Raises:
        UserError: The versions differ; names both.
    """
    error = mismatch(version, registered_fingerprint(platform))
    if error is not None:
        raise error
