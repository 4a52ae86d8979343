"""`python -m tests.bench.serving`: compares the predictor with the stock KServe server, Feast's server and Redis."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from client import platform as platforms
from common import paths
from common.errors import UserError
from common.progress import console, step
from examples.flights.manifests import SERVICE
from smoke.outputs import load as load_outputs
from smoke.result import CheckFailed
from smoke.served import Served, load_spec
from tests.bench.serving import measure, report, stock, targets


def main(
    stack: Annotated[str, typer.Option(help="Stack whose platform is measured.")] = "local",
    rate: Annotated[float, typer.Option(help="Requests per second, constant.")] = 100.0,
    seconds: Annotated[float, typer.Option(help="Measured seconds of one target in one round.")] = 12.0,
    warmup: Annotated[float, typer.Option(help="Seconds of load before them.")] = 2.0,
    rounds: Annotated[int, typer.Option(help="Rounds; the table has their median and the best.")] = 5,
    with_stock: Annotated[bool, typer.Option("--stock/--no-stock", help="Deploy the stock KServe server too.")] = True,
) -> None:
    """Measure, print the table, write .mlp/reports/bench-serving.{json,png}."""
    try:
        _run(stack, rate, seconds, warmup, rounds, with_stock)
    except (UserError, CheckFailed) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)


def _run(stack: str, rate: float, seconds: float, warmup: float, rounds: int, with_stock: bool) -> None:
    platform = platforms.load(stack)
    served = Served(load_outputs(stack), load_spec())
    with step("Reading what to ask for", estimate=8):
        requests = served.requests
        bodies = targets.predictions(requests)
        queries = targets.feature_queries(requests, served.feature_service)
        address = targets.redis_address(platform)
    base = platform.serving_url(SERVICE)
    listed = [
        targets.http("mlplatform", "our runtime", served.predict_url, bodies),
        targets.http("feast", "feast serve (features only)", f"{platform.url('feast')}/get-online-features", queries),
        targets.http("floor", "client and gateway alone", f"{base}/v2/health/live", [b""], "GET"),
        targets.raw_redis(address),
    ]
    with contextlib.ExitStack() as stack_:
        if with_stock:
            with step("Deploying the stock KServe server", estimate=60):
                url = stack_.enter_context(stock.deployed(platform, requests[0]))
            listed.insert(1, targets.http("kserve", "stock KServe with Feast's SDK", url, bodies))
        before = measure.machine()
        estimate = rounds * len(listed) * (seconds + warmup + 0.5)
        with step(f"Loading {len(listed)} targets at {rate:g}/s, {rounds} rounds", estimate=estimate) as running:

            def tell(text: str) -> None:
                running.detail = text

            options = {"rate": rate, "seconds": seconds, "warmup": warmup}
            measured = measure.compare(listed, rounds=rounds, on_state=tell, **options)
    title = f"Serving at {rate:g} requests/s, {rounds} rounds of {seconds:g} s"
    report.show(measured, console, title)
    settings = {"stack": stack, "rounds": rounds, **options, "machine": before}
    json_file, picture = paths.REPORTS / "bench-serving.json", paths.REPORTS / "bench-serving.png"
    report.write(measured, json_file, settings)
    report.plot(measured, picture, title)
    console.print(f"  {json_file}\n  {picture}")


if __name__ == "__main__":
    typer.run(main)
