"""Verdicts of smoke checks: pass for correct data, fail with the reason for wrong data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Answer, answering
from rich.console import Console

from smoke import freshness, http, outputs, report, run
from smoke.correctness import differing_features, equal
from smoke.result import CheckFailed, CheckResult, Row
from smoke.run import NAMES, run_checks

ANSWERS = {
    "/fine": Answer(200, b'{"a": 1}'),
    "/list": Answer(200, b"[1]"),
    "/text": Answer(200, b"<html>"),
    "/missing": Answer(404, b'{"error": "no route"}'),
    "/down": Answer(503, b'{"error": "Redis does not answer"}'),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with answering(ANSWERS) as address:
        yield address


def test_post_returns_the_object(server: str) -> None:
    assert http.post(f"{server}/fine", {}).body == {"a": 1}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", r"HTTP 404.*no route"),
        ("/down", r"HTTP 503.*Redis does not answer"),
        ("/text", r"not JSON.*html"),
        ("/list", "not a JSON object"),
    ],
)
def test_post_names_what_came_back(server: str, path: str, reason: str) -> None:
    with pytest.raises(CheckFailed, match=reason):
        http.post(server + path, {})


def test_post_names_a_server_that_is_not_there() -> None:
    with pytest.raises(CheckFailed, match=r"no answer \(ConnectError"):
        http.post("http://127.0.0.1:1/x", {})


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (None, math.nan, True),
        (None, 0, False),
        (0.1 + 0.2, 0.3, False),
        ("x", "x", True),
        ("1", 1, False),
    ],
)
def test_feature_values_are_compared_bit_for_bit(a: object, b: object, same: bool) -> None:
    assert equal(a, b) is same


def test_differing_and_unknown_features_are_named() -> None:
    ours = [{"a": 1.0, "b": 2.0, "only": 3.0}, {"a": 1.5, "b": 2.0, "only": 3.0}]
    theirs = [{"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}]
    assert differing_features(ours, theirs) == ["a", "only"]


@pytest.mark.parametrize(
    ("figures", "ok"),
    [
        ({"entities": 10, "missing": 0, "lag_seconds": 0.0}, True),
        ({"entities": 10, "missing": 0, "lag_seconds": 3601.0}, False),
        ({"entities": 10, "missing": 1, "lag_seconds": 0.0}, False),
        ({"entities": 0, "missing": 0, "lag_seconds": None}, False),
    ],
)
def test_freshness_fails_on_stale_missing_or_no_rows(figures: dict[str, float | None], ok: bool) -> None:
    rows = freshness.judge({"view": figures}, allowed_seconds=3600)
    assert CheckResult(check="feature-freshness", rows=rows).ok is ok


def test_a_probe_without_a_result_is_no_success() -> None:
    with pytest.raises(CheckFailed, match="Traceback"):
        freshness.parse(["Traceback: boom"])
    assert freshness.parse(["noise", 'FRESHNESS {"v": {"entities": 1}}']) == {"v": {"entities": 1}}


def test_a_check_without_rows_is_no_success() -> None:
    assert not CheckResult(check="x").ok
    assert CheckResult(check="x", rows=[Row(name="n", value=1)]).ok
    assert not CheckResult(check="x", rows=[Row(name="n", value=1)], reason="gone").ok
    assert not CheckResult(check="x", rows=[Row(name="n", value=2, allowed="1", ok=False)]).ok


def test_a_stack_that_is_not_up_fails_every_check_with_the_next_step() -> None:
    results = run_checks("no-such-stack")
    assert [result.check for result in results] == list(NAMES)
    assert all("mlp up --stack no-such-stack" in result.reason for result in results)


def test_outputs_of_another_schema_are_refused(tmp_path: Path) -> None:
    (tmp_path / "local.json").write_text(json.dumps({"schema": 99}))
    with pytest.raises(CheckFailed, match="schema 99"):
        outputs.load("local", tmp_path)


def test_report_shows_and_writes_breaches_and_reasons(tmp_path: Path) -> None:
    results = [
        CheckResult(check="one", rows=[Row(name="p99", value=12.5, unit="ms", allowed="<= 10 ms", ok=False)]),
        CheckResult(check="two", reason="POST /x: HTTP 503"),
    ]
    console = Console(record=True, width=160)
    report.show(results, console)
    text = console.export_text()
    assert "12.50 ms" in text
    assert "breach" in text
    assert "POST /x: HTTP 503" in text
    written = report.write(results, "local", tmp_path / "r.json")
    assert written == json.loads((tmp_path / "r.json").read_text())
    assert written["ok"] is False


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    line = "KeyError: rows[name] of [/etc/feast]"
    results = [
        CheckResult(check="one", reason=line),
        CheckResult(check="two", rows=[Row(name=line, value="[bold]", allowed="[red]", ok=True)]),
    ]
    console = Console(record=True, width=240)
    report.show(results, console)
    text = console.export_text()
    assert text.count(line) == 2
    assert "[bold]" in text
    assert "[red]" in text


def test_a_check_that_raises_what_nobody_expects_fails_with_it() -> None:
    def check() -> CheckResult:
        raise ConnectionResetError("the API server is away")

    assert run._run("one", check).reason == "ConnectionResetError: the API server is away"


def test_latency_plot_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    report.plot_latency(path, {"total": [1.0, 2.0, 50.0]}, {"total": 100.0}, "test")
    assert path.read_bytes().startswith(b"\x89PNG")
