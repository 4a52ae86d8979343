"""Runs of pipelines: submission, states read from the workflow, reasons of waiting and failed pods, overhead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from client.pipelines import follow, overhead, pods, runs, server, submit
from client.pipelines.package import PLACEHOLDER, load
from client.platform import Platform
from common.errors import UserError
from examples.flights import submission
from examples.flights.pipeline import steps as workload_steps
from examples.flights.pipeline.components import IMAGE
from mlp.commands import pipeline

PACKAGE = load(Path(__file__).parents[4] / "examples/flights/pipeline/flights.yaml")
STEPS = ["load-features", "train", "evaluate", "register"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def node(path: str, phase: str, began: float, ended: float | None = None, **more: Any) -> dict[str, Any]:
    times = {"startedAt": at(began), "finishedAt": at(ended) if ended is not None else None}
    return {"id": f"id-{path}", "name": f"flights-x1.root.{path}", "phase": phase, "type": "Pod", **times, **more}


def workflow(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "flights-x1"}, "status": {"nodes": {item["id"]: item for item in nodes}}}


RAN = [
    node("load-features-driver", "Succeeded", 0, 4),
    node("load-features", "Succeeded", 5, 20, type="DAG"),
    node("load-features.executor", "Succeeded", 5, 20, type="Retry"),
    node("load-features.executor(0)", "Failed", 5, 8, message="Error (exit code 1)"),
    node("load-features.executor(1)", "Succeeded", 10, 20),
]


def test_placeholder_is_the_one_of_the_components() -> None:
    assert PLACEHOLDER == IMAGE


def test_image_is_filled_in_everywhere_and_changes_the_version() -> None:
    filled = PACKAGE.with_image("registry/job:1")
    images = {item["container"]["image"] for item in filled.spec["deploymentSpec"]["executors"].values()}
    assert images == {"registry/job:1"}
    assert len(filled.documents) == 2, "what it asks of Kubernetes stays with it"
    assert filled.digest != PACKAGE.with_image("registry/job:2").digest
    assert filled.digest == PACKAGE.with_image("registry/job:1").digest


def test_steps_come_in_the_order_they_run() -> None:
    assert PACKAGE.steps == STEPS


def test_arguments_are_read_as_the_pipeline_types_them() -> None:
    given: dict[str, object] = {
        "rounds": "40",
        "min_auc": "0.5",
        "node_selector": "{zone: a}",
        "gpus": "1",
        "tolerations": [],
    }
    assert PACKAGE.arguments(given) == {
        "rounds": 40, "min_auc": 0.5, "node_selector": {"zone": "a"}, "gpus": "1", "tolerations": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rounds": "many"}, r"Parameter rounds has the wrong type\.\n  seen:    'many'\n  allowed: a whole number"),
        ({"rounds": 1.5}, "a whole number"),
        ({"rounds": True}, "a whole number"),
        ({"min_auc": "[1]"}, "a number"),
        ({"node_selector": "zone"}, "a mapping"),
        ({"gpus": 1}, "a string"),
        ({"epochs": 3}, r"does not have this parameter\.\n  seen:    epochs\n  allowed: accelerator, alias"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_submitted(given: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        PACKAGE.arguments(given)


def test_gpus_become_limit_and_toleration() -> None:
    assert submission.gpu_arguments(0) == {}
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    arguments = submission.gpu_arguments(2)
    assert arguments == {"accelerator": "nvidia.com/gpu", "gpus": "2", "tolerations": [taint]}
    assert PACKAGE.arguments(arguments) == arguments


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


def test_steps_before_there_is_a_workflow() -> None:
    assert [step.state for step in runs.steps(None, STEPS)] == [runs.WAITING] * 4


def test_a_step_that_was_tried_again() -> None:
    first, second, *_ = runs.steps(workflow(*RAN, node("train-driver", "Running", 22)), STEPS)
    assert (first.state, first.attempts, first.pod) == (runs.SUCCEEDED, 2, "id-load-features.executor(1)")
    assert first.seconds(NOON + timedelta(seconds=99)) == 20
    assert (second.state, second.attempts) == (runs.DRIVER, 0)
    assert second.seconds(NOON + timedelta(seconds=30)) == 8


@pytest.mark.parametrize(
    ("nodes", "state"),
    [
        ([], runs.WAITING),
        ([node("train-driver", "Pending", 0)], runs.DRIVER),
        ([node("train-driver", "Failed", 0, 2)], runs.FAILED),
        ([node("train-driver", "Succeeded", 0, 2)], runs.STARTING),
        ([node("train-driver", "Succeeded", 0, 2), node("train.executor(0)", "Pending", 3)], runs.STARTING),
        ([node("train-driver", "Succeeded", 0, 2), node("train.executor(0)", "Running", 3)], runs.RUNNING),
        ([node("train-driver", "Succeeded", 0, 2), node("train.executor", "Skipped", 3, 3)], runs.CACHED),
        ([node("train", "Omitted", 0, 0, type="Skipped")], runs.OMITTED),
        ([node("train", "Failed", 0, 9, type="DAG"), node("train.executor(0)", "Failed", 3, 9)], runs.FAILED),
    ],
)
def test_state_of_a_step(nodes: list[dict[str, Any]], state: str) -> None:
    (step,) = runs.steps(workflow(*nodes), ["train"])
    assert step.state == state


def test_overhead_is_what_is_not_the_steps_own_code() -> None:
    cached = [node("train-driver", "Succeeded", 23, 26), node("train.executor", "Skipped", 27, 27)]
    found = overhead.overheads(
        runs.steps(workflow(*RAN, *cached), STEPS), {"load-features": NOON + timedelta(seconds=13.5)}
    )
    first, second = found
    assert (first.gap, first.driver, first.handover, first.start, first.code) == (None, 4.0, 6.0, 3.5, 6.5)
    assert first.added == 13.5
    assert (second.gap, second.driver, second.handover, second.start) == (3.0, 3.0, None, None)
    assert len(found) == 2, "steps that did not run have no overhead"


def test_the_code_s_beginning_is_read_from_its_log() -> None:
    lines = [
        "2026-01-01T11:59:59.000000001Z launcher",
        f"2026-01-01T12:00:03.123456789Z {workload_steps.BEGAN} (train)",
    ]
    assert overhead.began(lines) == NOON + timedelta(seconds=3.123456)
    assert overhead.began(lines[:1]) is None


def pod(phase: str, *, waiting: str = "", **more: Any) -> client.V1Pod:
    """Return the pod of step `train`."""
    state = client.V1ContainerState(waiting=client.V1ContainerStateWaiting(reason=waiting, message="job:1"))
    item = client.V1ContainerStatus(name="main", image="job:1", image_id="", ready=False, restart_count=0, state=state)
    name = "flights-x1.root.train.executor(0)"
    metadata = client.V1ObjectMeta(name="pod-1", creation_timestamp=NOON, annotations={pods.NODE_NAME: name})
    status = client.V1PodStatus(phase=phase, container_statuses=[item] if waiting else [], **more)
    return client.V1Pod(metadata=metadata, status=status)


UNSCHEDULED = [client.V1PodCondition(type="PodScheduled", status="False", reason="Unschedulable", message="no gpu")]


def test_only_a_pod_that_waits_for_long_is_stuck() -> None:
    item = pod("Pending", conditions=UNSCHEDULED)
    assert pods.stuck([item], NOON + timedelta(seconds=10), 60) is None
    assert pods.stuck([item], NOON + timedelta(seconds=61), 60) == "train: Unschedulable: no gpu"
    assert pods.stuck([pod("Running")], NOON + timedelta(seconds=61), 60) is None


def test_the_step_of_a_pod() -> None:
    assert pods.step_of("flights-x1.root.train.executor(0)") == "train"
    assert pods.step_of("flights-x1.root.train-driver") == "train-driver"
    assert pods.step_of("flights-x1.root-driver") == "root-driver"


def test_a_finding_shows_reason_and_log() -> None:
    found = pods.Finding(step="train", pod="p", why="Error, exit code 1", lines=("Traceback", "KeyError: 'late'"))
    assert found.text() == "train (p): Error, exit code 1\n    Traceback\n    KeyError: 'late'"


class ApiError(Exception):
    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def test_a_transient_error_differs_from_a_refusal() -> None:
    assert server.is_transient(ApiError(500, "invalid connection"))
    assert server.is_transient(ConnectionRefusedError())
    assert not server.is_transient(ApiError(404, "no such run"))
    assert not server.is_transient(ValueError("no"))


def test_a_refusal_contains_the_server_s_message() -> None:
    error = server.refused(ApiError(400, '{"message": "The input parameter is missing"}'))
    assert "400 The input parameter is missing" in error.render()


def test_a_server_that_is_not_there_is_named() -> None:
    nowhere = server.Server(url="http://127.0.0.1:1/pipelines", token="", namespace="kubeflow", api=None)
    with pytest.raises(server.Unavailable, match=r"127\.0\.0\.1:1.*ConnectError"):
        _ = nowhere.client
    with pytest.raises(server.Unavailable):
        nowhere.read(lambda client: client, limit_seconds=0)


def platform_of(monkeypatch: pytest.MonkeyPatch, states: list[str], flows: list[Any], waiting: list[Any]) -> list[str]:
    """Simulate a run with these states and workflows; return the ids of cancelled runs."""
    cancelled: list[str] = []

    def state(_: object, run_id: str) -> str:
        return states.pop(0) if len(states) > 1 else states[0]

    def flow(_: object, run_id: str) -> Any:
        return flows.pop(0) if len(flows) > 1 else flows[0]

    def of_run(_: object, run_id: str) -> list[Any]:
        return waiting

    def end(_: object, run_id: str) -> None:
        cancelled.append(run_id)

    def findings(_: object, run_id: str, **_more: object) -> list[pods.Finding]:
        return [pods.Finding(step="train", pod="p", why="Error, exit code 1", lines=("KeyError: 'late'",))]

    monkeypatch.setattr(runs, "state", state)
    monkeypatch.setattr(runs, "workflow", flow)
    monkeypatch.setattr(pods, "of_run", of_run)
    monkeypatch.setattr(pods, "findings", findings)
    monkeypatch.setattr(follow, "cancel", end)
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.0)
    return cancelled


SOMEWHERE = server.Server(url="http://127.0.0.1:1", token="", namespace="kubeflow", api=None)
DRIVEN = node("train-driver", "Succeeded", 0, 2)
GOING = workflow(DRIVEN, node("train.executor(0)", "Running", 3))
DONE = workflow(DRIVEN, node("train.executor(0)", "Succeeded", 3, 9), node("train", "Succeeded", 3, 9, type="DAG"))


def test_following_reports_every_change_up_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    platform_of(monkeypatch, ["PENDING", "RUNNING", "SUCCEEDED"], [None, GOING, DONE], [])
    states: list[str] = []

    def tell(step: runs.Step, _: float) -> None:
        states.append(step.state)

    ended = follow.follow(SOMEWHERE, "r", ["train"], timeout=60, on_step=tell)
    assert states == [runs.RUNNING, runs.SUCCEEDED]
    assert [step.state for step in ended.steps] == [runs.SUCCEEDED]


def test_a_failed_run_has_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = workflow(node("train.executor(0)", "Failed", 3, 9, message="OOMKilled (exit code 137)"))
    platform_of(monkeypatch, ["FAILED"], [failed], [])
    with pytest.raises(follow.RunFailed, match=r"(?s)failed.*KeyError: 'late'.*OOMKilled \(exit code 137\)"):
        follow.follow(SOMEWHERE, "r", ["train"], timeout=60)


def test_a_run_that_does_not_end_is_cancelled_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = platform_of(monkeypatch, ["RUNNING"], [GOING], [pod("Pending", conditions=UNSCHEDULED)])
    notes: list[str] = []
    with pytest.raises(follow.RunFailed, match=r"(?s)not ended within 0 s, so it was cancelled.*Unschedulable: no gpu"):
        follow.follow(SOMEWHERE, "r", ["train"], timeout=0.0, on_note=notes.append)
    assert cancelled == ["r"]
    assert notes == ["train: Unschedulable: no gpu"]


def test_a_pod_that_waits_without_a_reason_is_explained_by_warnings() -> None:
    def warnings(name: str) -> list[str]:
        return [f"Pulled: {name}", "FailedMount: secret mlflow-client not found"]

    creating = pod("Pending", waiting="ContainerCreating")
    assert pods.stuck([creating], NOON + timedelta(seconds=61), 60, warnings) == (
        "train: FailedMount: secret mlflow-client not found"
    )
    assert pods.stuck([creating], NOON + timedelta(seconds=61), 60) is None


def test_a_run_without_pods_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    platform_of(monkeypatch, ["PENDING"], [None], [])
    assert follow.waiting(SOMEWHERE, "r", None, NOON, 10) is None
    assert "workflow controller" in str(follow.waiting(SOMEWHERE, "r", None, NOON, 61))
    held = workflow(node("train.executor(0)", "Pending", 3, type="Pod", message="exceeded quota"))
    message = "train.executor(0): exceeded quota"
    assert follow.waiting(SOMEWHERE, "r", held, NOON + timedelta(seconds=70), 70) == message
    assert follow.waiting(SOMEWHERE, "r", held, NOON + timedelta(seconds=20), 20) is None, "as at every start"


def test_after_its_end_a_run_is_explained_by_warnings_about_deleted_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **_more: object) -> list[pods.Finding]:
        return []

    def warned(_: object, prefix: str) -> list[str]:
        return [f"FailedScheduling: {prefix} wants a GPU"]

    monkeypatch.setattr(pods, "findings", none)
    monkeypatch.setattr(pods, "warnings", warned)
    late = workflow(node("train.executor(0)", "Failed", 3, 9, message="Step exceeded its deadline"))
    reasons = follow.explain(SOMEWHERE, "r", late)
    assert reasons[0] == "FailedScheduling: flights-x1- wants a GPU"
    assert "Step exceeded its deadline" in reasons[1]
    assert follow.explain(SOMEWHERE, "r", DONE) == []


def test_a_run_that_somebody_ended_is_known_by_its_workflow() -> None:
    assert runs.cancelled({"spec": {"activeDeadlineSeconds": 0}})
    assert runs.cancelled({"spec": {"shutdown": "Terminate"}})
    assert not runs.cancelled({"spec": {"activeDeadlineSeconds": 3600}})
    assert not runs.cancelled(None)


class Forgetful:
    """Client of a server that accepts everything and stores nothing."""

    def get_pipeline_id(self, name: str) -> None:
        return None

    def upload_pipeline(self, path: str, pipeline_name: str) -> None:
        raise ApiError(500, "invalid connection")


def test_what_was_sent_and_never_arrived_is_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.Server, "client", Forgetful())
    with pytest.raises(server.Unavailable, match="a pipeline was created, but the server does not list it"):
        submit.upload(SOMEWHERE, PACKAGE)


@pytest.mark.parametrize("given", ["rounds", "=5"])
def test_a_parameter_without_name_or_value_is_refused(given: str) -> None:
    with pytest.raises(UserError, match="NAME=VALUE"):
        pipeline.parsed([given])


def test_a_run_is_found_by_its_whole_id_however_old(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "c860df0c-2215-4fa7-8792-0b9b5dd0b060"

    class Old:
        def get_run(self, run_id: str) -> str:
            return f"run {run_id}"

        def list_runs(self, **_: object) -> Any:
            return SimpleNamespace(runs=[SimpleNamespace(run_id=whole), SimpleNamespace(run_id="c8ffffff")])

    monkeypatch.setattr(server.Server, "client", Old())
    assert pipeline.resolve(SOMEWHERE, whole) == f"run {whole}"
    assert pipeline.resolve(SOMEWHERE, "c860").run_id == whole
    with pytest.raises(UserError, match="More than one run has an id that begins with c8"):
        pipeline.resolve(SOMEWHERE, "c8")
    with pytest.raises(UserError, match="None of the newest 200 runs"):
        pipeline.resolve(SOMEWHERE, "d")


def test_messages_of_the_workflow_controller_about_nodes_that_are_not_steps() -> None:
    broken = {"id": "1", "name": "flights-x1.root-driver", "phase": "Error", "message": "Error applying PodSpecPatch"}
    omitted = {"id": "2", "name": "flights-x1.root", "phase": "Omitted", "message": "omitted"}
    assert runs.failure_messages(workflow(broken, omitted)) == ["driver: Error applying PodSpecPatch"]
    assert runs.failure_messages(None) == []


def test_lines_of_the_launcher_are_not_the_step_s_own() -> None:
    lines = ["I1123 13:37:59.717095      17 x.go:1] upload", "KeyError: 'late'", 'time="2026" level=info argo=true']
    assert pods.step_lines(lines) == ["KeyError: 'late'"]
    fatal = "F1123 13:37:59.717095      17 main.go:1] failed to execute component"
    assert pods.step_lines([fatal]) == [fatal]


def test_the_command_submits_the_committed_pipeline_with_the_platform_s_image() -> None:
    found = pipeline.package_of("flights", Platform("local", {"images": {"job": "registry/job:1"}}, "red"))
    assert found.text() == PACKAGE.with_image("registry/job:1").text()
    with pytest.raises(UserError, match="does not exist"):
        pipeline.package_of("trains", Platform("local", {}, "red"))
