"""`mlp status`: show the health and the address of every application, and the Secrets with its credentials."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from common.progress import console
from mlp.health import Address, Workload, addresses, ask_cluster, services, workloads
from mlp.options import Stack


def command(
    stack: Stack = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show which workloads run, why others do not, and all URLs; exit with status 1 when anything is down."""
    from client.kube import api_client
    from client.reachable import require_cluster
    from mlp import engine

    values = engine.outputs(stack)
    require_cluster(values.get("kubeconfig"), stack)
    api = api_client(values.get("kubeconfig"))
    spaces = {*values["namespaces"].values(), *(team["namespace"] for team in values["teams"].values())}
    found = ask_cluster(stack, lambda: workloads(api, spaces))
    listed = addresses(values["urls"], values.get("health", {}), ask_cluster(stack, lambda: services(api)))
    healthy = bool(found) and all(item.ok for item in found) and all(item.ok for item in listed)
    if as_json:
        rows = [{**asdict(item), "ok": item.ok} for item in found]
        report = {"ok": healthy, "workloads": rows, "addresses": [asdict(item) for item in listed]}
        secrets = {"credentials": values["credentials"], "teams": values["teams"]}
        typer.echo(json.dumps({**report, **secrets}, indent=2))
    else:
        _show(found, listed, values["credentials"], values["teams"])
    if not healthy:
        raise typer.Exit(1)


def _show(
    found: list[Workload],
    listed: list[Address],
    credentials: dict[str, dict[str, str]],
    teams: dict[str, dict[str, Any]],
) -> None:
    table = Table("namespace", "workload", "ready", "why not", header_style="bold")
    for item in found:
        table.add_row(item.namespace, item.name, f"[{_mark(item.ok)}]{item.ready}/{item.wanted}[/]", item.reason)
    console.print(table)
    urls = Table("application", "URL", "HTTP", header_style="bold")
    for address in listed:
        urls.add_row(address.name, address.url, f"[{_mark(address.ok)}]{address.response}[/]")
    console.print(urls)
    for name, where in credentials.items():
        console.print(f"credentials of {name}: Secret {where['secret']} in namespace {where['namespace']}")
    for name, team in teams.items():
        secrets = ", ".join(f"{secret['secret']} ({what})" for what, secret in team["credentials"].items())
        console.print(f"team {name}: Secrets in namespace {team['namespace']}: {secrets}")


def _mark(ok: bool) -> str:
    return "green" if ok else "red"
