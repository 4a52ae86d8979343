"""`mlp status`: health and address of every application."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mlp.options import Stack
from mlp.progress import console

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

PROBES = {"mlflow": "/health", "feast": "/health", "gateway": None, "serving": None}
"""Path that answers 200 without a login, by URL name; None where the application has no page of its own."""


@dataclass(frozen=True)
class Workload:
    """One long-running workload: ready and wanted pods, and why pods are not ready."""

    namespace: str
    name: str
    ready: int
    wanted: int
    reason: str = ""

    @property
    def ok(self) -> bool:
        """True when every wanted pod is ready."""
        return self.ready >= self.wanted


def _reason(pod: Any) -> str:  # noqa: ANN401 the client's models carry no useful types
    for status in pod.status.container_statuses or []:
        state = status.state
        if state.waiting and state.waiting.reason:
            return f"{pod.metadata.name}: {state.waiting.reason} {(state.waiting.message or '')[:120]}".strip()
        if state.terminated:
            return f"{pod.metadata.name}: ended with {state.terminated.exit_code} ({state.terminated.reason})"
    unmet = [c.message for c in pod.status.conditions or [] if c.status != "True" and c.message]
    return f"{pod.metadata.name}: {unmet[0]}" if unmet else ""


def workloads(api: ApiClient, namespaces: set[str]) -> list[Workload]:
    """Return every Deployment and StatefulSet of `namespaces`."""
    from kubernetes.client import AppsV1Api, CoreV1Api

    apps, core = AppsV1Api(api), CoreV1Api(api)
    found = []
    sets = apps.list_deployment_for_all_namespaces().items + apps.list_stateful_set_for_all_namespaces().items
    for item in sets:
        if item.metadata.namespace not in namespaces:
            continue
        ready, wanted = item.status.ready_replicas or 0, item.spec.replicas
        reason = ""
        if ready < wanted:
            selector = ",".join(f"{k}={v}" for k, v in (item.spec.selector.match_labels or {}).items())
            pods = core.list_namespaced_pod(item.metadata.namespace, label_selector=selector).items
            reason = next((text for text in map(_reason, pods) if text), "no pod yet")
        found.append(Workload(item.metadata.namespace, item.metadata.name, ready, wanted, reason))
    return sorted(found, key=lambda w: (w.namespace, w.name))


def answers(url: str, path: str | None) -> str:
    """Return what an HTTP GET of `url` gave: a status code, or why there was none."""
    import httpx

    if path is None:
        return "-"
    try:
        return str(httpx.get(url.rstrip("/") + path, timeout=5, trust_env=False).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__


def command(
    stack: Stack = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show what runs, what does not and why, and where everything answers; exit status 1 when anything is down."""
    from mlp import engine
    from smoke.kube import api_client

    values = engine.outputs(stack)
    found = workloads(api_client(values.get("kubeconfig")), set(values["namespaces"].values()))
    http = {name: answers(url, PROBES.get(name)) for name, url in values["urls"].items()}
    healthy = bool(found) and all(w.ok for w in found) and all(code in {"200", "-"} for code in http.values())
    if as_json:
        rows = [{**asdict(w), "ok": w.ok} for w in found]
        typer.echo(json.dumps({"ok": healthy, "workloads": rows, "urls": values["urls"], "http": http}, indent=2))
    else:
        _show(found, values["urls"], http)
    if not healthy:
        raise typer.Exit(1)


def _show(found: list[Workload], urls: dict[str, str], http: dict[str, str]) -> None:
    table = Table(header_style="bold")
    for column in ("namespace", "workload", "ready", "why not"):
        table.add_column(column)
    for item in found:
        mark = "green" if item.ok else "red"
        table.add_row(item.namespace, item.name, f"[{mark}]{item.ready}/{item.wanted}[/]", item.reason)
    console.print(table)
    addresses = Table(header_style="bold")
    for column in ("application", "URL", "HTTP"):
        addresses.add_column(column)
    for name, url in urls.items():
        addresses.add_row(name, url, f"[{'green' if http[name] in {'200', '-'} else 'red'}]{http[name]}[/]")
    console.print(addresses)
