"""Test what Pipelines and its databases declare, and the content of their configuration files."""

from __future__ import annotations

import json
import re
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from declared import IMAGES, SMALL, Declared, declare, is_secret, unwrap
from pod_rules import violations

from artifacts.manifests import Rendered, ensure, rendered
from components.applications.catalog import APPLICATIONS
from components.applications.pipelines import access, api_server, names, rights, runs, workflows
from components.applications.pipelines.component import Pipelines, PipelinesArgs
from components.applications.pipelines.description import PIPELINES
from components.applications.pipelines.names import API_ROUTE
from components.applications.pipelines.runs import Clients
from components.applications.pipelines.workflows import RunPolicy
from components.kubernetes.objects import restricted_namespace
from components.substrates.contract import (
    GatewayExposure,
    MysqlDatabase,
    ObjectStore,
    ObjectStoreAccess,
    Redis,
    StorageClasses,
    Substrate,
)
from components.substrates.databases import MYSQL_SCRIPT
from components.substrates.local.mysql import Mysql, MysqlArgs
from components.substrates.local.substrate import bucket_names
from components.teams.component import TeamSpace, TeamSpaceArgs
from components.teams.team import Quota, Team

POLICY = RunPolicy(
    run_seconds=3600, step_seconds=900, pods_kept_seconds=300, run_kept_seconds=7200, parallelism=10, step=SMALL
)

TEAM = Team(name="red", quota=Quota(cpu="2", memory="8Gi", gpu=0, volumes="20Gi"))

CONTROLLERS = {
    f"Deployment/{name}"
    for name in (names.API_SERVER, names.WORKFLOW_CONTROLLER, names.PERSISTENCE_AGENT, names.SCHEDULER)
}


def substrate(*, static_keys: bool = True) -> Substrate:
    """Return a substrate with MariaDB, with or without static keys of the object store."""
    provider = k8s.Provider("kubernetes", kubeconfig="/somewhere/kubeconfig")
    databases = Mysql(
        "mysql",
        MysqlArgs(
            namespace=restricted_namespace("data", pulumi.ResourceOptions(provider=provider)),
            image=IMAGES["mariadb"],
            storage_class="local-path",
            size="1Gi",
            resources=SMALL,
            databases=PIPELINES.mysql,
        ),
        pulumi.ResourceOptions(provider=provider),
    ).databases
    keys = {name: pulumi.Output.secret(f"key-of-{name}") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    reached = ObjectStoreAccess(environment={"AWS_REGION": "us-east-1"}, secret_environment=keys if static_keys else {})
    unused = Redis(host="redis", port=6379, password=pulumi.Output.secret("x"), tls=False)
    return Substrate(
        environment="local",
        kubernetes=provider,
        kubeconfig=pulumi.Output.secret("/somewhere/kubeconfig"),
        object_store=store(static_keys=static_keys, reached=reached),
        postgres={},
        mysql=databases,
        redis=unused,
        storage_classes=StorageClasses(rwo="local-path"),
        images=IMAGES,
        gateway=GatewayExposure(
            gateway_class="mlplatform", service_type="ClusterIP", cluster_ip=None, base_url="http://198.19.0.80"
        ),
    )


def store(*, static_keys: bool, reached: ObjectStoreAccess | None = None) -> ObjectStore:
    """Return an object store with static keys, or S3."""
    applications = [grant.application for grant in names.GRANTS]
    return ObjectStore(
        endpoint="http://198.19.0.70:7070" if static_keys else None,
        region="us-east-1" if static_keys else "eu-west-1",
        path_style=static_keys,
        buckets=bucket_names("local"),
        access=dict.fromkeys(applications, reached) if reached else {},
    )


def platform(*, static_keys: bool = True) -> None:
    below = substrate(static_keys=static_keys)
    Pipelines(
        "pipelines",
        PipelinesArgs(
            substrate=below,
            argo=rendered("argo"),
            upstream=rendered("pipelines"),
            clients=Clients(
                feast_config={"feature_store.yaml": pulumi.Output.secret("project: x")},
                mlflow={"MLFLOW_TRACKING_PASSWORD": pulumi.Output.secret("password-of-mlflow")},
            ),
            policy=POLICY,
            replicas=1,
            server=SMALL,
            controller=SMALL,
            gateway_crds=below.kubernetes,
            namespaces={item.name: item.namespace for item in APPLICATIONS},
            team=TeamSpace("red", TeamSpaceArgs(substrate=below, team=TEAM, defaults=SMALL)),
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def _rendered() -> None:
    ensure(["argo", "pipelines"])


@pytest.fixture(scope="module")
def declared() -> Declared:
    return declare(platform)


def test_everything_that_is_promised_runs(declared: Declared) -> None:
    assert {name for name, _ in declared.pods()} == {
        *("StatefulSet/mysql", "Job/mysql-databases", f"Deployment/{names.METADATA}"),
        *CONTROLLERS,
    }


def test_every_pod_keeps_the_rules(declared: Declared) -> None:
    assert violations(declared, CONTROLLERS) == []


def test_later_previews_equal_the_first(declared: Declared) -> None:
    assert declare(platform, preview=True).resources.keys() == declared.resources.keys()


def test_no_password_stands_outside_of_secrets(declared: Declared) -> None:
    for (kind, name), inputs in declared.resources.items():
        if not kind.endswith((":Secret", ":RandomPassword")):
            assert not re.search("password-of-|key-of-", json.dumps(inputs)), f"{kind} {name}"
    for name, inputs in declared.of_kind("Secret").items():
        data = inputs["stringData"]
        assert is_secret(data) or all(is_secret(value) for value in data.values()), name


def config(declared: Declared, name: str) -> dict[str, str]:
    return declared.of_kind("ConfigMap")[name]["data"]


def test_the_servers_configuration_names_no_default_of_upstreams(declared: Declared) -> None:
    read = json.loads(config(declared, "ml-pipeline-config")["config.json"])
    assert read["DBConfig"]["MySQLConfig"]["Host"] == "mysql.data.svc"
    assert read["ObjectStoreConfig"] == {
        "BucketName": "mlplatform-local-pipelines",
        "Host": "198.19.0.70",
        "PipelinePath": "pipelines",
        "Port": "7070",
        "Region": "us-east-1",
        "Secure": False,
    }
    secret = unwrap(declared.of_kind("Secret")["ml-pipeline-environment"])["stringData"]
    assert secret["OBJECTSTORECONFIG_ACCESSKEY"] == "key-of-AWS_ACCESS_KEY_ID"
    assert secret["DBCONFIG_MYSQLCONFIG_PASSWORD"] == "password-of-mysql-pipelines"


def test_with_an_identity_of_its_own_the_server_gets_empty_keys() -> None:
    """Without the variables, upstream's defaults for another object store would apply."""
    found = declare(lambda: platform(static_keys=False))
    secret = unwrap(found.of_kind("Secret")["ml-pipeline-environment"])["stringData"]
    assert secret["OBJECTSTORECONFIG_ACCESSKEY"] == secret["OBJECTSTORECONFIG_SECRETACCESSKEY"] == ""
    launcher = json.loads(config(found, "kfp-launcher")["providers"])
    assert launcher["s3"]["default"] == {"credentials": {"fromEnv": True}}
    assert not any("secrets" in rule["resources"] for rule in role(found, names.RUNNER)["rules"])


def test_aws_is_reached_by_its_own_name_and_with_tls() -> None:
    section = api_server.object_store_config(store(static_keys=False), "bucket")
    assert (section["Host"], section["Port"], section["Secure"]) == ("s3.eu-west-1.amazonaws.com", "", True)
    database = MysqlDatabase(
        host="h", port=3306, name="mlpipeline", user="u", password=pulumi.Output.secret("p"), authorities="PEM"
    )
    assert json.loads(api_server.driver_parameters(database)["DBCONFIG_MYSQLCONFIG_EXTRAPARAMS"])["tls"] == "true"


def test_the_server_gives_up_on_a_database_that_vanished(declared: Declared) -> None:
    pod = dict(declared.pods())["Deployment/ml-pipeline"]
    env = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
    parameters = json.loads(env["DBCONFIG_MYSQLCONFIG_EXTRAPARAMS"])
    assert parameters == {"timeout": "5s", "readTimeout": "60s", "writeTimeout": "10s"}
    # The server changes the keys of the file to lower case.
    read = json.loads(config(declared, "ml-pipeline-config")["config.json"])
    assert "ExtraParams" not in read["DBConfig"]["MySQLConfig"]


def test_the_launcher_knows_the_object_store(declared: Declared) -> None:
    launcher = config(declared, "kfp-launcher")
    assert launcher["defaultPipelineRoot"] == "s3://mlplatform-local-pipelines/red/v2/artifacts"
    default = json.loads(launcher["providers"])["s3"]["default"]
    assert (default["endpoint"], default["region"], default["disableSSL"]) == ("198.19.0.70:7070", "us-east-1", True)
    reference = default["credentials"]["secretRef"]
    keys = unwrap(declared.of_kind("Secret")["pipelines-object-store"])["stringData"]
    assert {reference["accessKeyKey"], reference["secretKeyKey"]} <= keys.keys()
    assert reference["secretName"] == runs.KEYS


def test_steps_find_what_jobs_find(declared: Declared) -> None:
    found = {(inputs["metadata"]["namespace"], inputs["metadata"]["name"]) for inputs in of(declared, "Secret")}
    wanted = {"feast-config", "mlflow-client", "object-store", names.CLIENT_SECRET}
    assert {(names.NAMESPACE, name) for name in wanted} <= found
    settings = config(declared, "pipelines-platform")
    assert (settings["PIPELINES_BUCKET"], settings["TEAM"]) == ("mlplatform-local-pipelines", "red")


def of(declared: Declared, kind: str) -> list[dict[str, Any]]:
    return list(declared.of_kind(kind).values())


def role(declared: Declared, name: str) -> dict[str, Any]:
    return next(item for item in of(declared, "Role") if item["metadata"]["name"] == name)


def test_nobody_may_read_the_servers_passwords(declared: Declared) -> None:
    """Check every account of the namespace, above all that of steps."""
    for item in of(declared, "Role"):
        for rule in item["rules"]:
            if "secrets" in rule["resources"] or "*" in rule["resources"]:
                assert rule.get("resourceNames") == [runs.KEYS], item["metadata"]["name"]


def test_every_account_has_one_role_and_every_role_one_account(declared: Declared) -> None:
    bindings = of(declared, "RoleBinding")
    bound = {item["subjects"][0]["name"]: item["roleRef"]["name"] for item in bindings}
    assert len(bound) == len(bindings)
    assert set(bound) == {*rights.SUBJECTS.values(), names.RUNNER}
    assert {item["metadata"]["name"] for item in of(declared, "Role")} == set(bound.values())
    accounts = {
        item["metadata"]["name"]
        for item in of(declared, "ServiceAccount")
        if item["metadata"]["namespace"] == names.NAMESPACE
    }
    assert set(bound) <= accounts


def test_another_set_of_upstream_roles_is_refused() -> None:
    known: Rendered = rendered("pipelines")
    with pytest.raises(ValueError, match="argo-role"):
        rights.objects(known.objects, [])


def test_rules_for_what_is_not_there_go() -> None:
    full = {
        "kind": "Role",
        "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ],
    }
    assert rights.narrowed(full)["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def sections() -> dict[str, Any]:
    return {name: json.loads(text) for name, text in workflows.sections(POLICY, {"AWS_REGION": "x"}).items()}


def test_no_run_waits_for_ever_and_none_stays_for_ever() -> None:
    spec = sections()["workflowDefaults"]["spec"]
    assert spec["activeDeadlineSeconds"] == POLICY.run_seconds
    assert spec["templateDefaults"] == {"timeout": "900s"}
    assert spec["podGC"] == {"strategy": "OnWorkflowCompletion", "deleteDelayDuration": "300s"}


def test_containers_of_steps_are_restricted() -> None:
    found = sections()
    assert found["workflowDefaults"]["spec"]["securityContext"]["runAsNonRoot"] is True
    for part in ("executor", "mainContainer"):
        security = found[part]["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"name": "AWS_REGION", "value": "x"} in found["mainContainer"]["env"]


def test_the_launchers_patch_is_json_in_both_cases() -> None:
    patch = workflows.launcher_patch()
    assert patch.index("}}") == len(patch) - 2, "the expression would end early"
    step, other = re.findall(r"'(\{.*?\})'(?= :|\}\})", patch)
    assert json.loads(step)["initContainers"][0]["name"] == workflows.LAUNCHER
    assert json.loads(other) == {}


def test_the_way_from_outside_is_locked_before_it_is_open(declared: Declared) -> None:
    policy = access.policy(API_ROUTE.name)["spec"]
    token = unwrap(declared.of_kind("Secret")[access.KEYS])["stringData"]["platform"]
    client = unwrap(declared.of_kind("Secret")[names.CLIENT_SECRET])["stringData"]
    assert policy["apiKeyAuth"]["credentialRefs"] == [{"name": access.KEYS}]
    assert policy["targetRefs"][0]["name"] == API_ROUTE.name
    assert client == {"KF_PIPELINES_ENDPOINT": "http://198.19.0.80/pipelines", "KF_PIPELINES_TOKEN": token}
    route = declared.of_kind("HTTPRoute")[API_ROUTE.name]["spec"]["rules"][0]
    assert route["matches"] == [{"path": {"type": "PathPrefix", "value": "/pipelines/apis/v2beta1"}}]


def test_the_servers_are_reached_by_their_own_namespace_and_the_gateway(declared: Declared) -> None:
    own, gateway = (
        declared.of_kind("NetworkPolicy")[name]["spec"] for name in ("pipelines-own-namespace", "pipelines-gateway")
    )
    assert own["podSelector"] == {}
    assert own["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert gateway["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == names.API_SERVER
    (rule,) = gateway["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "envoy-gateway-system"}}}
    ]
    assert rule["ports"] == [{"port": 8888, "protocol": "TCP"}]


def test_the_databases_script_makes_logins_that_reach_one_database_each() -> None:
    text = MYSQL_SCRIPT.read_text(encoding="utf-8")
    assert "GRANT ALL PRIVILEGES ON $name.* TO" in text
    assert "*.*" not in text
