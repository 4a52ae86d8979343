"""A Pulumi stack with its own file backend, run by the real engine with the real Kubernetes provider."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pulumi
import pulumi_kubernetes as k8s
from pulumi import automation as auto

from artifacts.toolchain import binary
from components.kubernetes.provider import with_field_manager
from mlp.engine.lock import drop_torn_attributes
from providers import BIN, home
from tests.engine import leftovers

Program = Callable[[], object]
PASSPHRASE = "correct horse"
KUBERNETES = "pulumi-resource-kubernetes"
"""Executable of the provider, and name of its process."""


@dataclass
class Outcome:
    """Output and events of an operation."""

    text: str
    changes: dict[str, int]
    outputs: dict[str, Any] = field(default_factory=dict)
    events: list[auto.EngineEvent] = field(default_factory=list)

    def operations(self) -> dict[str, str]:
        """Operation by resource name, without unchanged resources."""
        found: dict[str, str] = {}
        for meta in self._planned():
            if meta.op not in ("same", "read", "refresh") and not meta.type.startswith("pulumi:p"):
                found[meta.urn.split("::")[-1]] = str(getattr(meta.op, "value", meta.op))
        return found

    def diff(self, name: str) -> dict[str, str]:
        """Return the detailed diff of a resource: path to kind."""
        for meta in self._planned():
            if meta.urn.endswith(f"::{name}") and meta.detailed_diff:
                return {
                    path: str(getattr(d.diff_kind, "value", d.diff_kind))
                    for path, d in dict(meta.detailed_diff).items()
                }
        return {}

    def _planned(self) -> list[Any]:
        """Metadata of every step before it runs."""
        return [event.resource_pre_event.metadata for event in self.events if event.resource_pre_event]


class Stack:
    """A stack; each operation takes the program that it runs.

    Attributes:
        cut_off: Whether the last operation of any stack failed; see `_run`.
        stop_seconds: Time limit for an operation to reach the point at which it is stopped.
    """

    stop_seconds = 60.0
    cut_off: ClassVar[bool] = False

    def __init__(
        self,
        folder: Path,
        kubeconfig: str,
        name: str = "test",
        path: str | None = None,
        project: str = "engine",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        (folder / "state").mkdir(parents=True, exist_ok=True)
        home.make(folder / "home", users=folder / "no-home")  # a policy pack needs the language host
        pulumi_binary = binary("pulumi")
        tools = [str(pulumi_binary.parent), str(binary(KUBERNETES).parent)]
        self.environment = {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "KUBECONFIG": "/nonexistent",
            "PATH": os.pathsep.join([path or str(BIN), *tools, os.environ["PATH"]]),
            **(environment or {}),
        }
        self.auto = auto.create_or_select_stack(
            name,
            project_name=project,
            program=lambda: None,
            opts=auto.LocalWorkspaceOptions(
                work_dir=str(folder),
                pulumi_home=str(folder / "home"),
                env_vars=self.environment,
                pulumi_command=auto.PulumiCommand(root=str(pulumi_binary.parent.parent)),
            ),
        )
        self.lines: list[str] = []
        self.events: list[auto.EngineEvent] = []

    def provider(self, **settings: Any) -> k8s.Provider:
        """Declare the provider as the platform does, with changed `settings`; call it in a program."""
        chosen: dict[str, Any] = {"enable_config_map_mutable": True, "enable_secret_mutable": True, **settings}
        return k8s.Provider("cluster", kubeconfig=chosen.pop("kubeconfig", self.kubeconfig), **chosen)

    def up(self, program: Program, **options: Any) -> Outcome:
        result = self._run(self.auto.up, program, **options)
        changes = _counts(result.summary.resource_changes)
        return Outcome(self.text(), changes, {k: v.value for k, v in result.outputs.items()}, self.events)

    def preview(self, program: Program, **options: Any) -> Outcome:
        result = self._run(self.auto.preview, program, **options)
        changes = _counts(result.change_summary)
        return Outcome(self.text(), changes, {}, self.events)

    def refresh(self, program: Program | None = None, **options: Any) -> Outcome:
        result = self._run(self.auto.refresh, program or (lambda: None), **options)
        return Outcome(self.text(), _counts(result.summary.resource_changes), {}, self.events)

    def destroy(self) -> Outcome:
        result = self._run(self.auto.destroy, lambda: None)
        return Outcome(self.text(), _counts(result.summary.resource_changes), {}, self.events)

    def plain_destroy(self) -> tuple[int, str]:
        """Run `pulumi destroy --yes` with its preview, which the Automation API leaves out."""
        done = subprocess.run(
            [str(binary("pulumi")), "destroy", "--yes", "--non-interactive", "--stack", self.auto.name],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return done.returncode, done.stdout + done.stderr

    def text(self) -> str:
        return "\n".join(self.lines)

    def failure(self, program: Program) -> str:
        """Run an `up` that must fail; return its output."""
        try:
            self.up(program)
        except auto.CommandError as error:
            return f"{self.text()}\n{error}"
        raise AssertionError("the up did not fail")

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources in the state by name, without components and providers."""
        deployment = self.auto.export_stack().deployment or {}
        return {
            entry["urn"].split("::")[-1]: entry
            for entry in deployment.get("resources", [])
            if not entry["type"].startswith("pulumi:")
        }

    def raw_state(self) -> str:
        """Return all files of the backend as text."""
        files = [path for path in (self.folder / "state").rglob("*") if path.is_file()]
        return "\n".join(path.read_text(errors="replace") for path in files)

    def killed_up(self, program: Program, when: Callable[[], bool], victim: str = "pulumi") -> None:
        """Run an `up` and kill -9 the engine or a plugin as soon as `when` is true."""
        self._signalled_up(program, when, victim, signal.SIGKILL)

    def interrupted_up(self, program: Program, when: Callable[[], bool]) -> str:
        """Run an `up`, press Ctrl-C as soon as `when` is true, and return its output."""
        return self._signalled_up(program, when, "/pulumi", signal.SIGINT)

    def _signalled_up(self, program: Program, when: Callable[[], bool], victim: str, number: signal.Signals) -> str:
        failures: list[BaseException] = []
        # Output of an earlier operation must not stop this one.
        self.lines, self.events = list[str](), list[auto.EngineEvent]()

        def run() -> None:
            try:
                self.up(program)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        deadline = time.monotonic() + self.stop_seconds
        while not when():
            assert thread.is_alive(), f"the up ended before it was stopped:\n{self.text()}"
            assert time.monotonic() < deadline, f"the up did not reach the point to stop at:\n{self.text()}"
            time.sleep(0.002)
        for process in psutil.Process().children(recursive=True):
            try:
                if victim in " ".join(process.cmdline()[:4]):
                    process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        thread.join(self.stop_seconds)
        assert not thread.is_alive(), "the up went on after the signal"
        assert failures, "the up succeeded despite the signal"
        return f"{self.text()}\n{failures[0]}"

    def unlock(self) -> None:
        """Remove the truncated files and the lock that a killed engine leaves."""
        drop_torn_attributes(self.environment["PULUMI_BACKEND_URL"])
        self.auto.cancel()

    def _run(self, operation: Callable[..., Any], program: Program, **options: Any) -> Any:
        """Run one operation with one program, after removing what an interrupted program left."""
        self.lines, self.events = list[str](), list[auto.EngineEvent]()
        if Stack.cut_off:
            Stack.cut_off = False
            leftovers.settle()

        def run() -> None:
            pulumi.runtime.register_stack_transformation(with_field_manager)
            program()

        self.auto.workspace.program = run
        try:
            return operation(on_output=self.lines.append, on_event=self.events.append, **options)
        except BaseException:
            Stack.cut_off = True
            raise


def _counts(changes: Mapping[Any, int] | None) -> dict[str, int]:
    return {str(getattr(kind, "value", kind)): count for kind, count in (changes or {}).items()}


def config_map(
    name: str, data: dict[str, Any], namespace: str, provider: k8s.Provider, **extra: Any
) -> k8s.core.v1.ConfigMap:
    metadata: Any = {"name": extra.pop("named", name), "namespace": namespace, **extra.pop("metadata", {})}
    return k8s.core.v1.ConfigMap(
        name, metadata=metadata, data=data, opts=pulumi.ResourceOptions(provider=provider), **extra
    )


def settings_program(stack: Stack, namespace: str, data: dict[str, str], **extra: object) -> Program:
    """Return a program that declares one ConfigMap, `settings`."""

    def run() -> None:
        config_map("settings", data, namespace, stack.provider(), **extra)

    return run


def at(namespace: str, name: str, kind: str = "configmaps") -> str:
    """Return the path of an object on the API server."""
    return f"/api/v1/namespaces/{namespace}/{kind}/{name}"
