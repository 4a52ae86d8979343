"""Reads registered model versions and runs from MLflow's REST API, from outside the cluster.

Does not use MLflow's own client: its import takes longer than a whole command that finds nothing to do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from common.errors import UserError
from examples.flights.pipeline.lineage import RUN_TAG

if TYPE_CHECKING:
    import httpx

    from client.platform import Platform

API = "/api/2.0/mlflow"


@dataclass(frozen=True, kw_only=True)
class RegisteredVersion:
    """A version of a registered model.

    Attributes:
        name: Name of the registered model.
        version: Number of the version.
        artifacts: MLflow's URI of the version's files.
        tags: Tags of the version.
    """

    name: str
    version: str
    artifacts: str
    tags: dict[str, str] = field(default_factory=dict)


class Tracking:
    """Client of MLflow through the gateway.

    Args:
        platform: The platform.
        login: Name of the login in the platform's credentials: `mlflow` reads and writes as the team's jobs do,
            `mlflow_promoter` may set protected aliases.
    """

    def __init__(self, platform: Platform, login: Literal["mlflow", "mlflow_promoter"] = "mlflow") -> None:
        import httpx

        secret = platform.secret(login)
        self._base = platform.url("mlflow")
        self._stack = platform.stack
        self._client = httpx.Client(
            auth=(secret["MLFLOW_TRACKING_USERNAME"], secret["MLFLOW_TRACKING_PASSWORD"]),
            headers={"X-MLFLOW-WORKSPACE": secret["MLFLOW_WORKSPACE"]},
            timeout=httpx.Timeout(20, connect=5),
            transport=httpx.HTTPTransport(retries=2),
            trust_env=False,
        )

    def _get(self, path: str, **params: str) -> dict[str, Any] | None:
        """Return the response; None when the requested entity does not exist."""
        return self._ask("GET", path, params=params)

    def _ask(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        import httpx

        try:
            response = self._client.request(method, f"{self._base}{API}/{path}", params=params, json=body)
        except httpx.HTTPError as error:
            raise UserError(
                "MLflow does not answer.", seen=f"{self._base}: {error}", next_step=f"mlp status --stack {self._stack}"
            ) from error
        if response.status_code == 404 and "RESOURCE_DOES_NOT_EXIST" in response.text:
            return None
        if response.status_code != 200:
            raise UserError(
                "MLflow refused a request.",
                seen=f"{method} {response.url}: {response.status_code} {first_line(response)}",
                next_step=f"mlp status --stack {self._stack}",
            )
        return response.json()

    def mark_killed(self, experiment: str, run_id: str) -> int:
        """Mark the MLflow runs that an ended pipeline run left running as killed; return their number.

        A step that was killed by the kernel or by a cancellation cannot do this.
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

    def version(self, name: str, alias: str) -> RegisteredVersion | None:
        """Return the version of registered model `name` behind `alias`; None when no version has the alias."""
        found = self._get("registered-models/alias", name=name, alias=alias)
        if found is None:
            return None
        version = found["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        artifacts = self._artifacts(name, version["version"])
        return RegisteredVersion(name=name, version=version["version"], artifacts=artifacts, tags=tags)

    def promote(self, version: RegisteredVersion, alias: str) -> None:
        """Let `alias` point at a version."""
        body = {"name": version.name, "alias": alias, "version": version.version}
        self._ask("POST", "registered-models/alias", body=body)

    def _artifacts(self, name: str, version: str) -> str:
        found = self._get("model-versions/get-download-uri", name=name, version=version) or {}
        uri = str(found.get("artifact_uri", ""))
        if uri.startswith("models:/"):
            model = self._get(f"logged-models/{uri.removeprefix('models:/')}") or {}
            uri = str(model.get("model", {}).get("info", {}).get("artifact_uri", ""))
        if not uri:
            raise UserError(
                f"MLflow does not name the location of {name} version {version}.",
                seen="an empty artifact_uri",
                next_step="mlp workload run flights",
            )
        return uri


def first_line(response: httpx.Response) -> str:
    """Return the first line of a response's body, at most 300 characters."""
    return (response.text.strip().splitlines() or [""])[0][:300]


def storage_uri(artifacts: str, bucket: str) -> str:
    """Return the `s3://` address of a model's folder, from which KServe loads it.

    Args:
        artifacts: MLflow's URI of the folder: `s3://...`, or `mlflow-artifacts:/...` where the server proxies
            artifacts and stores them under the same path of its own bucket.
        bucket: Bucket of the MLflow server.

    Raises:
        UserError: The URI has another scheme.
    """
    parts = urlsplit(artifacts)
    if parts.scheme == "s3":
        return artifacts
    if parts.scheme == "mlflow-artifacts":
        return f"s3://{bucket}/{parts.path.strip('/').removeprefix('mlflow-artifacts/')}"
    raise UserError(
        "KServe cannot load the model from its location.", seen=artifacts, allowed="s3://... or mlflow-artifacts:/..."
    )
