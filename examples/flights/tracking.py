"""The champion as MLflow's REST API tells it, read from outside the cluster without MLflow's own client.

Importing that client takes longer than everything else a command does that has nothing to do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from common.errors import UserError
from examples.flights.pipeline.lineage import RUN_TAG

if TYPE_CHECKING:
    import httpx

    from client.platform import Platform

API = "/api/2.0/mlflow"


@dataclass(frozen=True, kw_only=True)
class Champion:
    """A registered model version.

    Attributes:
        name: Registered model.
        version: Version.
        artifacts: Where MLflow keeps its files, as MLflow names it.
        tags: The version's tags.
    """

    name: str
    version: str
    artifacts: str
    tags: dict[str, str] = field(default_factory=dict)


class Tracking:
    """MLflow through the gateway."""

    def __init__(self, platform: Platform) -> None:
        import httpx

        secret = platform.secret("mlflow")
        self._base = platform.url("mlflow")
        self._stack = platform.stack
        self._client = httpx.Client(
            auth=(secret["MLFLOW_TRACKING_USERNAME"], secret["MLFLOW_TRACKING_PASSWORD"]),
            timeout=httpx.Timeout(20, connect=5),
            transport=httpx.HTTPTransport(retries=2),
            trust_env=False,
        )

    def _get(self, path: str, **params: str) -> dict[str, Any] | None:
        """Return the answer; None when MLflow has no such thing."""
        return self._ask("GET", path, params=params)

    def _ask(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        import httpx

        try:
            response = self._client.request(method, f"{self._base}{API}/{path}", params=params, json=body)
        except httpx.HTTPError as error:
            raise UserError(
                "MLflow does not answer", seen=f"{self._base}: {error}", next_step=f"mlp status --stack {self._stack}"
            ) from error
        if response.status_code == 404 and "RESOURCE_DOES_NOT_EXIST" in response.text:
            return None
        if response.status_code != 200:
            raise UserError(
                "MLflow refused a request",
                seen=f"{method} {response.url}: {response.status_code} {first_line(response)}",
                next_step=f"mlp status --stack {self._stack}",
            )
        return response.json()

    def settle(self, experiment: str, run_id: str) -> int:
        """Mark what a pipeline run that has ended left running as killed; return how many runs that were.

        A step that the kernel or a cancellation ended cannot do so itself.
        """
        found = self._get("experiments/get-by-name", experiment_name=experiment)
        if found is None:
            return 0
        chosen = f"tags.{RUN_TAG} = '{run_id}' and attributes.status = 'RUNNING'"
        search = {"experiment_ids": [found["experiment"]["experiment_id"]], "filter": chosen, "max_results": 100}
        left = (self._ask("POST", "runs/search", body=search) or {}).get("runs", [])
        for run in left:
            ended = {"run_id": run["info"]["run_id"], "status": "KILLED", "end_time": int(time.time() * 1000)}
            self._ask("POST", "runs/update", body=ended)
        return len(left)

    def champion(self, name: str, alias: str) -> Champion | None:
        """Return the version behind `alias`; None when there is none."""
        found = self._get("registered-models/alias", name=name, alias=alias)
        if found is None:
            return None
        version = found["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        artifacts = self._artifacts(name, version["version"])
        return Champion(name=name, version=version["version"], artifacts=artifacts, tags=tags)

    def _artifacts(self, name: str, version: str) -> str:
        found = self._get("model-versions/get-download-uri", name=name, version=version) or {}
        uri = str(found.get("artifact_uri", ""))
        if uri.startswith("models:/"):
            model = self._get(f"logged-models/{uri.removeprefix('models:/')}") or {}
            uri = str(model.get("model", {}).get("info", {}).get("artifact_uri", ""))
        if not uri:
            raise UserError(
                f"MLflow does not say where {name} version {version} is", next_step="mlp workload run flights"
            )
        return uri


def first_line(response: httpx.Response) -> str:
    """Return the beginning of an answer's body."""
    return (response.text.strip().splitlines() or [""])[0][:300]


def storage_uri(artifacts: str, bucket: str) -> str:
    """Return the `s3://` address of a model's folder, which is all that KServe can load.

    Args:
        artifacts: The folder as MLflow names it: `s3://...`, or `mlflow-artifacts:/...` where the server proxies
            artifacts; it keeps those under the same path of the bucket it was started with.
        bucket: That bucket.

    Raises:
        UserError: The folder is of another kind.
    """
    parts = urlsplit(artifacts)
    if parts.scheme == "s3":
        return artifacts
    if parts.scheme == "mlflow-artifacts":
        return f"s3://{bucket}/{parts.path.strip('/').removeprefix('mlflow-artifacts/')}"
    raise UserError(
        "the model cannot be served from where it is", seen=artifacts, allowed="s3://... or mlflow-artifacts:/..."
    )
