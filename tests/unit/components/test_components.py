"""Test what the platform's own components declare, and the rules of all their pods."""

from __future__ import annotations

import configparser
import copy
import json
from typing import Any

import pytest
import yaml
from declared import IMAGES, SMALL, Declared, declare, is_secret, unwrap
from pod_rules import containers, violations

from components.applications.catalog import APPLICATIONS
from components.applications.checks import requested
from components.applications.description import Context
from components.applications.feast import component as feast
from components.applications.feast.component import Feast, FeastArgs, Materialization
from components.applications.feast.description import FEAST
from components.applications.mlflow import component as mlflow
from components.applications.mlflow.component import MLflow, MLflowArgs
from components.applications.mlflow.description import MLFLOW
from components.substrates.local import LocalSubstrate, LocalSubstrateArgs
from components.substrates.local.substrate import LocalService
from components.teams.component import TeamSpace, TeamSpaceArgs
from components.teams.team import IDENTITIES, Quota, Team

SERVER = LocalService(volume="1Gi", resources=SMALL)
QUOTA = Quota(cpu="2", memory="8Gi", gpu=1, volumes="20Gi")
TEAMS = (Team(name="red", quota=QUOTA), Team(name="blue", quota=QUOTA))


def platform(replicas: int = 1) -> None:
    substrate = LocalSubstrate(
        "substrate",
        LocalSubstrateArgs(
            environment="local",
            kubeconfig="/somewhere/kubeconfig",
            images=IMAGES,
            storage_class="local-path",
            gateway_cluster_ip="198.19.0.80",
            object_store_cluster_ip="198.19.0.70",
            postgres=SERVER,
            mysql=SERVER,
            redis=SERVER,
            redis_max_memory_mib=128,
            object_store=SERVER,
            requests=requested(APPLICATIONS, TEAMS),
        ),
    ).substrate
    teams = [
        TeamSpace(
            team.name,
            TeamSpaceArgs(substrate=substrate, team=team, defaults=SMALL, environment={"FEAST_PROJECT": "mlplatform"}),
        )
        for team in TEAMS
    ]
    tracking = MLflow(
        "mlflow",
        MLflowArgs(
            substrate=substrate,
            replicas=replicas,
            workers=1,
            resources=SMALL,
            hosts=["198.19.0.80"],
            scheme="http",
            teams=[team.name for team in TEAMS],
            protected_aliases=["champion"],
        ),
    )
    store = Feast(
        "feast",
        FeastArgs(
            substrate=substrate,
            replicas=replicas,
            workers=1,
            registry_refresh_seconds=60,
            resources=SMALL,
            materialization=Materialization(schedule="17 * * * *", until=None, resources=SMALL),
        ),
    )
    context = Context(substrate=substrate, applications=APPLICATIONS, teams=teams, declared=[tracking, store])
    for item in (MLFLOW, FEAST):
        for team in teams:
            item.declare_team(context, team)


@pytest.fixture(scope="module")
def declared() -> Declared:
    return declare(platform)


def test_everything_that_is_promised_runs(declared: Declared) -> None:
    assert {name for name, _ in declared.pods()} == {
        *("StatefulSet/postgres", "StatefulSet/redis", "StatefulSet/s3", "Job/postgres-databases", "Job/s3-buckets"),
        *("StatefulSet/mysql", "Job/mysql-databases"),
        *("Deployment/mlflow", "Job/mlflow-prepare", "Deployment/feast", "CronJob/feast-materialize"),
    }


def test_every_pod_keeps_the_rules(declared: Declared) -> None:
    assert violations(declared) == []


SPOILED: list[tuple[str, str, str, object]] = [
    ("runs as root", "securityContext", "runAsUser", 0),
    ("no ServiceAccount", "", "serviceAccountName", "default"),
    ("mounts a token", "", "automountServiceAccountToken", True),
    ("write its root", "containers.0.securityContext", "readOnlyRootFilesystem", False),
    ("gain privileges", "containers.0.securityContext", "allowPrivilegeEscalation", True),
    ("lacks requests", "containers.0.resources.limits", "cpu", None),
    ("floats", "containers.0", "image", "mlplatform.local/mlflow"),
    ("has no probes", "containers.0", "readinessProbe", None),
    ("in plain sight", "containers.0", "env", [{"name": "PGPASSWORD", "value": "x"}]),
    ("among its arguments", "containers.0", "args", ["password-of-x"]),
]


@pytest.mark.parametrize(("expected", "where", "key", "value"), SPOILED)
def test_each_rule_can_fail(declared: Declared, expected: str, where: str, key: str, value: object) -> None:
    fresh = copy.deepcopy(declared)
    node: Any = dict(fresh.pods())["Deployment/mlflow"]
    for part in filter(None, where.split(".")):
        node = node[int(part) if part.isdigit() else part]
    if value is None:
        del node[key]
    else:
        node[key] = value
    found = violations(fresh)
    assert len(found) == 1, found
    assert "mlflow" in found[0]
    assert expected in found[0]


def test_secret_values_are_secrets_of_the_stack(declared: Declared) -> None:
    secrets = declared.of_kind("Secret")
    assert secrets
    for name, inputs in secrets.items():
        data = inputs["stringData"]
        assert is_secret(data) or all(is_secret(value) for value in data.values()), name


def test_no_password_stands_outside_of_secrets(declared: Declared) -> None:
    for (kind, name), inputs in declared.resources.items():
        if not kind.endswith((":Secret", ":RandomPassword")):
            assert "password-of-" not in json.dumps(inputs), f"{kind} {name}"


def test_later_previews_equal_the_first() -> None:
    first, later = declare(platform, preview=True), declare(platform, preview=False)
    assert first.resources.keys() == later.resources.keys()


def test_namespaces_are_restricted(declared: Declared) -> None:
    found = declared.of_kind("Namespace")
    assert set(found) == {"data", "mlflow", "feast", "red", "blue"}
    for inputs in found.values():
        assert inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_budget_is_there_exactly_when_there_is_something_to_keep(declared: Declared) -> None:
    assert not declared.of_kind("PodDisruptionBudget")
    assert set(declare(lambda: platform(replicas=2)).of_kind("PodDisruptionBudget")) == {"mlflow", "feast"}


def test_selectors_take_no_pods_of_jobs(declared: Declared) -> None:
    """A Service that also selected the migration's pod would send requests to it."""
    for name, service in declared.of_kind("Service").items():
        selector = service["spec"]["selector"].items()
        for job in (*declared.of_kind("Job").values(), *declared.of_kind("CronJob").values()):
            spec = job["spec"].get("jobTemplate", job)["spec"]
            assert not selector <= spec["template"]["metadata"]["labels"].items(), name


def secret(declared: Declared, name: str) -> dict[str, str]:
    return unwrap(declared.of_kind("Secret")[name])["stringData"]


def test_mlflow_has_no_default_password_and_runs_no_jobs(declared: Declared) -> None:
    assert secret(declared, "mlflow-environment")["MLFLOW_AUTH_ADMIN_PASSWORD"] == "password-of-mlflow-admin"
    container = dict(containers(declared))["Deployment/mlflow/mlflow"]
    env = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert "mlflow.mlflow.svc:5000" in env["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert "198.19.0.80" in env["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert "*" not in env["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert container["args"][container["args"].index("--artifacts-destination") + 1] == "s3://mlplatform-local-models"
    assert container["args"][container["args"].index("--app-name") + 1] == "mlplatform"


def test_mlflow_users_live_in_a_database_of_their_own(declared: Declared) -> None:
    config = configparser.ConfigParser()
    config.read_string(secret(declared, "mlflow-auth")["basic_auth.ini"])
    uri = config["mlflow"]["database_uri"]
    assert uri.startswith("postgresql+psycopg2://mlflow_auth:")
    assert "/mlflow_auth?" in uri
    assert config["mlflow"]["default_permission"] == "NO_PERMISSIONS"


def test_a_percent_sign_in_a_url_survives_the_configuration_file() -> None:
    config = configparser.ConfigParser()
    config.read_string(mlflow.auth_config("postgresql://u:a%40b@h/d"))
    assert config["mlflow"]["database_uri"] == "postgresql://u:a%40b@h/d"


def test_feast_configuration_is_one_that_feast_accepts(declared: Declared) -> None:
    server = yaml.safe_load(secret(declared, "feast-server-config")["feature_store.yaml"])
    client = yaml.safe_load(secret(declared, "feast-config")["feature_store.yaml"])
    assert server["registry"].pop("cache_mode") == "thread"
    assert client["registry"].pop("cache_mode") == "sync"
    assert server == client
    assert client["online_store"]["connection_string"].startswith("redis.data.svc:6379,password=password-of-redis,")
    assert secret(declared, "red-feast-config") == secret(declared, "feast-config")


def test_the_feature_server_never_restarts_its_worker(declared: Declared) -> None:
    args = dict(containers(declared))["Deployment/feast/feast"]["args"]
    assert args[args.index("--max-requests") + 1] == "0"
    assert args[args.index("--max-requests-jitter") + 1] == "0"


def test_materialization_never_overlaps(declared: Declared) -> None:
    spec = declared.of_kind("CronJob")["feast-materialize"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["timeZone"] == "Etc/UTC"


def test_materialization_ends_where_it_is_told_to() -> None:
    assert feast.materialize_command("2013-12-30T22:00:00")[-1].endswith(
        'materialize-incremental "2013-12-30T22:00:00"'
    )
    assert "date --utc" in feast.materialize_command(None)[-1]


def test_a_team_finds_what_it_needs(declared: Declared) -> None:
    values = declared.of_kind("ConfigMap")["red-platform"]["data"]
    assert (values["TEAM"], values["SERVING_NAMESPACE"]) == ("red", "red")
    assert values["MODELS_BUCKET"] == "mlplatform-local-models"
    assert values["AWS_ENDPOINT_URL"] == "http://198.19.0.70:7070"
    assert values["FEAST_PROJECT"] == "mlplatform"
    assert secret(declared, "red-mlflow-client")["MLFLOW_TRACKING_USERNAME"] == "red-jobs"


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_identity_has_keys_of_its_own_and_no_token(declared: Declared, identity: str) -> None:
    """Pods of Kubeflow Pipelines ask for their token themselves."""
    keys = secret(declared, f"red-object-store-{identity}")
    assert keys["AWS_ACCESS_KEY_ID"] == f"red-{identity}"
    assert keys["AWS_SECRET_ACCESS_KEY"] == f"password-of-s3-red-{identity}"
    account = declared.of_kind("ServiceAccount")[f"red-{identity}"]
    assert account["metadata"]["namespace"] == "red"
    assert account["automountServiceAccountToken"] is False
    # KServe takes the keys of predictors from their ServiceAccount.
    named = [item["name"] for item in account.get("secrets") or []]
    assert named == (["object-store-serving"] if identity == "serving" else [])


def test_a_team_has_a_quota_and_its_containers_have_limits(declared: Declared) -> None:
    hard = declared.of_kind("ResourceQuota")["red-quota"]["spec"]["hard"]
    assert (hard["requests.cpu"], hard["requests.memory"], hard["requests.storage"]) == ("2", "8Gi", "20Gi")
    assert hard["requests.nvidia.com/gpu"] == "1"
    assert (hard["services.loadbalancers"], hard["services.nodeports"]) == ("0", "0")
    (limit,) = declared.of_kind("LimitRange")["red-defaults"]["spec"]["limits"]
    assert limit["defaultRequest"] == {"cpu": SMALL.cpu, "memory": SMALL.memory}
    assert limit["default"] == {"cpu": SMALL.cpu_limit, "memory": SMALL.memory_limit}
    assert limit["max"] == {"memory": "8Gi"}


def test_the_kubernetes_provider_is_known_before_the_cluster_is(declared: Declared) -> None:
    provider = declared.resources["pulumi:providers:kubernetes", "kubernetes"]
    assert provider["kubeconfig"] == "/somewhere/kubeconfig"


def test_a_component_needs_its_images() -> None:
    with pytest.raises(KeyError, match="no image 'redsi' in the catalog; known: argoexec"):
        IMAGES["redsi"]
