"""Uploads a pipeline and creates a run, exactly once each even when the server's answer is lost."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.pipelines.package import Package
from client.pipelines.server import Server, is_transient, quiet, refused

PIPELINE_ID = "pipeline_id"
"""Parameter that is set to the pipeline's id, in pipelines that declare it."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A run that the server has accepted.

    Attributes:
        run_id: Id of the run.
        name: Display name of the run.
        pipeline_id: Id of the pipeline.
        version_id: Id of the pipeline's version.
    """

    run_id: str
    name: str
    pipeline_id: str
    version_id: str


def equals(field: str, value: str) -> str:
    """Return an API filter for objects whose `field` equals `value`."""
    import json

    return json.dumps({"predicates": [{"operation": "EQUALS", "key": field, "stringValue": value}]})


def upload(server: Server, package: Package) -> tuple[str, str]:
    """Upload the pipeline and its version unless the server has them; return the ids of both.

    Raises:
        UserError: The server refused a request; contains the server's message.
    """
    pipeline_id = server.read(lambda client: client.get_pipeline_id(package.name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{package.name}.yaml"
        path.write_text(package.text())
        if pipeline_id is None:
            _write(server, lambda client: client.upload_pipeline(str(path), pipeline_name=package.name))
            pipeline_id = _present(server, server.read(lambda client: client.get_pipeline_id(package.name)), "pipeline")
        version = _version(server, pipeline_id, package.digest)
        if version is None:
            _write(
                server,
                lambda client: client.upload_pipeline_version(
                    str(path), pipeline_version_name=package.digest, pipeline_id=pipeline_id
                ),
            )
            version = _version(server, pipeline_id, package.digest)
    return pipeline_id, _present(server, version, "version of the pipeline")


def _version(server: Server, pipeline_id: str, name: str) -> str | None:
    found = server.read(
        lambda client: client.list_pipeline_versions(pipeline_id, page_size=10, filter=equals("name", name))
    )
    versions = found.pipeline_versions or []
    return versions[0].pipeline_version_id if versions else None


def _present(server: Server, found: str | None, what: str) -> str:
    if found is None:
        raise server.unavailable(f"a {what} was created, but the server does not list it")
    return found


def _write(server: Server, do: Callable[[Any], object]) -> None:
    """Send a write request once; ignore a transient error, after which the caller checks whether it took effect."""
    try:
        with quiet():
            do(server.client)
    except Exception as error:
        conflict = getattr(error, "status", None) == 409
        if not is_transient(error) and not conflict:
            raise refused(error) from error


def submit(server: Server, package: Package, arguments: Mapping[str, object], *, experiment: str) -> Submitted:
    """Create a run.

    A lost answer does not lead to a second run: the name is unique, and the run is found by its name.

    Args:
        server: Kubeflow Pipelines.
        package: The pipeline, with its image filled in.
        arguments: Checked arguments.
        experiment: Experiment of Kubeflow Pipelines.

    Raises:
        UserError: The server refused a request, or does not answer.
    """
    pipeline_id, version_id = upload(server, package)
    experiment_id = _experiment(server, experiment)
    params = dict(arguments)
    if PIPELINE_ID in package.parameters:
        params.setdefault(PIPELINE_ID, pipeline_id)
    name = f"{package.name} {secrets.token_hex(4)}"
    for _ in range(3):
        _write(
            server,
            lambda client: client.run_pipeline(
                experiment_id, name, params=params, pipeline_id=pipeline_id, version_id=version_id
            ),
        )
        found = server.read(lambda client: client.list_runs(page_size=2, filter=equals("name", name))).runs or []
        if found:
            return Submitted(run_id=found[0].run_id, name=name, pipeline_id=pipeline_id, version_id=version_id)
    raise server.unavailable("three runs were submitted, but the server lists none of them")


def _experiment(server: Server, name: str) -> str:
    def find(client: Any) -> str | None:  # noqa: ANN401 kfp carries no usable types
        found = client.list_experiments(page_size=2, filter=equals("name", name)).experiments or []
        return found[0].experiment_id if found else None

    if server.read(find) is None:
        _write(server, lambda client: client.create_experiment(name))
    return _present(server, server.read(find), "experiment")
