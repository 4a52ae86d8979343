"""Draws the pictures of the README from a running platform: `python -m tests.bench.pictures`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common import paths
from common.errors import UserError
from common.progress import console, step

FOLDER = paths.ROOT / "docs" / "pictures"
COLUMNS = 84
"""Width of the picture of a terminal, in characters."""

LIMIT_BYTES = 100_000
"""Pictures are committed, so they stay small."""

FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;}}
.{unique_id}-title {{font-size: 18px; font-weight: bold; font-family: Arial, Helvetica, sans-serif;}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own format without its web fonts: a picture of the documentation loads nothing from elsewhere."""


def terminal(recorded: Console, title: str) -> str:
    """Return what a recording console printed, as an SVG."""
    return recorded.export_svg(title=title, code_format=FORMAT, unique_id="status")


def status(stack: str) -> str:
    """Run `mlp status` and return what it prints, as an SVG; warn when it shows that something is down."""
    from mlp.commands.status import command

    width, healthy = console.width, True
    console.record, console.width = True, COLUMNS
    try:
        command(stack=stack, as_json=False)
    except typer.Exit:
        healthy = False
    finally:
        drawn = terminal(console, "mlp status")
        console.record, console.width = False, width
    if not healthy:
        console.print(
            "[yellow]The picture shows a part of the platform that is down.[/] Look at it before you commit it."
        )
    return drawn


def latency(stack: str, path: Path, *, rate: float, seconds: float) -> None:
    """Measure the example's latency as `mlp smoke serving-latency` does, and plot every request.

    Raises:
        UserError: A request failed, or the platform is over its budget.
    """
    import matplotlib as mpl

    from smoke import outputs
    from smoke.latency import judge, limits, measure, series
    from smoke.report import plot_latency
    from smoke.served import Served, load_spec

    served = Served(outputs.load(stack), load_spec(None))
    budgets = served.outputs.budgets
    bodies = [json.dumps({"instances": [request]}).encode() for request in served.requests]
    samples, _ = measure(served.predict_url, bodies, budgets, rate=rate, seconds=seconds, confirm_seconds=seconds)
    breaches = [f"{row.name}: {row.shown()}" for row in judge(samples, budgets) if not row.ok]
    if breaches:
        raise UserError(
            "The plot would show a breach.", seen="; ".join(breaches), next_step="mlp smoke serving-latency"
        )
    title = f"{served.spec.service}: {len(samples)} requests at {rate:g} a second, open loop, keys only"
    # Text stays text, and neither a date nor random names change the file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mlplatform", "font.family": "sans-serif"}):
        plot_latency(path, series(samples), limits(budgets), title)
    path.write_text(compact(path.read_text(encoding="utf-8")), encoding="utf-8")


def compact(svg: str) -> str:
    """Return matplotlib's SVG in less space, and without its metadata and document type, which name other sites.

    Coordinates are rounded to a hundredth of a point, and the style of the points is stated once.
    """
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(\.\d\d)\d+", r"\1", svg)
    styles = re.findall(r'<use [^>]*(style="[^"]*")/>', svg)
    if styles:
        points = max(set(styles), key=styles.count)
        rule = points.removeprefix('style="').removesuffix('"')
        svg = re.sub(rf"(<use [^>]*){re.escape(points)}/>", r'\1class="p"/>', svg)
        svg = svg.replace("<defs>", f"<style>.p {{{rule}}}</style>\n <defs>", 1)
    return re.sub(r"^[ \t]+|[ \t]+$", "", svg, flags=re.MULTILINE)


def write(name: str, svg: str) -> Path:
    """Write a picture; refuse one that is too large or that names another site.

    Raises:
        UserError: It is.
    """
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg.rstrip() + "\n", encoding="utf-8")
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise UserError(f"{name} is too large.", seen=f"{size} bytes", allowed=f"at most {LIMIT_BYTES} bytes")
    console.print(f"docs/pictures/{name}: {size / 1000:.0f} kB", markup=False)
    return path


def main(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Environment that is up.")] = "local",
    rate: Annotated[float, typer.Option(min=1, help="Requests per second of the latency plot.")] = 20.0,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the measurement.")] = 10.0,
) -> None:
    """Draw `mlp status` and the latency plot as SVG under docs/pictures/."""
    os.environ.setdefault("FEAST_USAGE", "False")
    write("status.svg", status(stack))
    with step("serving-latency", estimate=seconds + 10):
        path = FOLDER / "serving-latency.svg"
        latency(stack, path, rate=rate, seconds=seconds)
    write(path.name, path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(main)
