"""`mlp cluster`: start, stop, reset and inspect the embedded Kubernetes cluster."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from common.errors import UserError
from common.progress import console

app = typer.Typer(
    no_args_is_help=True,
    help="Start, stop and inspect the embedded Kubernetes cluster: one on each machine, no Docker, no registry.",
)


@app.command()
def start() -> None:
    """Start the cluster; complete a partial start and clean up after a crash."""
    from common import paths
    from node import memory_bytes
    from node import start as run

    run()
    console.print(f"Cluster ready · {(memory_bytes() or 0) / 2**20:.0f} MiB · KUBECONFIG={paths.KUBECONFIG}")


@app.command()
def stop() -> None:
    """Stop the cluster and keep its data."""
    from node import stop as run

    run()
    console.print("The cluster is stopped; its data is kept.")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop the cluster and delete its data: keys, database, images, volumes, logs."""
    from node import reset as run

    if not yes and console.is_terminal:
        typer.confirm("Delete the cluster with all its data?", abort=True)
    run()
    console.print("The cluster and its data are deleted.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show processes, readiness and memory; exit with status 1 when the cluster is not ready."""
    from node import status as read

    found = read()
    if as_json:
        console.print_json(json.dumps(asdict(found), default=str))
        raise typer.Exit(0 if found.ready else 1)
    table = Table("process", "state", "pid", "up", "memory", box=None, pad_edge=False)
    for entry in found.programs:
        memory = "" if entry.memory_bytes is None else f"{entry.memory_bytes / 2**20:.0f} MiB"
        colour = "green" if entry.state == "RUNNING" else "red"
        table.add_row(entry.name, f"[{colour}]{entry.state}[/]", str(entry.pid or ""), f"{entry.uptime:.0f} s", memory)
    if found.programs:
        console.print(table)
        console.print(f"total memory, pods included: {(found.memory_bytes or 0) / 2**20:.0f} MiB")
        console.print(f"kubeconfig: {found.kubeconfig}")
    if found.owner is not None and found.owner.alive and not found.owner.ours:
        console.print(f"The cluster of another checkout is running: {found.owner.checkout}", markup=False)
    for left in found.leftovers:
        console.print(f"left over from a crashed cluster: {left} (start, stop and reset remove it)", markup=False)
    console.print("[green]ready[/]" if found.ready else f"[red]not ready[/]: {found.problem}")
    raise typer.Exit(0 if found.ready else 1)


@app.command()
def logs(
    program: Annotated[str, typer.Argument(help="Process, such as kubelet; without an argument all processes.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Lines of each log.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until Ctrl-C.")] = False,
) -> None:
    """Show the logs of the cluster's processes."""
    from node.config import program_names
    from node.report import log_path

    known = (*program_names(), "supervisord", "node")
    if program and program not in known:
        raise UserError("The cluster does not have this process.", seen=program, allowed=", ".join(known))
    chosen = [log_path(name) for name in ((program,) if program else known)]
    existing = [str(path) for path in chosen if path.is_file()]
    if not existing:
        raise UserError("There are no logs yet.", next_step="mlp cluster start")
    try:
        subprocess.run(["tail", f"--lines={lines}", *(["--follow=name"] if follow else []), *existing], check=False)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
