"""Test transformations of objects, their order, and what `Manifests` declares."""

from __future__ import annotations

import copy
from typing import Any

import pulumi
import pytest

from components.kubernetes import transformations as t
from components.kubernetes.manifests import Manifests, ManifestsArgs, grouped, order_of, path_of, resource_class
from components.kubernetes.manifests import declare as declare_one
from tests.unit.declared import SMALL, declare


def item(kind: str, name: str = "a", *, api: str = "v1", namespace: str | None = "b", **fields: Any) -> t.Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def deployment(**container: Any) -> t.Object:
    spec = {
        "containers": [{"name": "main", "image": "org/main:v1", **container}, {"name": "side", "image": "org/side"}],
        "initContainers": [{"name": "first", "image": "host:5000/org/first@sha256:abc"}],
    }
    return item("Deployment", api="apps/v1", spec={"template": {"spec": spec}})


def pod(changed: t.Object | None) -> dict[str, Any]:
    assert changed is not None
    return changed["spec"]["template"]["spec"]


ALL_IMAGES = {"org/main": "r/main:1", "org/side": "r/side:1", "host:5000/org/first": "r/first:1"}

EVERY = [
    t.with_namespace("x"),
    t.with_images(ALL_IMAGES),
    t.with_resources({"main": SMALL}),
    t.with_security_context(user=10001),
    t.with_env("main", {"A": "1"}),
    t.with_container("main", {"command": ["run"]}),
    t.without_container("side"),
    t.with_pod_annotations({"a": "b"}),
    t.without_annotations("a"),
]


@pytest.mark.parametrize("transformation", EVERY)
def test_no_transformation_alters_its_argument(transformation: t.Transformation) -> None:
    before = deployment(env=[{"name": "A", "value": "0"}])
    original = copy.deepcopy(before)
    transformation(before)
    assert before == original


@pytest.mark.parametrize("transformation", EVERY[1:8])
def test_only_workloads_have_pods(transformation: t.Transformation) -> None:
    assert transformation(item("ConfigMap", data={"a": "1"})) == item("ConfigMap", data={"a": "1"})


def test_images_are_replaced_by_repository_in_every_container() -> None:
    spec = pod(t.with_images(ALL_IMAGES)(deployment()))
    assert [entry["image"] for entry in t.containers(spec)] == ["r/first:1", "r/main:1", "r/side:1"]


def test_an_image_that_nobody_supplies_is_refused() -> None:
    with pytest.raises(KeyError, match="org/side"):
        t.with_images({"org/main": "r/main:1", "host:5000/org/first": "r/first:1"})(deployment())


def test_pods_of_cron_jobs_are_changed_as_well() -> None:
    spec = deployment()["spec"]
    changed = t.with_images(ALL_IMAGES)(item("CronJob", api="batch/v1", spec={"jobTemplate": {"spec": spec}}))
    assert changed is not None
    assert changed["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] == "r/main:1"


def test_a_security_context_is_restricted_whatever_stood_there() -> None:
    loose = {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}, "procMount": "Default"}
    spec = pod(t.with_security_context(user=10001)(deployment(securityContext=loose)))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in t.containers(spec):
        security = container["securityContext"]
        assert security["privileged"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["runAsUser"] == 10001


def test_variables_are_set_over_those_there_and_copying_leaves_outputs_themselves() -> None:
    secret = object()
    changed = t.with_env("main", {"A": secret})(
        deployment(env=[{"name": "A", "value": "0"}, {"name": "B", "value": "1"}])
    )
    assert changed is not None
    again = t.with_security_context(user=1)(changed)
    env = pod(again)["containers"][0]["env"]
    assert [entry["name"] for entry in env] == ["B", "A"]
    assert env[1]["value"] is secret


def test_a_namespace_is_given_only_where_there_is_none_and_may_be_one() -> None:
    give = t.with_namespace("x")
    assert give(item("ConfigMap", namespace=None)) == item("ConfigMap", namespace="x")
    assert give(item("ConfigMap")) == item("ConfigMap")
    assert give(item("ClusterRole", namespace=None)) == item("ClusterRole", namespace=None)


def test_objects_are_left_out_by_kind_and_name() -> None:
    kept = t.apply_all([item("Secret"), item("Secret", "c")], [t.without(t.named("Secret", "a"))])
    assert [entry["metadata"]["name"] for entry in kept] == ["c"]


def test_data_is_set_in_one_config_map_only() -> None:
    change = t.with_data("a", {"k": "new"}, drop={"gone"})
    assert change(item("ConfigMap", data={"gone": "1", "kept": "2"}))["data"] == {"kept": "2", "k": "new"}  # type: ignore[index]
    other = item("ConfigMap", "other", data={"gone": "1"})
    assert change(other) == other


def test_every_webhook_trusts_the_bundle() -> None:
    hooks: list[dict[str, Any]] = [
        {"name": "one", "clientConfig": {"service": {}}},
        {"name": "two", "clientConfig": {}},
    ]
    configuration = item("ValidatingWebhookConfiguration", api="admissionregistration.k8s.io/v1", webhooks=hooks)
    changed = t.with_ca_bundle("Q0E=")(configuration)
    assert changed is not None
    assert [hook["clientConfig"]["caBundle"] for hook in changed["webhooks"]] == ["Q0E=", "Q0E="]


def test_order_is_namespaces_then_identities_then_jobs_then_workloads_then_webhooks_then_the_rest() -> None:
    shuffled = [
        item("Gateway", api="gateway.networking.k8s.io/v1"),
        item("ValidatingWebhookConfiguration", api="admissionregistration.k8s.io/v1", namespace=None),
        item("Service"),
        deployment(),
        item("Job", api="batch/v1"),
        item("ConfigMap"),
        item("ServiceAccount"),
        item("Namespace", namespace=None),
    ]
    kinds = [[entry["kind"] for entry in group] for group in grouped(shuffled)]
    assert kinds == [
        ["Namespace"],
        ["ConfigMap", "ServiceAccount"],
        ["Job"],
        ["Deployment", "Service"],
        ["ValidatingWebhookConfiguration"],
        ["Gateway"],
    ]


def test_a_foreign_kind_of_a_known_name_is_a_custom_resource() -> None:
    foreign = item("Service", api="serving.knative.dev/v1")
    assert order_of(foreign) > order_of(item("Service"))
    assert resource_class("serving.knative.dev/v1", "Service") is None
    assert resource_class("apps/v1", "Deployment") is not None
    with pytest.raises(ValueError, match="no Deployment of apps/v7"):
        resource_class("apps/v7", "Deployment")


def test_manifests_declares_one_resource_an_object_and_chains_the_groups() -> None:
    objects = [
        item("Namespace", "b", namespace=None),
        item("ConfigMap", data={"Key.with.dots": "1"}),
        item("RoleBinding", api="rbac.authorization.k8s.io/v1", roleRef={"kind": "Role"}, subjects=[{"kind": "User"}]),
        item("Gateway", api="gateway.networking.k8s.io/v1", spec={"gatewayClassName": "c"}),
    ]
    made: list[Manifests] = []
    declared = declare(lambda: made.append(Manifests("m", ManifestsArgs(objects=objects))))
    assert set(made[0].resources) == {path_of(entry) for entry in objects}
    binding = declared.resources["kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "m/RoleBinding/b/a"]
    assert binding["roleRef"] == {"kind": "Role"}
    config = declared.resources["kubernetes:core/v1:ConfigMap", "m/ConfigMap/b/a"]
    assert config["data"] == {"Key.with.dots": "1"}
    gateway = declared.resources["kubernetes:gateway.networking.k8s.io/v1:Gateway", "m/Gateway/b/a"]
    assert gateway["spec"] == {"gatewayClassName": "c"}
    assert len(declared.resources) == 1 + len(objects)


def test_an_object_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice: ConfigMap/b/a"):
        declare(lambda: Manifests("m", ManifestsArgs(objects=[item("ConfigMap"), item("ConfigMap")])))


def test_a_custom_resource_with_unknown_top_level_fields_is_refused() -> None:
    odd = item("Thing", api="example.com/v1", data={})
    with pytest.raises(ValueError, match="top-level data"):
        declare_one("x", odd, pulumi.ResourceOptions())
