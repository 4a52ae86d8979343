"""Test the resources that the stacks on AWS declare: whole programs against mocks."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import pytest
from declared import Declared, declare, is_secret, unwrap
from pulumi.runtime import mocks
from stack_programs import AWS, config, made

from artifacts import manifests
from components.kubernetes import pod_security
from components.substrates.aws.upstream_images import upstream_copies, upstream_image
from infra.program import program
from policy import render
from policy.model import Resource

HOLDS_DATA = {
    "aws:s3/bucket:Bucket",
    "aws:rds/instance:Instance",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
}


@functools.cache
def rendered(stack: str) -> tuple[Resource, ...]:
    manifests.ensure()
    return tuple(render.render(stack, program, config(stack)).resources)


def of(stack: str, kind: str) -> dict[str, Any]:
    return {item.name: item.inputs for item in rendered(stack) if item.type.rsplit(":", 1)[-1] == kind}


@pytest.mark.parametrize("stack", AWS)
def test_exactly_what_holds_data_is_protected(stack: str) -> None:
    protected = {item.type for item in rendered(stack) if item.protect}
    assert protected == (set() if stack == "dev" else HOLDS_DATA)
    for item in rendered(stack):
        if item.type in HOLDS_DATA:
            assert item.protect is (stack != "dev"), item.name


@pytest.mark.parametrize("stack", AWS)
def test_aws_itself_protects_what_pulumi_does(stack: str) -> None:
    safe = stack != "dev"
    for instance in of(stack, "Instance").values():
        assert instance["deletionProtection"] is safe
    assert of(stack, "Cluster")["cluster"]["deletionProtection"] is safe
    for bucket in of(stack, "Bucket").values():
        assert bucket["forceDestroy"] is not safe


@pytest.mark.parametrize("protect", [True, False])
@pytest.mark.parametrize("stack", AWS)
def test_stores_leave_a_last_snapshot_whether_or_not_they_are_still_protected(stack: str, protect: bool) -> None:
    """Stores can be deleted only after protection is off, so final snapshots must not depend on protection."""
    values = json.loads(config(stack)["mlplatform:aws"])
    values |= {"protect_data": protect, "decommission": None if protect else stack}
    manifests.ensure()
    found = render.render(stack, program, {**config(stack), "mlplatform:aws": json.dumps(values)}).resources
    kept = stack != "dev"
    stores = [item.inputs for item in found if item.type.endswith((":Instance", ":ReplicationGroup"))]
    assert len(stores) == 3
    names = {store.get("finalSnapshotIdentifier") for store in stores}
    assert names == (
        {f"mlplatform-{stack}-{store}-final-0f1e2d3c" for store in ("postgres", "mysql", "redis")} if kept else {None}
    )
    for instance in (store for store in stores if "skipFinalSnapshot" in store):
        assert instance["skipFinalSnapshot"] is instance["deleteAutomatedBackups"] is not kept
    windows = {item.inputs["deletionWindowInDays"] for item in found if item.type == "aws:kms/key:Key"}
    assert windows == {30 if kept or protect else 7}, "a snapshot cannot be restored without its key"


def test_a_parameter_group_in_use_is_never_deleted_before_its_replacement(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, tuple[bool, bool]] = {}
    register = mocks.MockMonitor.RegisterResource

    def watched(self: mocks.MockMonitor, request: Any) -> Any:
        if request.type.endswith(":ParameterGroup"):
            seen[f"{request.type} {request.name}"] = (request.deleteBeforeReplaceDefined, request.deleteBeforeReplace)
        return register(self, request)

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResource", watched)
    manifests.ensure()
    declare(program, stack="dev", config=config("dev"))
    assert len(seen) == 3
    assert set(seen.values()) == {(True, False)}


@pytest.mark.parametrize("stack", AWS)
def test_what_interrupts_protected_stores_waits_for_their_maintenance_window(stack: str) -> None:
    stores = [*of(stack, "Instance").values(), *of(stack, "ReplicationGroup").values()]
    assert len(stores) == 3
    assert {store["applyImmediately"] for store in stores} == {stack == "dev"}
    assert all(store["maintenanceWindow"] for store in stores)


@pytest.mark.parametrize("stack", AWS)
def test_the_same_components_run_everywhere(stack: str) -> None:
    """Stacks differ in numbers, never in kinds; only a single pod has no PodDisruptionBudget."""
    budget = {"kubernetes:policy/v1:PodDisruptionBudget"}
    assert {item.type for item in rendered(stack)} | budget == {item.type for item in rendered("prod")}
    namespaces = {i.inputs["metadata"]["name"] for i in rendered(stack) if i.type.endswith(":Namespace")}
    assert namespaces >= {"data", "mlflow", "feast", "kserve", "envoy-gateway-system", "data-science"}


@pytest.mark.parametrize("stack", AWS)
def test_nothing_has_a_static_key(stack: str) -> None:
    secrets = [item for item in rendered(stack) if item.type == "kubernetes:core/v1:Secret"]
    assert secrets
    for item in secrets:
        assert not {key for key in item.inputs.get("stringData", {}) if "ACCESS_KEY" in key}, item.name
    assert not of(stack, "AccessKey")


@pytest.mark.parametrize("stack", AWS)
def test_every_service_account_with_a_role_exists(stack: str) -> None:
    accounts = {
        (inputs["metadata"]["namespace"], inputs["metadata"]["name"]) for inputs in of(stack, "ServiceAccount").values()
    }
    associations = {(a["namespace"], a["serviceAccount"]): a for a in of(stack, "PodIdentityAssociation").values()}
    addons = {
        ("kube-system", "aws-node"),
        ("kube-system", "ebs-csi-controller-sa"),
        ("kube-system", "efs-csi-controller-sa"),
        ("external-dns", "external-dns"),
    }
    assert set(associations) - addons <= accounts
    assert len({a["roleArn"] for a in associations.values()}) == len(associations)


@pytest.mark.parametrize("stack", AWS)
def test_subnets_lie_in_the_vpc_and_every_private_one_has_a_way_out(stack: str) -> None:
    vpc = IPv4Network(of(stack, "Vpc")["network"]["cidrBlock"])
    subnets = [IPv4Network(subnet["cidrBlock"]) for subnet in of(stack, "Subnet").values()]
    assert all(subnet.subnet_of(vpc) for subnet in subnets)
    routes = of(stack, "Route")
    assert [name for name, route in routes.items() if "gatewayId" in route] == ["network-public"]
    private = [route for name, route in routes.items() if name.startswith("network-private")]
    assert all("natGatewayId" in route for route in private)
    assert len({route["natGatewayId"] for route in private}) == (3 if stack == "prod" else 1)
    assert not any("database" in name for name in routes)


@pytest.mark.parametrize("stack", AWS)
def test_gpu_nodes_come_from_zero_and_keep_others_off(stack: str) -> None:
    gpu = of(stack, "NodeGroup")["nodes-gpu"]
    assert gpu["amiType"] == "AL2023_x86_64_NVIDIA"
    assert gpu["scalingConfig"]["minSize"] == 0
    assert gpu["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    prefix = "k8s.io/cluster-autoscaler/node-template"
    tags = {tag["tag"]["key"]: tag["tag"]["value"] for tag in of(stack, "Tag").values()}
    assert tags[f"{prefix}/resources/nvidia.com/gpu"] == "1"
    assert tags[f"{prefix}/taint/nvidia.com/gpu"] == "present:NoSchedule"
    assert tags[f"{prefix}/label/mlplatform/accelerator"] == "nvidia"
    assert tags[f"{prefix}/label/k8s.amazonaws.com/accelerator"] == gpu["labels"]["k8s.amazonaws.com/accelerator"]
    assert gpu["labels"]["k8s.amazonaws.com/accelerator"].startswith("nvidia-g5")
    plugin = next(i.inputs for i in rendered(stack) if i.type.endswith(":DaemonSet"))["spec"]["template"]["spec"]
    assert plugin["nodeSelector"].items() <= gpu["labels"].items()
    assert plugin["tolerations"][0]["key"] == gpu["taints"][0]["key"]


@pytest.mark.parametrize("stack", AWS)
def test_the_kubeconfig_holds_no_secret_and_the_cluster_has_a_name(stack: str) -> None:
    provider = made(stack).resources["pulumi:providers:kubernetes", "kubernetes"]
    config = json.loads(unwrap(provider["kubeconfig"]))
    user = config["users"][0]["user"]
    assert set(user) == {"exec"}
    assert user["exec"]["args"][:2] == ["eks", "get-token"]
    assert provider["clusterIdentifier"].endswith(f":cluster/mlplatform-{stack}")


def test_the_entrance_is_a_balancer_with_a_certificate_for_known_networks() -> None:
    proxy = next(i.inputs for i in rendered("prod") if i.inputs.get("kind") == "EnvoyProxy")
    service = proxy["spec"]["provider"]["kubernetes"]["envoyService"]
    annotations = service["annotations"]
    assert service["type"] == "LoadBalancer"
    assert service["loadBalancerSourceRanges"] == ["203.0.113.0/24"]
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-type"] == "nlb"
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"].startswith("arn:aws:acm:")
    assert annotations["external-dns.alpha.kubernetes.io/hostname"] == "ml.example.com"
    assert "Environment=prod" in annotations["service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags"]
    gateway = next(i.inputs for i in rendered("prod") if i.inputs.get("kind") == "Gateway")
    assert [listener["port"] for listener in gateway["spec"]["listeners"]] == [443]


@pytest.mark.parametrize("stack", AWS)
def test_dns_looks_after_the_zone_of_the_entrance(stack: str) -> None:
    """The zone is a parent of the host, so a filter by the host would match no zone."""
    zone_id = json.loads(config(stack)["mlplatform:aws"])["entrance"]["zone_id"]
    values = json.loads(of(stack, "Addon")["external-dns"]["configurationValues"])
    assert values["extraArgs"] == [f"--zone-id-filter={zone_id}"]
    assert "domainFilters" not in values


def test_a_stack_with_a_registry_needs_no_repositories_and_mirrors_upstream() -> None:
    values = {**config("dev"), "mlplatform:registry": "registry.example.com/ml"}
    manifests.ensure()
    mirrored = render.render("dev", program, values).resources
    assert not [item for item in mirrored if item.type == "aws:ecr/repository:Repository"]
    text = json.dumps([item.inputs for item in mirrored], default=str)
    for copy in upstream_copies("registry.example.com/ml"):
        assert f"{copy.target}@{copy.source.partition('@')[2]}" in text
    assert "registry.k8s.io" not in text
    assert "nvcr.io" not in text


def texts(node: Any) -> Iterator[str]:
    """Yield every text in what the engine would show; a secret yields its mark."""
    if is_secret(node):
        return
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for item in node.values():
            yield from texts(item)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


def leaks(found: Declared) -> list[str]:
    """Return resources that show a password where the engine would."""
    return [
        f"{kind} {name}"
        for (kind, name), inputs in found.resources.items()
        if not kind.endswith(":RandomPassword") and any("password-of-" in text for text in texts(inputs))
    ]


@pytest.mark.parametrize("stack", AWS)
def test_no_password_stands_in_plain_text(stack: str) -> None:
    found = made(stack)
    assert len(found.of_kind("RandomPassword")) >= 10
    assert leaks(found) == []
    assert "password-of-" not in json.dumps(found.outputs)


def test_a_password_in_plain_text_would_be_found() -> None:
    spoiled = Declared()
    spoiled.resources["aws:rds/instance:Instance", "x"] = {"password": "password-of-x"}
    assert leaks(spoiled) == ["aws:rds/instance:Instance x"]


@pytest.mark.parametrize("stack", AWS)
def test_every_client_of_a_database_verifies_it_with_a_file_that_it_sees(stack: str) -> None:
    """Each Secret or ConfigMap that names the file contains it, and is mounted at the path that it names."""
    secrets = {name: unwrap(inputs).get("stringData", {}) for name, inputs in made(stack).of_kind("Secret").items()}
    for name in (
        "feast-config",
        "feast-server-config",
        "data-science-feast-config",
        "pipelines-feast-config",
        "mlflow-auth",
    ):
        folder = "/etc/mlflow" if name == "mlflow-auth" else "/etc/feast"
        text = json.dumps(secrets[name])
        assert f"sslmode=verify-full&sslrootcert={folder}/database-ca.pem" in text, name
        assert "BEGIN CERTIFICATE" in secrets[name]["database-ca.pem"], name
    assert "sslrootcert=/etc/mlflow/database-ca.pem" in secrets["mlflow-environment"]["MLFLOW_BACKEND_STORE_URI"]
    pods = dict(made(stack).pods())
    for name, secret in {
        "Deployment/mlflow": "mlflow-auth",
        "Deployment/feast": "feast-server-config",
        "CronJob/feast-materialize": "feast-config",
    }.items():
        folder = "/etc/mlflow" if secret == "mlflow-auth" else "/etc/feast"
        assert folder in places(pods[name], secret), name
    [prepare] = [pod for name, pod in pods.items() if name.startswith("Job/mlflow-prepare")]
    assert places(prepare, "mlflow-auth") == ["/etc/mlflow"]


def places(pod: dict[str, Any], secret: str) -> list[str]:
    """Return the paths at which the first container of a pod mounts a Secret."""
    names = {item["name"] for item in pod["volumes"] if item.get("secret", {}).get("secretName") == secret}
    return [item["mountPath"] for item in pod["containers"][0]["volumeMounts"] if item["name"] in names]


@pytest.mark.parametrize("stack", AWS)
def test_servers_that_speak_mysql_verify_it_too(stack: str) -> None:
    found = made(stack)
    assert "BEGIN CERTIFICATE" in found.of_kind("ConfigMap")["ml-pipeline-config"]["data"]["database-ca.pem"]
    pods = dict(found.pods())

    def env(name: str) -> dict[str, Any]:
        [pod] = [pod for key, pod in pods.items() if key == name or key.startswith(f"{name}-databases")]
        return {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}

    assert json.loads(env("Deployment/ml-pipeline")["DBCONFIG_MYSQLCONFIG_EXTRAPARAMS"])["tls"] == "true"
    assert env("Deployment/ml-pipeline")["SSL_CERT_DIR"] == "/config"
    assert env("Deployment/metadata-grpc-service")["METADATA_MYSQL_CA_FILE"] == "/run/secrets/database/database-ca.pem"
    assert "BEGIN CERTIFICATE" in unwrap(found.of_kind("Secret")["metadata-database"])["stringData"]["database-ca.pem"]
    assert env("Job/postgres")["PGSSLMODE"] == "verify-full"
    for kind, variable in (("postgres", "PGSSLROOTCERT"), ("mysql", "MYSQL_AUTHORITIES")):
        assert env(f"Job/{kind}")[variable] == "/scripts/database-ca.pem"
        assert "BEGIN CERTIFICATE" in found.of_kind("ConfigMap")[f"{kind}-scripts"]["data"]["database-ca.pem"]


@pytest.mark.parametrize("stack", AWS)
def test_what_makes_logins_on_postgres_gets_no_password(stack: str) -> None:
    logins = unwrap(made(stack).of_kind("Secret")["postgres-logins"])["stringData"]
    assert set(logins) == {"mlflow", "mlflow_auth", "feast"}
    assert all(value.startswith("SCRAM-SHA-256$4096:") for value in logins.values())


@pytest.mark.parametrize("stack", AWS)
def test_what_makes_logins_on_mysql_gets_no_password(stack: str) -> None:
    logins = unwrap(made(stack).of_kind("Secret")["mysql-logins"])["stringData"]
    assert set(logins) == {"mlpipeline", "metadb"}
    assert all(re.fullmatch(r"\*[0-9A-F]{40}", value) for value in logins.values())


@pytest.mark.parametrize("stack", AWS)
def test_what_goes_with_kubernetes_is_of_its_minor_version(stack: str) -> None:
    [cluster] = of(stack, "Cluster").values()
    minor = cluster["version"]
    assert {item["version"] for item in of(stack, "NodeGroup").values()} == {minor}
    assert f":v{minor}." in upstream_image("cluster-autoscaler", None)
    assert f"v{minor}" == pod_security.VERSION
