"""The pure parts of the kubernetes plugin: differences, drift, names, readiness."""

from __future__ import annotations

from typing import Any

import pytest

from local.plugins.kubernetes import names
from local.plugins.kubernetes.apply import body, patience
from local.plugins.kubernetes.check import complete
from local.plugins.kubernetes.client import ApiError
from local.plugins.kubernetes.delete import holders
from local.plugins.kubernetes.diff import compare
from local.plugins.kubernetes.drift import refreshed
from local.plugins.kubernetes.immutable import refused
from local.plugins.kubernetes.outputs import predicted, trimmed
from local.plugins.kubernetes.paths import dig, render
from local.plugins.kubernetes.settings import config_changes
from local.plugins.kubernetes.waiting.explain import pod_troubles
from local.plugins.kubernetes.waiting.others import check_of
from local.plugins.kubernetes.waiting.waitfor import wait_for
from local.plugins.protocol.errors import PluginError
from local.plugins.protocol.values import UNKNOWN

URN = "urn:pulumi:local::mlplatform::parent$kubernetes:core/v1:ConfigMap::My_Name"


def obj(spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "it", "namespace": "n", **metadata}, "spec": spec or {}}


def test_paths_are_written_as_pulumi_does() -> None:
    assert render(("metadata", "labels", "a.b/c")) == 'metadata.labels["a.b/c"]'
    assert render(("spec", "containers", 0, "image")) == "spec.containers[0].image"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:ConfigMap", ("v1", "ConfigMap")),
        ("kubernetes:apps/v1:Deployment", ("apps/v1", "Deployment")),
        ("kubernetes:serving.kserve.io/v1beta1:InferenceService", ("serving.kserve.io/v1beta1", "InferenceService")),
    ],
)
def test_tokens(token: str, expected: tuple[str, str]) -> None:
    assert names.version_and_kind(f"urn:pulumi:s::p::{token}::n") == expected


def test_charts_are_refused_in_words() -> None:
    with pytest.raises(PluginError, match="declare its objects one by one"):
        names.version_and_kind("urn:pulumi:s::p::kubernetes:helm.sh/v4:Chart::n")


def test_made_up_names_are_stable_valid_and_new_for_a_replacement() -> None:
    first = names.autoname(URN, None)
    assert first == names.autoname(URN, None)
    assert first.startswith("my-name-")
    assert names.autoname(URN, first) != first
    assert len(names.autoname(URN + "x" * 100, None)) <= names.LONGEST


def test_namespace_is_completed_where_the_kind_has_one() -> None:
    for namespaced, expected in ((True, "there"), (False, None)):
        done = complete(URN, {}, {"metadata": {"name": "a"}}, previous=None, namespaced=namespaced, namespace="there")
        assert done["metadata"].get("namespace") == expected


def test_nobody_to_ask_keeps_the_old_namespace() -> None:
    old = {"metadata": {"name": "a", "namespace": "kept"}}
    done = complete(URN, old, {"metadata": {"name": "a"}}, previous="a", namespaced=None, namespace="there")
    assert done["metadata"]["namespace"] == "kept"


def test_absent_and_default_namespace_are_the_same() -> None:
    old, new = {"metadata": {"name": "a"}}, {"metadata": {"name": "a", "namespace": "default"}}
    assert compare("example.org/v1", "Widget", old, new).changes == {}


@pytest.mark.parametrize(
    ("version", "kind", "old", "new", "replaces"),
    [
        ("apps/v1", "Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, False),
        ("apps/v1", "Deployment", {"spec": {"selector": {"a": "1"}}}, {"spec": {"selector": {"a": "2"}}}, True),
        ("apps/v1", "StatefulSet", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}, False),
        ("apps/v1", "StatefulSet", {"spec": {"serviceName": "a"}}, {"spec": {"serviceName": "b"}}, True),
        ("batch/v1", "Job", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}, True),
        ("batch/v1", "CronJob", {"spec": {"jobTemplate": {"a": 1}}}, {"spec": {"jobTemplate": {"a": 2}}}, False),
        ("batch/v1", "Job", {"spec": {"suspend": False}}, {"spec": {"suspend": True}}, False),
        ("v1", "Secret", {"data": {"a": "1"}}, {"data": {"a": "2"}}, False),
        ("v1", "Secret", {"data": {"a": "1"}, "immutable": True}, {"data": {"a": "2"}, "immutable": True}, True),
        ("v1", "ConfigMap", {"immutable": True}, {}, True),
        ("v1", "Service", {"spec": {}}, {"spec": {"clusterIP": "None"}}, True),
        ("v1", "Service", {}, {"spec": {"clusterIP": "None"}}, True),
        ("v1", "Service", {"spec": {"type": "ClusterIP"}}, {"spec": {"type": "NodePort"}}, False),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, True),
        ("v1", "Pod", {"spec": {"containers": [{"image": "a"}]}}, {"spec": {"containers": [{"image": "b"}]}}, False),
        ("v1", "Pod", {"spec": {"containers": [{"args": []}]}}, {"spec": {"containers": [{"args": ["b"]}]}}, True),
        ("v1", "PersistentVolumeClaim", {"spec": {"resources": 1}}, {"spec": {"resources": 2}}, False),
        ("v1", "PersistentVolumeClaim", {"spec": {"accessModes": ["a"]}}, {"spec": {"accessModes": ["b"]}}, True),
    ],
)
def test_what_replaces(version: str, kind: str, old: dict[str, Any], new: dict[str, Any], replaces: bool) -> None:
    named = {"metadata": {"name": "it"}}
    found = compare(version, kind, {**named, **old}, {**named, **new})
    assert found.changes
    assert bool(found.replaces) is replaces
    assert found.delete_first is replaces


def test_a_rename_is_made_before_the_old_goes() -> None:
    found = compare("v1", "ConfigMap", {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}})
    assert found.replaces == {("metadata", "name")}
    assert not found.delete_first


def test_unknown_counts_as_changed() -> None:
    found = compare("v1", "ConfigMap", {"data": {"a": "1"}}, {"data": {"a": UNKNOWN}})
    assert found.changes == {("data", "a"): "update"}


def test_the_servers_own_rules_replace() -> None:
    rule = ApiError(422, "Invalid", "", [{"field": "spec.fixed", "message": 'Invalid value: "b": Value is immutable'}])
    assert refused(rule, {("spec", "fixed"), ("spec", "size")}) == {("spec", "fixed")}
    wrong = ApiError(422, "Invalid", "", [{"field": "spec.size", "message": "must be positive"}])
    assert refused(wrong, {("spec", "size")}) == set()


def managed(manager: str, fields: dict[str, Any], **live: Any) -> dict[str, Any]:
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    return {"kind": "It", "metadata": {"name": "it", "managedFields": [entry], **live.pop("metadata", {})}, **live}


def test_owned_fields_keep_their_spelling() -> None:
    inputs = {"metadata": {"name": "it"}, "spec": {"cpu": "1000m", "gone": "x", "taken": "mine"}}
    live = managed("us", {"f:spec": {"f:cpu": {}}}, spec={"cpu": "1", "taken": "theirs"})
    assert refreshed(inputs, live, "us")["spec"] == {"cpu": "1000m", "taken": "theirs"}


def test_list_items_are_found_by_their_keys() -> None:
    inputs = {"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 81}]}}
    fields: dict[str, Any] = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}}
    live = managed("us", fields, spec={"ports": [{"port": 80, "protocol": "TCP", "name": "b"}]})
    assert refreshed(inputs, live, "us")["spec"]["ports"] == [{"port": 80, "name": "b"}]


def test_secret_text_drifts_to_data() -> None:
    inputs = {"stringData": {"a": "1", "b": "2"}}
    live = managed("us", {"f:data": {"f:a": {}}}, data={"a": "MQ==", "b": "eA=="})
    live["kind"] = "Secret"
    assert refreshed(inputs, live, "us") == {"stringData": {"a": "1"}, "data": {"b": "eA=="}}


def test_secret_text_is_sent_coded() -> None:
    sent = body({"metadata": {"name": "s"}, "stringData": {"a": "1"}, "data": {"b": "Mg=="}}, "v1", "Secret", "n")
    assert sent["data"] == {"a": "MQ==", "b": "Mg=="}
    assert "stringData" not in sent


def test_outputs_leave_out_what_churns() -> None:
    live: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "managedFields": [], "resourceVersion": "1", "generation": 3},
        "status": {"replicas": 1},
    }
    assert trimmed(live) == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}


def test_predicted_outputs_do_not_invent_addresses() -> None:
    assert dig(predicted("v1", "Service", {"spec": {}}), "spec", "clusterIP") is UNKNOWN
    assert dig(predicted("v1", "Service", {"spec": {"clusterIP": "None"}}), "spec", "clusterIP") == "None"


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ApiError(500, "InternalError", 'failed calling webhook "a"'), True),
        (ApiError(403, "Forbidden", "unable to create: namespace n is being terminated"), True),
        (ApiError(404, "NotFound", 'namespaces "n" not found'), True),
        (ApiError(403, "Forbidden", "user cannot"), False),
        (ApiError(422, "Invalid", "no"), False),
        (ApiError(409, "Conflict", "x", [{"reason": "FieldManagerConflict", "message": "", "field": ".a"}]), False),
    ],
)
def test_which_refusals_pass_by_themselves(error: ApiError, waits: bool) -> None:
    assert bool(patience(error)) is waits


def conditions(*held: tuple[str, str]) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status} for type_, status in held]}


@pytest.mark.parametrize(
    ("version", "kind", "spec", "status", "state"),
    [
        ("apps/v1", "Deployment", {}, {}, "waiting"),
        ("apps/v1", "Deployment", {"replicas": 0}, {"observedGeneration": 1}, "ready"),
        (
            "apps/v1",
            "Deployment",
            {},
            {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 2, "availableReplicas": 2},
            "waiting",
        ),
        (
            "apps/v1",
            "Deployment",
            {},
            {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1},
            "ready",
        ),
        ("apps/v1", "StatefulSet", {}, {"observedGeneration": 1, "readyReplicas": 0}, "waiting"),
        (
            "apps/v1",
            "StatefulSet",
            {},
            {"observedGeneration": 1, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            "waiting",
        ),
        (
            "apps/v1",
            "StatefulSet",
            {},
            {"observedGeneration": 1, "readyReplicas": 1, "currentRevision": "b", "updateRevision": "b"},
            "ready",
        ),
        ("apps/v1", "DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 0}, "ready"),
        (
            "apps/v1",
            "DaemonSet",
            {},
            {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
            "waiting",
        ),
        ("batch/v1", "Job", {}, conditions(("Complete", "True")), "ready"),
        ("batch/v1", "Job", {}, conditions(("Failed", "True")), "failed"),
        ("batch/v1", "Job", {}, {"active": 1}, "waiting"),
        ("v1", "Pod", {}, {"phase": "Running", **conditions(("Ready", "True"))}, "ready"),
        ("v1", "Pod", {}, {"phase": "Failed"}, "failed"),
        ("v1", "Namespace", {}, {"phase": "Active"}, "ready"),
        ("v1", "PersistentVolume", {}, {"phase": "Failed"}, "failed"),
        ("v1", "ConfigMap", {}, {}, "ready"),
        ("networking.k8s.io/v1", "Ingress", {}, {}, "ready"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, conditions(("Established", "True")), "ready"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, conditions(("NamesAccepted", "False")), "failed"),
        ("example.org/v1", "Widget", {}, {}, "ready"),
        ("example.org/v1", "Widget", {}, conditions(("Ready", "False")), "waiting"),
        ("example.org/v1", "Widget", {}, {"observedGeneration": 0, **conditions(("Ready", "True"))}, "waiting"),
    ],
)
def test_readiness(version: str, kind: str, spec: dict[str, Any], status: dict[str, Any], state: str) -> None:
    assert check_of(version, kind)({**obj(spec, generation=1), "status": status}).state == state


@pytest.mark.parametrize(
    ("expression", "status", "state"),
    [
        ("condition=Ready", conditions(("Ready", "True")), "ready"),
        ("condition=Ready", conditions(("Ready", "False")), "waiting"),
        ("condition=Synced=False", conditions(("Synced", "False")), "ready"),
        ("jsonpath={.status.phase}=Running", {"phase": "Running"}, "ready"),
        ("jsonpath={.status.phase}", {}, "waiting"),
        ("jsonpath={.status.n}=3", {"n": 3}, "ready"),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', conditions(("Ready", "True")), "ready"),
        ('["condition=Ready", "jsonpath={.status.url}"]', conditions(("Ready", "True")), "waiting"),
    ],
)
def test_wait_for(expression: str, status: dict[str, Any], state: str) -> None:
    assert wait_for(expression)({**obj(), "status": status}).state == state


@pytest.mark.parametrize("expression", ["Ready", "jsonpath={.a[}", "[1", "condition="])
def test_wait_for_refuses_what_it_cannot_read(expression: str) -> None:
    with pytest.raises(PluginError, match="waitFor"):
        wait_for(expression)


def test_troubles_of_a_pod() -> None:
    pod: dict[str, Any] = {
        "metadata": {"name": "p"},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no memory"}
            ],
            "containerStatuses": [
                {"name": "a", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}}},
                {"name": "b", "restartCount": 0, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
                {"name": "c", "ready": False, "restartCount": 0, "state": {"running": {}}},
            ],
        },
    }
    assert pod_troubles(pod) == [
        "Unschedulable: no memory",
        "container a waits: CrashLoopBackOff: m, 2 restarts",
        "container b ended with 137 (OOMKilled)",
        "container c runs but is not ready",
    ]


def test_holders_of_a_deleted_namespace() -> None:
    live = {
        "kind": "Namespace",
        "metadata": {"name": "n"},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {
            "conditions": [
                {"type": "NamespaceFinalizersRemaining", "status": "True", "reason": "Some", "message": "x remains"}
            ]
        },
    }
    assert holders(live) == [
        "namespace finalizer kubernetes",
        "NamespaceFinalizersRemaining=True (Some: x remains)",
    ]


def kubeconfig(server: str) -> str:
    return (
        f"apiVersion: v1\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
        "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n"
    )


def test_another_server_replaces_the_provider_unless_the_identifier_says_otherwise() -> None:
    old, new = {"kubeconfig": kubeconfig("https://a")}, {"kubeconfig": kubeconfig("https://b")}
    assert config_changes(old, new) == (["kubeconfig"], ["kubeconfig"])
    same = {"clusterIdentifier": "one"}
    assert config_changes({**old, **same}, {**new, **same}) == (["kubeconfig"], [])
    token = {"kubeconfig": kubeconfig("https://a") + "# renewed\n"}
    assert config_changes(old, token) == (["kubeconfig"], [])
