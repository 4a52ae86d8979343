"""Training and serving mean the same features: a version is deployed against the feature service it learned from.

The predictor refuses another one as well, at start and whenever the registry changes; here it is refused before
anything that serves is touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from client.platform import Platform
from client.runner import JobRun, JobSpec
from common.errors import UserError
from examples.flights.features.catalog import SERVICE
from examples.flights.registry import REGISTERED
from examples.flights.tracking import Champion

JOB = "flights-feature-service"
TAG = "feature_service_fingerprint"


def registered(platform: Platform) -> str:
    """Return the fingerprint of the registered feature service, read where Feast's registry can be reached.

    Raises:
        UserError: The registry does not answer, or has no such feature service.
    """
    from examples.flights.delivery import job_image

    lines: list[str] = []
    command = ["python", "-m", "examples.flights", "feature-service"]
    spec = JobSpec(
        name=JOB, image=job_image(platform), command=command, cpu="100m", memory="384Mi", deadline_seconds=180
    )
    JobRun(platform, spec).run(lines.append)
    return said(lines)


def said(lines: Iterable[str]) -> str:
    """Return the fingerprint out of the Job's log.

    Raises:
        UserError: It is not there.
    """
    found = [line.removeprefix(REGISTERED).strip() for line in lines if line.startswith(REGISTERED)]
    if not found:
        raise UserError("the Job did not say which feature service is registered", next_step=f"kubectl logs job/{JOB}")
    return found[-1]


def refusal(version: Champion, registered_mark: str) -> UserError | None:
    """Return why a version must not serve with the registered feature service; None when it may."""
    trained_on = version.tags.get(TAG)
    if trained_on == registered_mark:
        return None
    return UserError(
        f"{version.name} version {version.version} was trained on another version of feature service {SERVICE}",
        seen=f"trained on {trained_on or 'an unknown one'}",
        allowed=f"the registered one, {registered_mark}",
        next_step="mlp workload run flights, which registers this code's definitions and trains on them",
    )


def refuse_other_features(platform: Platform, version: Champion) -> None:
    """Refuse a version that was trained on another version of the feature service than the registered one.

    Raises:
        UserError: It was; with both versions.
    """
    error = refusal(version, registered(platform))
    if error is not None:
        raise error
