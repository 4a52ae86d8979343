"""Lineage of a registered version, as searchable tags."""

from __future__ import annotations

from dataclasses import dataclass

from examples.flights.features.catalog import SERVICE

RUN_TAG = "pipeline_run_id"
"""Tag of versions and MLflow runs with the id of the pipeline run."""

STEP_TAG = "pipeline_step"
"""Tag of MLflow runs with the step; the parent of all steps has the value `PARENT`."""

PARENT = "pipeline"


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Inputs of a version.

    Attributes:
        run_id: Id of the pipeline run.
        pipeline_id: Id of the pipeline in Kubeflow Pipelines; empty when a package was run without upload.
        data_digest: Digest of the feature tables.
        data_as_of: Time of the snapshot in the feature tables.
        feature_service_version: Fingerprint of the feature service.
        git_commit: Commit of the checkout that submitted the run; empty when unknown.
        model_digest: Digest of the model.
    """

    run_id: str
    pipeline_id: str
    data_digest: str
    data_as_of: str
    feature_service_version: str
    git_commit: str
    model_digest: str

    def tags(self) -> dict[str, str]:
        """Return the tags of the version, without unknown values."""
        tags = {
            RUN_TAG: self.run_id,
            "pipeline_id": self.pipeline_id,
            "data_digest": self.data_digest,
            "data_as_of": self.data_as_of,
            "feature_service": SERVICE,
            "feature_service_fingerprint": self.feature_service_version,
            "mlflow.source.git.commit": self.git_commit,
            "model_digest": self.model_digest,
            "quality_gate": "passed",
        }
        return {name: value for name, value in tags.items() if value}
