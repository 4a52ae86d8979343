"""Verdict of the latency check, with real requests to a loopback server that is fast, slow, silent or broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from loopback import Answer, answering
from typing_extensions import override

from smoke import latency, load
from smoke.outputs import Budgets

BUDGETS = Budgets(feature_ms=10, predict_ms=50, total_ms=5000)


def timed(phases: str) -> Answer:
    return Answer(200, b"{}", {"Server-Timing": phases})


ANSWERS = {
    "/quick": timed("features;dur=1.0, predict;dur=2.0, total;dur=3.5"),
    "/slow-features": timed("features;dur=10.5, predict;dur=2.0"),
    "/slow-predict": timed("features;dur=1.0, predict;dur=60.0"),
    "/silent": Answer(200, b"{}"),
    "/down": Answer(503, b'{"error": {"message": "Redis is down"}}'),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with answering(ANSWERS) as address:
        yield address


def breaches(url: str, budgets: Budgets = BUDGETS) -> list[str]:
    samples = load.run(url, [b"{}"], rate=50, seconds=0.6)
    assert len(samples) == 30
    return [row.name for row in latency.judge(samples, budgets) if not row.ok]


def test_a_quick_service_passes(server: str) -> None:
    assert breaches(f"{server}/quick") == []


@pytest.mark.parametrize(("path", "breach"), [("/slow-features", "features p99"), ("/slow-predict", "predict p99")])
def test_a_slow_phase_breaches_its_own_budget_only(server: str, path: str, breach: str) -> None:
    assert breaches(server + path) == [breach]


def test_a_slow_answer_breaches_the_total(server: str) -> None:
    assert breaches(f"{server}/quick", Budgets(feature_ms=10, predict_ms=50, total_ms=0.001)) == ["total p99"]


def test_a_runtime_that_reports_no_phases_fails(server: str) -> None:
    assert breaches(f"{server}/silent") == ["features p99", "predict p99"]


def test_failed_requests_are_counted_with_status_and_reason(server: str) -> None:
    names = breaches(f"{server}/down")
    assert names[0].startswith("failed of 30 requests: 30 x 503")
    assert "Redis is down" in names[0]


def test_a_stopped_server_fails_every_request() -> None:
    names = breaches("http://127.0.0.1:1/")
    assert names[0].startswith("failed of 30 requests: 30 x no answer")


def test_no_requests_are_no_success() -> None:
    assert not all(row.ok for row in latency.judge([], BUDGETS))


class Late(dict[str, Answer]):
    """Responses of which the first ones report slow features."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count
        self.asked = 0

    @override
    def get(self, key: str, default: Any = None) -> Answer:
        self.asked += 1
        self.left -= 1
        return ANSWERS["/slow-features" if self.left >= 0 else "/quick"]


@pytest.mark.parametrize(
    ("late", "asked", "breach", "doubts"),
    [
        (0, 30, [], []),
        (2, 30 + 50, [], [2]),  # a short pause: measured again and passed
        (30 + 2, 30, ["features p99"], []),  # proven by the first measurement
    ],
)
def test_a_breach_that_few_requests_make_is_measured_again(
    late: int, asked: int, breach: list[str], doubts: list[int]
) -> None:
    table = Late(late)
    with answering(table) as address:
        samples, rows = latency.measure(address, [b"{}"], BUDGETS, rate=50, seconds=0.6, warmup=0, confirm_seconds=1.0)
    assert table.asked == asked
    assert [row.name for row in latency.judge(samples, BUDGETS) if not row.ok] == breach
    assert [row.value for row in rows] == doubts
    assert all(row.name.startswith("features: over budget in the first 0.6 s, of 30 requests") for row in rows)


def test_a_breach_that_lasts_is_confirmed() -> None:
    class Every(Late):
        """Every twentieth response is late: few in a short measurement, too many in a long one."""

        @override
        def get(self, key: str, default: Any = None) -> Answer:
            self.asked += 1
            return ANSWERS["/slow-features" if self.asked % 20 == 0 else "/quick"]

    with answering(Every(0)) as address:
        samples, rows = latency.measure(address, [b"{}"], BUDGETS, rate=50, seconds=0.6, warmup=0, confirm_seconds=1.0)
    assert [row.value for row in rows] == [1]
    assert [row.name for row in latency.judge(samples, BUDGETS) if not row.ok] == ["features p99"]


def test_failed_requests_are_never_measured_again() -> None:
    with answering({}) as address:
        samples, rows = latency.measure(address, [b"{}"], BUDGETS, rate=50, seconds=0.6, warmup=0)
    assert len(samples) == 30
    assert rows == []
