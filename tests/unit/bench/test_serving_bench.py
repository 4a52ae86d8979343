"""Arithmetic and files of the serving comparison, with targets that answer in a known time."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import yaml
from rich.console import Console

from smoke.keepalive import Reply
from smoke.load import Send
from tests.bench.serving import measure, report, stock, targets


def target(name: str, seconds: float, status: int = 200) -> targets.Target:
    @contextlib.asynccontextmanager
    async def sender() -> AsyncIterator[Send]:
        async def send(number: int) -> Reply:
            del number
            await asyncio.sleep(seconds)
            return Reply(status, {"features": 0.7}, "" if status == 200 else "down")

        yield send

    return targets.Target(name=name, title=name.title(), open=sender)


def test_targets_are_loaded_in_turn_and_compared(tmp_path: Path) -> None:
    states: list[str] = []
    measured = measure.compare(
        [target("slow", 0.2), target("broken", 0.0, 503)],
        rate=50,
        seconds=0.2,
        warmup=0,
        rounds=3,
        on_state=states.append,
    )
    assert [text.split(": ")[1] for text in states] == ["Slow", "Broken"] * 3
    assert [len(samples) for samples in measured[0].rounds] == [10] * 3
    assert measured[0].median("p50") > 150
    assert measured[0].best("p99") <= measured[0].median("p99")
    assert measured[0].median("p50", "features") == 0.7
    assert measured[1].failed == {"503: down": 30}


def test_the_report_has_every_round(tmp_path: Path) -> None:
    measured = measure.compare([target("one", 0.0)], rate=100, seconds=0.1, warmup=0.05, rounds=2)
    report.write(measured, tmp_path / "a.json", {"rate": 100})
    report.plot(measured, tmp_path / "a.png", "title")
    found = json.loads((tmp_path / "a.json").read_text())["targets"]["one"]
    assert found["requests"] == 20
    assert len(found["phases"]["client"]["rounds"]) == 2
    assert set(found["phases"]["client"]["median"]) == {"p50", "p95", "p99"}
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    out = io.StringIO()
    report.show(measured, Console(file=out, width=200), "title")
    assert "One" in out.getvalue()


def test_failures_show_in_the_table() -> None:
    measured = measure.compare([target("bad", 0.0, 404)], rate=100, seconds=0.05, warmup=0, rounds=1)
    assert measured[0].failed == {"404: down": 5}


def test_requests_carry_keys_only() -> None:
    keys = [{"tailnum": "N1", "origin": "JFK"}]
    assert json.loads(targets.predictions(keys)[0]) == {"instances": keys}
    assert json.loads(targets.feature_queries(keys, "s")[0]) == {
        "feature_service": "s",
        "entities": {"tailnum": ["N1"], "origin": ["JFK"]},
    }


def test_the_stock_server_gets_our_model_and_our_limits() -> None:
    resources = {"requests": {"cpu": "500m"}, "limits": {"cpu": "2"}}
    item = stock.inference_service("models", "image:1", "s3://models/x", resources)
    container = item["spec"]["predictor"]["containers"][0]
    assert {"name": "STORAGE_URI", "value": "s3://models/x"} in container["env"]
    assert container["resources"] == {"requests": {"cpu": stock.CPU_REQUEST}, "limits": {"cpu": "2"}}
    assert container["securityContext"]["runAsNonRoot"] is True
    code = yaml.safe_load(yaml.safe_dump(stock.config_map("models")))["data"]["stock_server.py"]
    compile(code, "stock_server.py", "exec")
