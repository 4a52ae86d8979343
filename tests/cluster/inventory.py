"""Lists the objects in a cluster, the resources in a stack's state, and the data that must survive any update."""

from __future__ import annotations

from typing import Any

import boto3
import httpx
from botocore.config import Config
from kubernetes import client

from components.kubernetes.provider import FIELD_MANAGER
from mlp.engine.workspace import open_stack
from smoke.outputs import Outputs
from tests.cluster.support import address, online_store, secret

LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


def _get(api: client.ApiClient, path: str) -> dict[str, Any]:
    answer: Any = api.call_api(
        path,
        "GET",
        header_params={"Accept": LIST},
        response_type="object",
        auth_settings=["BearerToken"],
        _return_http_data_only=True,
    )
    return answer


def _kinds(api: client.ApiClient) -> dict[str, str]:
    """Return the kind of everything that can be listed, by its path."""
    versions = ["/api/v1"]
    groups = _get(api, "/apis")["groups"]
    versions += [f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"]]
    found = {}
    for path in versions:
        for entry in _get(api, path)["resources"]:
            if "/" not in entry["name"] and {"list", "patch"} <= set(entry["verbs"]):
                found[f"{path}/{entry['name']}"] = entry["kind"]
    return found


def declared(api: client.ApiClient) -> set[tuple[str, str]]:
    """Return every object that the program created, as (kind, `namespace/name`), by its field manager."""
    found = set[tuple[str, str]]()
    for path, kind in _kinds(api).items():
        for item in _get(api, path).get("items") or []:
            metadata = item["metadata"]
            identity = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
            for entry in metadata.get("managedFields", []):
                if entry["manager"] == FIELD_MANAGER and not entry.get("subresource"):
                    found.add((kind, identity))
    return found


def recorded(stack: str) -> dict[str, Any]:
    """Return the stack's deployment: resources and pending operations."""
    deployment: Any = open_stack(stack, writes=False).export_stack().deployment
    return deployment


def objects(deployment: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the Kubernetes objects of a deployment, as (kind, `namespace/name`)."""
    return {
        (entry["type"].rsplit(":", 1)[-1], entry["id"])
        for entry in deployment["resources"]
        if entry["type"].startswith("kubernetes:")
    }


def downstream(deployment: dict[str, Any], roots: set[tuple[str, str]]) -> list[str]:
    """Return the URNs of `roots` and of everything that depends on them or is part of a dependent resource."""
    gone: list[str] = []
    for entry in deployment["resources"]:  # a resource comes after all its dependencies
        kind, identity = entry["type"].rsplit(":", 1)[-1], entry.get("id", "")
        above = {entry.get("parent"), *entry.get("dependencies", [])}
        if (kind, identity) in roots or above & set(gone):
            gone.append(entry["urn"])
    return gone


def data(platform: dict[str, Any], core: client.CoreV1Api) -> dict[str, set[str]]:
    """Return the users' data: registered versions, runs, features, objects, volumes."""
    with online_store(core) as store:
        keys: Any = store.keys()
    root = secret(core, "data", "s3-root")
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://{address(core, 's3')}:7070",
        region_name=platform["object_store"]["region"],
        aws_access_key_id=root["access"],
        aws_secret_access_key=root["secret"],
        config=Config(s3={"addressing_style": "path"}),
    )
    found = {
        f"{bucket} {item['Key']} {item['ETag']}"
        for bucket in platform["buckets"].values()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page.get("Contents", [])
    }
    claims = core.list_namespaced_persistent_volume_claim("data").items
    return {
        "online features": {key.hex() for key in keys},
        "objects": found,
        "volumes": {f"{claim.metadata.name} {claim.metadata.uid}" for claim in claims},
        **_tracked(platform),
    }


def _tracked(platform: dict[str, Any]) -> dict[str, set[str]]:
    login = Outputs.model_validate(platform).secret("mlflow")
    auth = (login["MLFLOW_TRACKING_USERNAME"], login["MLFLOW_TRACKING_PASSWORD"])
    base = f"{platform['urls']['mlflow']}/api/2.0/mlflow"
    with httpx.Client(auth=auth, timeout=30, trust_env=False) as http:
        versions = http.get(f"{base}/model-versions/search?max_results=1000").raise_for_status().json()
        experiments = http.get(f"{base}/experiments/search?max_results=1000").raise_for_status().json()
        ids = [experiment["experiment_id"] for experiment in experiments["experiments"]]
        body = {"experiment_ids": ids, "max_results": 1000}
        runs = http.post(f"{base}/runs/search", json=body).raise_for_status().json()
    return {
        "versions": {f"{entry['name']} {entry['version']}" for entry in versions["model_versions"]},
        "runs": {run["info"]["run_id"] for run in runs["runs"]},
    }
