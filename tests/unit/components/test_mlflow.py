"""MLflow with teams: logins and where their passwords are, the server's settings, the route to its pages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from declared import IMAGES, SMALL, Declared, declare, unwrap
from pod_rules import containers

from components.applications.catalog import APPLICATIONS
from components.applications.checks import requested
from components.applications.description import Context, Route
from components.applications.gateway.route import GatewayRouteArgs, http_route
from components.applications.mlflow import component, names
from components.applications.mlflow.component import MLflow, MLflowArgs
from components.applications.mlflow.description import MLFLOW
from components.substrates.local import LocalSubstrate, LocalSubstrateArgs
from components.substrates.local.substrate import LocalService
from components.teams.component import TeamSpace, TeamSpaceArgs
from components.teams.team import IDENTITIES, Quota, Team
from services.tracking.logins import ROLES, parse

SERVER = LocalService(volume="1Gi", resources=SMALL)
QUOTA = Quota(cpu="2", memory="8Gi", gpu=1, volumes="20Gi")
TEAMS = ("red", "blue")


def platform(*, names_of_teams: tuple[str, ...] = TEAMS) -> None:
    teams = [Team(name=name, quota=QUOTA) for name in names_of_teams]
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
            requests=requested(APPLICATIONS, teams),
        ),
    ).substrate
    spaces = [
        TeamSpace(team.name, TeamSpaceArgs(substrate=substrate, team=team, defaults=SMALL, environment={}))
        for team in teams
    ]
    tracking = MLflow(
        "mlflow",
        MLflowArgs(
            substrate=substrate,
            replicas=1,
            workers=1,
            resources=SMALL,
            hosts=["198.19.0.80", "mlflow.example.com:8443"],
            scheme="https",
            teams=names_of_teams,
            protected_aliases=["champion", "Production"],
        ),
    )
    context = Context(substrate=substrate, applications=APPLICATIONS, teams=spaces, declared=[tracking])
    for space in spaces:
        MLFLOW.declare_team(context, space)


@pytest.fixture(scope="module")
def declared() -> Declared:
    return declare(platform)


def secrets(declared: Declared) -> Mapping[tuple[str, str], dict[str, str]]:
    """Return the content of every Secret by namespace and name."""
    return {
        (inputs["metadata"]["namespace"], inputs["metadata"]["name"]): unwrap(inputs).get("stringData", {})
        for inputs in declared.of_kind("Secret").values()
    }


def environment(declared: Declared, container: str) -> dict[str, str]:
    return {entry["name"]: entry.get("value") for entry in dict(containers(declared))[container]["env"]}


@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_identity_of_a_team_has_a_login_in_its_namespace(declared: Declared, team: str, identity: str) -> None:
    assert secrets(declared)[team, names.secret(identity)] == {
        "MLFLOW_TRACKING_URI": "http://mlflow.mlflow.svc:5000",
        "MLFLOW_TRACKING_USERNAME": f"{team}-{identity}",
        "MLFLOW_TRACKING_PASSWORD": f"password-of-mlflow-{team}-{identity}",
        "MLFLOW_WORKSPACE": team,
        "MLFLOW_EXPERIMENT_NAME": "Default",
    }


def test_passwords_are_where_they_are_needed_and_nowhere_else(declared: Declared) -> None:
    found = secrets(declared)

    def places(password: str) -> set[tuple[str, str]]:
        return {place for place, data in found.items() if password in json.dumps(data)}

    job = ("mlflow", "mlflow-logins")
    for team in TEAMS:
        assert places(f"password-of-mlflow-{team}-promoter") == {job, ("mlflow", f"mlflow-{team}-promoter")}
        assert places(f"password-of-mlflow-{team}-jobs") == {job, (team, "mlflow-client")}
    assert {namespace for namespace, _ in places("password-of-mlflow-admin")} == {"mlflow"}


def test_the_job_gets_a_list_that_it_accepts_and_the_server_does_not_see_it(declared: Declared) -> None:
    listed = parse(secrets(declared)["mlflow", "mlflow-logins"]["logins.json"])
    assert {(login.name, login.team, login.role) for login in listed} == {
        (f"{team}-{identity}", team, role) for team in TEAMS for identity, role in names.ROLES.items()
    }
    pods = dict(declared.pods())
    sees = {
        name: {volume["secret"]["secretName"] for volume in pods[name]["volumes"] if volume.get("secret")}
        for name in ("Deployment/mlflow", "Job/mlflow-prepare")
    }
    assert sees == {"Deployment/mlflow": {"mlflow-auth"}, "Job/mlflow-prepare": {"mlflow-auth", "mlflow-logins"}}
    assert environment(declared, "Job/mlflow-prepare/prepare")["MLPLATFORM_LOGINS"] == "/etc/mlflow-logins/logins.json"


def test_every_role_is_known_to_the_server_and_every_identity_has_one() -> None:
    assert set(names.ROLES.values()) <= set(ROLES)
    assert set(names.ROLES) == {*IDENTITIES, names.PROMOTER}


def test_another_team_is_another_job_and_the_same_server() -> None:
    one, two = declare(lambda: platform(names_of_teams=("red",))), declare(platform)

    def job(of: Declared) -> str:
        return of.of_kind("Job")["mlflow-prepare"]["metadata"]["name"]

    def server(of: Declared) -> Any:
        return of.of_kind("Deployment")["mlflow"]

    assert job(one) != job(two)
    assert server(one) == server(two)
    assert job(declare(platform)) == job(two)


def test_the_server_knows_workspaces_protected_aliases_and_its_own_origins(declared: Declared) -> None:
    told = environment(declared, "Deployment/mlflow/mlflow")
    assert told["MLFLOW_ENABLE_WORKSPACES"] == "true"
    assert told["MLPLATFORM_PROTECTED_ALIASES"] == "champion,Production"
    assert told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "https://198.19.0.80,https://mlflow.example.com:8443"
    assert environment(declared, "Job/mlflow-prepare/prepare")["MLFLOW_ENABLE_WORKSPACES"] == "true"


def test_the_key_of_webhooks_is_a_key_of_the_algorithm(declared: Declared) -> None:
    from cryptography.fernet import Fernet

    key = secrets(declared)["mlflow", "mlflow-environment"]["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"]
    # Mocked passwords are shorter than the 32 characters of real ones.
    assert base64.urlsafe_b64decode(key) == b"password-of-mlflow-webhook-key"
    real = base64.urlsafe_b64encode(b"x" * 32).decode()
    assert Fernet(real).decrypt(Fernet(real).encrypt(b"secret")) == b"secret"


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("runs:/0a/model", True),
        ("models:/m-0a", True),
        ("models:/name/1", True),
        ("mlflow-artifacts:/workspaces/red/1/0a/artifacts", True),
        ("dummy-source", True),
        ("mlflow-artifacts://elsewhere/1", False),
        ("s3://mlplatform-local-models/workspaces/blue/1", False),
        ("file:///etc", False),
        ("/etc", False),
        ("http://elsewhere/api/2.0/mlflow-artifacts/artifacts/1", False),
        ("dummy-source/../x", False),
    ],
)
def test_a_version_comes_from_the_servers_own_files(source: str, allowed: bool) -> None:
    assert bool(re.search(component.SOURCES, source)) is allowed


PAGES = Route(name="mlflow", path="/mlflow", service="mlflow", port=5000, protection="login", pages=True)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://198.19.0.80", {"scheme": "http"}),
        ("https://ml.example.com", {"scheme": "https"}),
        ("https://ml.example.com:8443", {"scheme": "https", "port": 8443}),
    ],
)
def test_a_path_with_pages_leads_to_itself_with_a_slash(base: str, expected: dict[str, object]) -> None:
    spec = http_route(GatewayRouteArgs(namespace="mlflow", route=PAGES, base_url=base))["spec"]
    redirect, rule = spec["rules"]
    assert redirect["matches"] == [{"path": {"type": "Exact", "value": "/mlflow"}}]
    path = {"type": "ReplaceFullPath", "replaceFullPath": "/mlflow/"}
    assert redirect["filters"] == [
        {"type": "RequestRedirect", "requestRedirect": {"path": path, "statusCode": 302, **expected}}
    ]
    assert "backendRefs" not in redirect
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/mlflow"}}]


def test_mlflows_route_has_pages_and_takes_large_files() -> None:
    (route,) = MLFLOW.routes
    assert (route.pages, route.timeout_seconds) == (True, 3600)
