"""Settings of Kubeflow Pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from components.section import Section, Size

if TYPE_CHECKING:
    from components.applications.pipelines.workflows import RunPolicy


class RunsSection(Section):
    """Limits of a run of a pipeline."""

    run_seconds: int = Field(ge=60, description="time limit of a run, waiting included, in seconds")
    step_seconds: int = Field(ge=60, description="time limit of a step, waiting included, in seconds")
    pods_kept_seconds: int = Field(ge=0, description="seconds that pods of an ended run are kept, for their logs")
    kept_seconds: int = Field(ge=60, description="seconds that the workflow of an ended run is kept")
    parallelism: int = Field(ge=1, le=1000, description="maximum number of pods of one run at a time")
    step: Size = Field(description="requests and limits of a step that sets none")

    @model_validator(mode="after")
    def _parts_fit(self) -> RunsSection:
        if self.step_seconds > self.run_seconds:
            raise ValueError(
                f"step_seconds of at most run_seconds; {self.step_seconds} is more than {self.run_seconds}"
            )
        if self.pods_kept_seconds > self.kept_seconds:
            raise ValueError(
                f"pods_kept_seconds of at most kept_seconds; {self.pods_kept_seconds} is more than {self.kept_seconds}"
            )
        return self

    def policy(self) -> RunPolicy:
        """Return the limits as the component takes them."""
        from components.applications.pipelines.workflows import RunPolicy  # settings are read without Pulumi

        return RunPolicy(
            run_seconds=self.run_seconds,
            step_seconds=self.step_seconds,
            pods_kept_seconds=self.pods_kept_seconds,
            run_kept_seconds=self.kept_seconds,
            parallelism=self.parallelism,
            step=self.step.resources(),
        )


class PipelinesSection(Section):
    """Kubeflow Pipelines."""

    replicas: int = Field(ge=1, le=10, description="pods of the API server")
    size: Size = Field(description="requests and limits of a pod of the API server")
    controller: Size = Field(description="requests and limits of the workflow controller, which keeps runs in memory")
    runs: RunsSection
