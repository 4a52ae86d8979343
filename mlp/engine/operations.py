"""Runs preview, up and destroy of a stack with progress and readable errors; writes and reads its outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pulumi import automation as auto

from client.platform import load, outputs_path, previous
from common import paths
from common.errors import UserError
from common.progress import console, step
from components.applications.catalog import APPLICATIONS
from infra.schema import Settings
from infra.settings import load_stack, stack_file
from infra.state import guards, recorded
from infra.state.reset_cluster import cluster_was_reset
from infra.substrates import kubeconfig_path
from mlp.engine.environment import PARALLEL, PASSPHRASES, backend_url, passphrase_file
from mlp.engine.events import Recorder
from mlp.engine.removed_teams import Decisions, decide_about_data, removed_namespaces
from mlp.engine.turned_off import refuse_left_objects, refuse_objects_in, release_pods
from mlp.engine.workspace import UNREADABLE, engine_message, open_stack
from mlp.protection import refuse_protected_resources


@dataclass(frozen=True)
class StackSources:
    """Settings and recorded state of a stack, each read once for an operation.

    Attributes:
        stack: Name of the stack.
        backend: URL of the state's backend.
    """

    stack: str
    backend: str

    @cached_property
    def settings(self) -> Settings:
        """Checked settings of the stack."""
        return load_stack(stack_file(self.stack))

    @cached_property
    def recorded(self) -> dict[str, Any] | None:
        """Recorded deployment in a file backend; None for other backends, where only the engine reads the state."""
        return recorded.deployment(self.backend, self.stack) if recorded.is_plain(self.backend) else None

    @cached_property
    def cluster(self) -> guards.LocalCluster | None:
        """The cluster of a local stack; None for a stack on AWS."""
        local = self.settings.local
        return guards.LocalCluster(kubeconfig_path(local), self.backend) if local is not None else None

    def open(self, operation: guards.Operation, *, forget_cluster: bool = False) -> auto.Stack:
        """Check the state, then select the stack and prepare it for an operation.

        The state of a file backend is checked before the engine runs, any other state before the engine changes it.

        Raises:
            UserError: The operation would fail or do harm; nothing was touched.
        """

        def checked(deployment: Mapping[str, Any]) -> guards.Preparation:
            recorded.refuse_foreign(deployment, self.backend, self.stack)
            local = self.settings.local is not None
            return guards.check_state(
                operation, deployment, self.stack, local=local, forget_cluster=forget_cluster, cluster=self.cluster
            )

        known = checked(self.recorded) if self.recorded is not None else None
        selected = open_stack(self.stack, writes=operation != "preview")
        guards.prepare_stack(selected, known or checked(selected.export_stack().deployment or {}))
        return selected

    def needs_refresh(self) -> bool:
        """Tell whether the cluster was reset, so that the state must be refreshed before an update; print a notice."""
        if self.cluster is None or not cluster_was_reset(self.recorded or {}, self.cluster.kubeconfig):
            return False
        console.print("  [yellow]the cluster was reset: every object in it is created again[/]")
        return True

    def prepare_removal(self, decisions: Decisions) -> None:
        """Refuse to turn off an application or to remove a team while users have objects of it.

        Then delete the pods that the application keeps, and the data of the team if that was decided.

        Args:
            decisions: What becomes of the data of a removed team.
        """
        platform = previous(self.stack)
        if platform is None:
            return
        off = [item for item in APPLICATIONS if item not in self.settings.applications and item.user_objects]
        if off:
            refuse_left_objects(platform, off)
        removed = removed_namespaces(platform.outputs, self.settings)
        if removed:
            refuse_objects_in(platform, removed, [kind for item in APPLICATIONS for kind in item.user_objects])
            decide_about_data(
                platform, [name for name in platform.outputs.get("teams", ()) if name in removed], decisions
            )
        release_pods(platform, off)


def log_name(stack: str, name: str) -> str:
    """Return the name of the log file of an operation, in `.mlp/logs`."""
    return f"pulumi-{stack}-{name}.log"


def _log(stack: str, name: str) -> Callable[[str], None]:
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    path = paths.LOGS / log_name(stack, name)
    path.write_text("")

    def write(line: str) -> None:
        with path.open("a") as handle:
            handle.write(line + "\n")

    return write


CONTINUE = {
    "preview": "correct the cause, then run the command again",
    "up": "correct the cause, then run the command again: it continues from here",
    "destroy": "correct the cause, then run the command again: it continues from here",
}
"""Next step after an operation that failed, by its name."""

TITLES = {"preview": "Preview", "up": "Update", "destroy": "Destroy"}
"""Beginning of a message about an operation, by its name."""


def failure(stack: str, name: str, errors: Sequence[str], error: Exception, *, interrupted: bool = False) -> UserError:
    """Return the error for users about an operation that failed.

    Args:
        stack: Name of the stack.
        name: Name of the operation.
        errors: Errors that the engine reported during the operation.
        error: Exception that ended the operation.
        interrupted: Whether the engine stopped because of Ctrl-C or another signal.
    """
    if UNREADABLE in str(error):
        return UserError(
            f"The state of stack {stack} was encrypted with another passphrase; nothing was touched.",
            seen=_passphrase_source(),
            allowed="the passphrase that the stack was created with",
            next_step=_passphrase_remedy(),
        )
    if interrupted:
        return UserError(
            f"{TITLES[name]} of stack {stack} was interrupted.",
            seen=f"the log .mlp/logs/{log_name(stack, name)}",
            next_step="run the command again" + (": it continues from here" if name != "preview" else ""),
        )
    seen = "\n".join(errors[:8]) or engine_message(error)[-3000:]
    return UserError(
        f"{TITLES[name]} of stack {stack} failed.",
        seen=seen,
        next_step=f"read .mlp/logs/{log_name(stack, name)}, {CONTINUE[name]}",
    )


def _passphrase_remedy() -> str:
    """Return which variable to set: the engine prefers the passphrase in the environment to the one in a file."""
    name = next((name for name in PASSPHRASES if name in os.environ), None)
    if name is None:
        return "set PULUMI_CONFIG_PASSPHRASE_FILE to the file with that passphrase"
    return f"correct {name}, or unset it to use this checkout's own passphrase, .mlp/passphrase"


def _passphrase_source() -> str:
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return "PULUMI_CONFIG_PASSPHRASE (its value is not shown)"
    return f"the passphrase in {os.environ.get('PULUMI_CONFIG_PASSPHRASE_FILE') or passphrase_file()}"


def preview(stack: str, *, diff: bool = False) -> dict[str, int]:
    """Print what `up` would change, and return the number of resources by operation.

    Raises:
        UserError: The program or a plugin failed.
    """
    with step(f"Preview of stack {stack}", estimate=20) as progress:
        recorder = Recorder(progress, verbose=True)
        log = _log(stack, "preview")
        try:
            StackSources(stack, backend_url()).open("preview").preview(
                on_event=recorder, on_output=log, on_error=log, parallel=PARALLEL, color="never", diff=diff
            )
        except auto.CommandError as error:
            raise failure(stack, "preview", recorder.errors, error, interrupted=recorder.interrupted) from None
    if diff:
        console.print((paths.LOGS / log_name(stack, "preview")).read_text(), markup=False)
    return recorder.changes


def up(stack: str, *, refresh: bool = False, data: Decisions | None = None) -> dict[str, int]:
    """Create or update the stack, write its outputs, and return the number of resources by operation.

    Args:
        stack: Name of the stack.
        refresh: Refresh the state from the cluster and the account first, so that deleted resources are created again.
        data: What becomes of the data of teams that the settings remove, by team.

    Raises:
        UserError: A resource failed; the completed changes are recorded, and the next `up` continues from there.
    """
    with step(f"Update of stack {stack}", estimate=90) as progress:
        recorder = Recorder(progress)
        log = _log(stack, "up")
        try:
            sources = StackSources(stack, backend_url())
            sources.prepare_removal(data or {})
            selected = sources.open("up")
            result = selected.up(
                refresh=refresh or sources.needs_refresh(),
                on_event=recorder,
                on_output=log,
                on_error=log,
                parallel=PARALLEL,
                color="never",
                show_secrets=False,
                continue_on_error=True,
            )
        except auto.CommandError as error:
            raise failure(stack, "up", recorder.errors, error, interrupted=recorder.interrupted) from None
        write_outputs(stack, result.outputs)
    return recorder.changes


def write_outputs(stack: str, values: auto.OutputMap) -> None:
    """Write the output `platform` to its file; it contains addresses and names, never a secret.

    Raises:
        UserError: The output contains a secret.
    """
    if values["platform"].secret:
        raise UserError(
            "The stack output `platform` contains a secret.", next_step="export the names of Secrets, not their values"
        )
    path = outputs_path(stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values["platform"].value, indent=2, sort_keys=True) + "\n")


def outputs(stack: str) -> dict[str, Any]:
    """Return the output `platform` of the last update.

    Raises:
        UserError: This checkout has not brought the stack up.
    """
    return load(stack).outputs


def destroy(stack: str, *, forget_cluster: bool = False) -> dict[str, int]:
    """Delete every resource of the stack.

    Args:
        stack: Name of the stack.
        forget_cluster: Treat the objects of a cluster that does not answer as deleted.

    Raises:
        UserError: A resource could not be deleted, or is protected.
    """
    with step(f"Destroy of stack {stack}", estimate=60) as progress:
        recorder = Recorder(progress)
        log = _log(stack, "destroy")
        try:
            selected = StackSources(stack, backend_url()).open("destroy", forget_cluster=forget_cluster)
            refuse_protected_resources(selected.export_stack().deployment or {}, stack)
            selected.destroy(
                on_event=recorder, on_output=log, on_error=log, parallel=PARALLEL, color="never", show_secrets=False
            )
        except auto.CommandError as error:
            raise failure(stack, "destroy", recorder.errors, error, interrupted=recorder.interrupted) from None
        outputs_path(stack).unlink(missing_ok=True)
    return recorder.changes


def state_size(stack: str) -> int:
    """Return the size of the checkpoint in a file backend, in bytes; 0 without a checkpoint and for other backends."""
    path = recorded.state_path(backend_url(), stack)
    return path.stat().st_size if path and path.is_file() else 0
