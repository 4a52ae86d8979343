"""Where a registered version came from, as tags that anybody can search for."""

from __future__ import annotations

from dataclasses import dataclass

from examples.flights.features.catalog import SERVICE

RUN_TAG = "pipeline_run_id"
"""Tag of versions and runs: the pipeline run that made them."""

STEP_TAG = "pipeline_step"
"""Tag of runs: the step that made it; the parent of all steps has the value `PARENT`."""

PARENT = "pipeline"


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What led to a version.

    Attributes:
        run_id: Pipeline run.
        pipeline_id: Pipeline in Kubeflow Pipelines; empty when a package was run without being uploaded.
        data_digest: Digest of the feature tables.
        data_as_of: Instant at which those stand.
        feature_service_version: Fingerprint of the feature service.
        git_commit: Commit of the checkout that submitted the run; empty when unknown.
        model_digest: Digest of the model itself.
    """

    run_id: str
    pipeline_id: str
    data_digest: str
    data_as_of: str
    feature_service_version: str
    git_commit: str
    model_digest: str

    def tags(self) -> dict[str, str]:
        """Return the tags of the version; nothing that is unknown."""
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
