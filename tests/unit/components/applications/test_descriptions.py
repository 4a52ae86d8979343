"""Test descriptions of applications: their references exist, clashes are refused, any valid selection works."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from declared import Declared, declare
from stack_programs import config, made

from artifacts.manifests.pins import pins
from common.errors import UserError
from components.applications.catalog import APPLICATIONS
from components.applications.checks import missing_requirements, refuse_clashes, refuse_unknown_checks, requested
from components.applications.description import Address, AnyApplication, Flow, Route, UserObjects
from components.substrates.requests import BUCKET_PURPOSES, Grant
from components.teams.team import Quota, Team, TeamGrant
from infra.program import program
from infra.settings import load_stack, parse, stack_file
from smoke.run import NAMES as NAMES_OF_CHECKS
from smoke.run import PIPELINE

NAMES = [item.name for item in APPLICATIONS]


def changed(application: str, **fields: Any) -> list[AnyApplication]:
    """Return the catalog with one description changed."""
    return [dataclasses.replace(item, **fields) if item.name == application else item for item in APPLICATIONS]


def test_the_applications_of_the_platform_do_not_clash() -> None:
    refuse_clashes(APPLICATIONS)


FEAST_ROUTE = Route(name="x", path="/mlflow/api", service="x", port=1, protection="open")
TEAM = Team(name="red", quota=Quota(cpu="2", memory="8Gi", gpu=0, volumes="20Gi"))
GRANT = Grant(application="feast", namespace="x", service_account="x", read_only=("models",))
TEAM_GRANT = TeamGrant(identity="jobs", read_only=("models",))
ATTIC: Any = "attic"
"""A bucket purpose that does not exist."""


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "mlflow"}, ["name", "mlflow", "a unique value"]),
        ({"namespace": "mlflow"}, ["namespace", "application mlflow uses this one"]),
        ({"routes": (FEAST_ROUTE,)}, ["routes", "/mlflow/api", "does not overlap /mlflow of application mlflow"]),
        ({"routes": (dataclasses.replace(FEAST_ROUTE, path="x/"),)}, ["routes", "a leading and without a trailing"]),
        ({"routes": (dataclasses.replace(FEAST_ROUTE, path="//x"),)}, ["routes", "//x", "letters, digits"]),
        ({"routes": (dataclasses.replace(FEAST_ROUTE, name="mlflow", path="/x"),)}, ["routes", "application mlflow"]),
        ({"requires": ()}, ["requires", "no application", "gateway among them"]),
        ({"namespace": "data"}, ["namespace", "data", "not kube-*"]),
        ({"namespace": "kube-system"}, ["namespace", "kube-system", "not kube-*"]),
        ({"namespace": "Feast_X"}, ["namespace", "Feast_X", "lower-case"]),
        ({"postgres": ("mlflow",)}, ["postgres", "application mlflow uses this one"]),
        ({"mysql": {"metadata": "other"}}, ["mysql", "application feast uses this one"]),
        ({"mysql": {"other": "metadb"}}, ["mysql", "application feast uses this one"]),
        ({"grants": (GRANT, GRANT)}, ["grants", "application feast uses this one"]),
        ({"grants": (dataclasses.replace(GRANT, read_only=(ATTIC,)),)}, ["grants", "attic", *BUCKET_PURPOSES]),
        ({"grants": (dataclasses.replace(GRANT, prefix="red"),)}, ["grants", "red", "ends with a slash"]),
        ({"team_grants": (dataclasses.replace(TEAM_GRANT, read_only=(ATTIC,)),)}, ["team_grants", "attic", "raw"]),
        ({"team_grants": (dataclasses.replace(TEAM_GRANT, identity=ATTIC),)}, ["team_grants", "attic", "notebooks"]),
        ({"team_credentials": {"mlflow": "x"}}, ["team_credentials", "application mlflow uses this one"]),
        ({"team_environment": {"MLFLOW_TRACKING_URI": "x"}}, ["team_environment", "application mlflow uses this one"]),
        ({"addresses": {"mlflow": Address(path="/x")}}, ["addresses", "application mlflow uses this one"]),
        ({"addresses": {"x": Address(path="/mlflow")}}, ["addresses", "application mlflow uses this one"]),
        ({"credentials": {"pipelines": "x"}}, ["credentials", "application feast uses this one"]),
        ({"requires": ("absent",)}, ["requires", "absent", "before it in catalog.py: gateway, mlflow"]),
        ({"requires": ("pipelines",)}, ["requires", "pipelines", "before it in catalog.py"]),
        ({"flows": (Flow(source="absent"),)}, ["flows", "absent", "an application"]),
        ({"images": ("feast", "feats")}, ["images", "feats", "images: base, pause"]),
        ({"images": ("kserve-stock",)}, ["images", "kserve-stock", "images: base, pause"]),
        ({"manifests": ("kserv",)}, ["manifests", "kserv", "manifests: ", "kserve"]),
        (
            {"user_objects": (UserObjects(group="argoproj.io", version="v1", plural="workflows", controller="x"),)},
            ["user_objects", "workflows.argoproj.io"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, Mapping) else None,
)
def test_a_clash_is_refused_with_key_value_and_remedy(fields: dict[str, Any], told: Sequence[str]) -> None:
    with pytest.raises(UserError) as caught:
        refuse_clashes(changed("feast", **fields))
    for text in (*told, "seen:", "allowed:", "next:"):
        assert text in str(caught.value)


def test_an_unknown_smoke_check_is_refused_with_key_value_and_remedy() -> None:
    checks = (*NAMES_OF_CHECKS, PIPELINE)
    refuse_unknown_checks(APPLICATIONS, checks)
    with pytest.raises(UserError) as caught:
        refuse_unknown_checks(changed("feast", checks=("freshness",)), checks)
    for text in ("application feast", "checks", "freshness", "smoke checks: mlflow", "description.py"):
        assert text in str(caught.value)


def test_every_upstream_manifest_is_claimed() -> None:
    assert {name for item in APPLICATIONS for name in item.manifests} == set(pins().components)


def test_what_applications_ask_for_is_asked_once() -> None:
    asked = requested(APPLICATIONS, [TEAM])
    assert asked.postgres == ("mlflow", "mlflow-auth", "feast")
    assert asked.mysql == {"pipelines": "mlpipeline", "metadata": "metadb"}
    grants = [grant.application for grant in asked.grants]
    assert grants[:4] == ["mlflow", "feast", "pipelines", "pipeline-runner"]
    assert sorted(set(grants[4:])) == ["red-jobs", "red-notebooks", "red-pipeline-runner", "red-serving"]


def test_namespaces_and_credentials_are_those_that_are_declared() -> None:
    declared = made("local")
    spaces = {item["metadata"]["name"] for item in declared.of_kind("Namespace").values()}
    secrets = {(i["metadata"]["namespace"], i["metadata"]["name"]) for i in declared.of_kind("Secret").values()}
    for item in APPLICATIONS:
        assert item.namespace in spaces, item.name
        assert {(item.namespace, secret) for secret in item.credentials.values()} <= secrets, item.name
        assert {("data-science", secret) for secret in item.team_credentials.values()} <= secrets, item.name


def test_every_route_of_a_description_is_declared_and_no_other() -> None:
    routes = [item for item in made("local").of_kind("CustomResource").values() if item.get("kind") == "HTTPRoute"]
    routes += [item for key, item in made("local").resources.items() if key[0].endswith(":HTTPRoute")]
    found = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in routes}
    assert found == {(item.namespace, route.name) for item in APPLICATIONS for route in item.routes}


def off(*names: str) -> Declared:
    """Return what the local stack declares with some applications off."""
    wanted = {"mlplatform:platform": json.dumps({"applications": dict.fromkeys(names, False)})}
    return declare(program, config={**config("local"), **wanted})


CLOSED = [
    chosen
    for size in range(len(NAMES))
    for chosen in itertools.combinations(NAMES, size)
    if not missing_requirements(APPLICATIONS, set(chosen))
]
"""Every selection of applications, except all of them, that satisfies all requirements."""


@pytest.mark.parametrize("chosen", CLOSED, ids=lambda chosen: "+".join(chosen) or "none")
def test_every_possible_choice_can_be_declared_and_leaves_nothing_of_the_others(chosen: Sequence[str]) -> None:
    declared = off(*(name for name in NAMES if name not in chosen))
    spaces = {item["metadata"]["name"] for item in declared.of_kind("Namespace").values()}
    exported = declared.outputs["platform"]
    assert set(exported["namespaces"]) == set(chosen)
    for item in APPLICATIONS:
        there = item.name in chosen
        assert (item.namespace in spaces) == there, item.name
        assert (set(item.addresses) <= set(exported["urls"])) == there or not item.addresses
        assert not item.credentials or (set(item.credentials) <= set(exported["credentials"])) == there
    for (kind, name), inputs in declared.resources.items():
        place = (inputs.get("metadata") or {}).get("namespace")
        assert place in {None, *spaces, "data"}, f"{kind} {name} is in namespace {place}, which is not declared"


@pytest.mark.parametrize(("name", "needed_by"), [("feast", "kserve"), ("mlflow", "kserve"), ("gateway", "mlflow")])
def test_what_another_requires_cannot_be_off(name: str, needed_by: str) -> None:
    values = {"platform": {"applications": {name: False}}, **sections()}
    with pytest.raises(UserError, match=r"platform\.applications") as caught:
        parse(values, stack="local")
    assert f"mlplatform:platform.applications.{name}" in str(caught.value)
    assert re.search(rf"true, or turn off what requires it: .*\b{needed_by}\b", str(caught.value))


def sections() -> dict[str, Any]:
    """Return the values of the local stack."""
    return load_stack(stack_file("local")).model_dump(exclude={"platform"}, exclude_none=True, mode="json")


def test_an_unknown_application_is_refused() -> None:
    with pytest.raises(UserError, match="katip is not an application") as caught:
        parse({**sections(), "platform": {"applications": {"katip": False}}}, stack="local")
    assert ", ".join(NAMES) in str(caught.value)


def test_an_application_that_is_on_needs_its_section() -> None:
    values = sections()
    del values["kserve"]
    with pytest.raises(UserError, match=r"mlplatform:kserve") as caught:
        parse(values, stack="local")
    assert "because application kserve is on" in str(caught.value)
    assert parse({**values, "platform": {"applications": {"kserve": False}}}, stack="local").platform.applications
