"""Two teams side by side: what one of them may do, what neither can do to the other, and what is left of one that goes.

The second team is added by a line in the settings, as an operator does it, and removed the same way at the end.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import yaml
from botocore.client import BaseClient
from botocore.config import Config
from kubernetes import client

from client import team_data
from client.platform import Platform
from common import paths
from components.teams.team import DIVIDED, IDENTITIES
from mlp import engine
from tests.cluster import inventory
from tests.cluster.support import mlp, note, secret, until
from tests.team_attempts import attempts, refused

FIRST, SECOND = "data-science", "guests"
STACK_FILE = paths.ROOT / "stacks" / "Pulumi.local.yaml"
QUOTA = {"cpu": "1", "memory": "4Gi", "gpu": 0, "volumes": "2Gi"}


@pytest.fixture(scope="module")
def stack_file(platform: dict[str, Any]) -> Iterator[str]:
    """The stack file as it was; it is put back at the end, whatever happens."""
    before = STACK_FILE.read_text(encoding="utf-8")
    yield before
    STACK_FILE.write_text(before, encoding="utf-8")


@pytest.fixture(scope="module")
def teams(stack_file: str) -> dict[str, Any]:
    """Outputs of the stack after a second team was added."""
    content = yaml.safe_load(stack_file)
    content["config"]["mlplatform:teams"][SECOND] = {"quota": QUOTA}
    STACK_FILE.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    began = time.monotonic()
    done = mlp("up", "--no-workload")
    note("seconds of mlp up that adds a team", round(time.monotonic() - began, 1))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    outputs = engine.outputs("local")
    assert outputs["default_team"] == FIRST
    assert set(outputs["teams"]) == {FIRST, SECOND}
    return outputs


Open = Callable[[str, str], BaseClient]


@pytest.fixture(scope="module")
def store(teams: dict[str, Any], core: client.CoreV1Api) -> Open:
    """Returns a client of the object store with the keys of a team's identity."""
    endpoint = teams["object_store"]["endpoint"]

    def open_as(team: str, identity: str) -> BaseClient:
        keys = secret(core, team, f"object-store-{identity}")
        return boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=keys["AWS_REGION"],
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
        )

    return open_as


@pytest.fixture(scope="module")
def written(teams: dict[str, Any], store: Open) -> dict[tuple[str, str], str]:
    """Key of an object of each team in each divided bucket, by team and bucket; written by the team's jobs."""
    found = {}
    for team in (FIRST, SECOND):
        for purpose in DIVIDED:
            key = f"{team}/probe/{uuid.uuid4()}"
            store(team, "jobs").put_object(Bucket=teams["buckets"][purpose], Key=key, Body=team.encode())
            found[team, teams["buckets"][purpose]] = key
    return found


@pytest.mark.parametrize("purpose", DIVIDED)
@pytest.mark.parametrize("team", [FIRST, SECOND])
def test_a_team_works_in_its_own_folder(
    teams: dict[str, Any], store: Open, written: dict[tuple[str, str], str], team: str, purpose: str
) -> None:
    bucket = teams["buckets"][purpose]
    key, jobs = written[team, bucket], store(team, "jobs")
    assert jobs.get_object(Bucket=bucket, Key=key)["Body"].read() == team.encode()
    listed = jobs.list_objects_v2(Bucket=bucket, Prefix=f"{team}/")["Contents"]
    assert key in {item["Key"] for item in listed}
    assert all(item["Key"].startswith(f"{team}/") for item in listed)
    parts = jobs.create_multipart_upload(Bucket=bucket, Key=f"{key}-parts")["UploadId"]
    made = jobs.upload_part(Bucket=bucket, Key=f"{key}-parts", UploadId=parts, PartNumber=1, Body=b"x" * 5_242_880)
    jobs.complete_multipart_upload(
        Bucket=bucket,
        Key=f"{key}-parts",
        UploadId=parts,
        MultipartUpload={"Parts": [{"ETag": made["ETag"], "PartNumber": 1}]},
    )
    assert "Errors" not in jobs.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{key}-parts"}]})
    assert refused(lambda: jobs.get_object(Bucket=bucket, Key=f"{team}/no-such")) == "NoSuchKey"


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize(("own", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_no_identity_reaches_the_folder_of_another_team(
    teams: dict[str, Any],
    store: Open,
    written: dict[tuple[str, str], str],
    own: str,
    other: str,
    identity: str,
) -> None:
    passed: list[str] = []
    for purpose in DIVIDED:
        bucket = teams["buckets"][purpose]
        tried = attempts(store(own, identity), own, other, bucket, written[other, bucket])
        passed += [f"{purpose}: {name}" for name, call in tried.items() if not refused(call)]
        content = store(other, "jobs").get_object(Bucket=bucket, Key=written[other, bucket])["Body"].read()
        assert content == other.encode()
        keys = store(other, "jobs").list_objects_v2(Bucket=bucket, Prefix=written[other, bucket])["Contents"]
        assert len(keys) == 1, "nothing was written beside it"
    assert passed == []


VERBS = [
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "serviceaccounts/token"),
    ("create", "batch", "jobs"),
    ("patch", "", "configmaps"),
    ("patch", "", "resourcequotas"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("create", "serving.kserve.io", "inferenceservices"),
    ("create", "gateway.networking.k8s.io", "httproutes"),
]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_has_no_right_in_the_cluster(teams: dict[str, Any], core: client.CoreV1Api, identity: str) -> None:
    """Neither in its own namespace, nor in another team's, nor in one of the platform's."""
    api = client.AuthorizationV1Api(core.api_client)
    allowed: list[str] = []
    for namespace in (SECOND, FIRST, "kubeflow", "data", "mlflow"):
        for verb, group, resource in VERBS:
            kind, _, part = resource.partition("/")
            asked = {"namespace": namespace, "verb": verb, "group": group, "resource": kind, "subresource": part}
            spec = {"user": f"system:serviceaccount:{SECOND}:{identity}", "resourceAttributes": asked}
            answer = api.create_subject_access_review({"spec": spec})
            allowed += [f"{verb} {resource} in {namespace}"] if answer.status.allowed else []
    assert allowed == []


def pod(image: str, **changes: Any) -> dict[str, Any]:
    """Return a pod that meets every rule, with other requests or another security context."""
    context = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    container: dict[str, Any] = {
        "name": "probe",
        "image": image,
        "command": ["true"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **changes,
    }
    spec = {"containers": [container], "securityContext": context, "restartPolicy": "Never"}
    return {"metadata": {"generateName": "probe-"}, "spec": {**spec, "serviceAccountName": "jobs"}}


def needs(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests, "limits": requests}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (needs(cpu="3"), r"exceeded quota: quota, requested: requests.cpu=3, used: .*, limited: requests.cpu=1"),
        (needs(memory="5Gi"), r"maximum memory usage per Container is 4Gi, but limit is 5Gi"),
        (needs(**{"nvidia.com/gpu": "1"}), r"requested: requests.nvidia.com/gpu=1, used: .*=0, limited: .*=0"),
        ({"securityContext": {"privileged": True}}, r"violates PodSecurity .*privileged"),
        ({"securityContext": {"runAsUser": 0}}, r"violates PodSecurity"),
    ],
    ids=["cpu", "memory", "gpu", "privileged", "root"],
)
def test_a_pod_over_the_quota_or_the_rules_is_refused_at_once(
    teams: dict[str, Any], core: client.CoreV1Api, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(client.ApiException) as caught:
        core.create_namespaced_pod(SECOND, pod(teams["images"]["job"], **changes))
    assert caught.value.status == 403
    message = json.loads(caught.value.body)["message"]
    assert re.search(told, message), message


def test_a_service_is_not_reachable_from_outside(teams: dict[str, Any], core: client.CoreV1Api) -> None:
    for kind in ("LoadBalancer", "NodePort"):
        body = {"metadata": {"generateName": "probe-"}, "spec": {"type": kind, "ports": [{"port": 80}]}}
        with pytest.raises(client.ApiException, match="exceeded quota"):
            core.create_namespaced_service(SECOND, body)


def test_a_pod_within_the_quota_gets_the_default_sizes_and_no_token(
    teams: dict[str, Any], core: client.CoreV1Api
) -> None:
    made = core.create_namespaced_pod(SECOND, pod(teams["images"]["job"]))
    try:
        container = made.spec.containers[0]
        assert container.resources.requests == {"cpu": "50m", "memory": "256Mi"}
        assert container.resources.limits == {"cpu": "2", "memory": "2Gi"}
        assert made.spec.volumes is None, "no token is mounted"
    finally:
        core.delete_namespaced_pod(made.metadata.name, SECOND)


# The second team goes. These tests build on each other, in this order.


@pytest.fixture(scope="module")
def removed(teams: dict[str, Any], written: dict[tuple[str, str], str], stack_file: str) -> None:
    """The settings without the second team; nothing was updated yet."""
    STACK_FILE.write_text(stack_file, encoding="utf-8")


def refusal(*arguments: str) -> str:
    done = mlp("up", "--no-workload", *arguments)
    assert done.returncode == 1, done.stdout[-2000:]
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.usefixtures("removed")
def test_a_team_with_a_deployed_model_is_not_removed(core: client.CoreV1Api) -> None:
    custom = client.CustomObjectsApi(core.api_client)
    kind = ("serving.kserve.io", "v1beta1", SECOND, "inferenceservices")
    model = {"modelFormat": {"name": "mlflow"}, "runtime": "mlplatform", "storageUri": "s3://nowhere/model"}
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "probe"},
        "spec": {"predictor": {"serviceAccountName": "serving", "model": model}},
    }
    custom.create_namespaced_custom_object(*kind, body)
    try:
        told = refusal("--delete-data-of", SECOND)
    finally:
        custom.delete_namespaced_custom_object(*kind, "probe")
    assert f"1 inferenceservices.serving.kserve.io: {SECOND}/probe" in told
    until("gone", lambda: not custom.list_namespaced_custom_object(*kind)["items"])


@pytest.mark.usefixtures("removed")
def test_a_team_with_data_is_not_removed_without_a_decision(core: client.CoreV1Api) -> None:
    told = refusal()
    assert f"The settings remove team {SECOND}, which has data. What becomes of it?" in told
    assert f"{len(DIVIDED)} objects" in told
    assert f"--delete-data-of {SECOND}" in told
    assert core.read_namespace(SECOND).status.phase == "Active"


@pytest.mark.usefixtures("removed")
def test_a_removed_team_leaves_nothing_behind(
    teams: dict[str, Any], core: client.CoreV1Api, written: dict[tuple[str, str], str], store: Open
) -> None:
    first = Platform("local", teams, FIRST)
    before = team_data.found(first).objects
    login = store(SECOND, "jobs")
    done = mlp("up", "--no-workload", "--delete-data-of", SECOND)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert SECOND not in {item.metadata.name for item in core.list_namespace().items}
    assert SECOND not in json.dumps(inventory.recorded("local"))
    accounts = [item for item in core.list_namespaced_secret("data").items if "s3-accounts" in item.metadata.name]
    assert len(accounts) == 1
    bucket = teams["buckets"]["raw"]
    assert refused(lambda: login.get_object(Bucket=bucket, Key=written[SECOND, bucket])) == "InvalidAccessKeyId"
    everything = inventory.data(teams, core)["objects"]
    assert not [entry for entry in everything if f" {SECOND}/" in entry]
    assert team_data.found(first).objects == before


@pytest.mark.usefixtures("platform")
def test_the_first_team_stays() -> None:
    assert set(engine.outputs("local")["teams"]) == {FIRST}
