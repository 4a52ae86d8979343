"""`make bench`: measures the platform, then compares the latency of serving with other servers."""

from __future__ import annotations

from typing import Annotated

import typer

from tests.bench import aws as emulated
from tests.bench import platform


def main(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="First remove stack and cluster and time the way back.")
    ] = False,
    serving: Annotated[bool, typer.Option(help="Compare serving with its neighbours too (six minutes).")] = True,
    aws: Annotated[bool, typer.Option(help="Compare a preview of prod with the engine's own time too.")] = True,
    growth: Annotated[bool, typer.Option(help="Measure the engine at 30, 100 and 300 objects too.")] = False,
) -> None:
    """Measure, print the figures, and write reports to .mlp/reports/."""
    figures = platform.from_nothing() if fresh else []
    platform.show(figures + platform.measure())
    if aws:
        platform.show([*emulated.without_engine(), *emulated.measure()], "aws")
    if serving:
        from tests.bench.serving.__main__ import main as compare

        compare()
    if growth:
        from tests.bench.engine import main as grow

        grow()


if __name__ == "__main__":
    typer.run(main)
