"""Preview, up, destroy and outputs of a stack, with progress and readable failures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi import automation as auto

from client.platform import Platform
from common import paths
from common.errors import UserError
from common.progress import console, step
from components.applications.catalog import APPLICATIONS
from infra.settings import load_stack, stack_file
from infra.state import guards, recorded
from infra.state.reset_cluster import has_none_of, refuse_unknown_platform
from infra.substrates import kubeconfig_path
from mlp.engine.environment import PARALLEL, PASSPHRASES, backend_url, passphrase_file
from mlp.engine.events import Recorder
from mlp.engine.turned_off import refuse_left_objects
from mlp.engine.workspace import UNREADABLE, open_stack, said
from mlp.protection import refuse_protected_resources


def _open(stack: str, operation: guards.Operation, *, forget_cluster: bool = False) -> auto.Stack:
    """Select a stack, once nothing speaks against working on it.

    What must be refused before anything is touched is refused here. The state of a file backend is looked at before
    the engine is asked for anything.

    Raises:
        UserError: Something does.
    """

    def looked_at(deployment: Mapping[str, Any]) -> guards.Passed:
        recorded.refuse_foreign(deployment, backend_url(), stack)
        return guards.before(operation, deployment, stack, local=local, forget_cluster=forget_cluster)

    local = load_stack(stack_file(stack)).substrate == "local"
    known = looked_at(recorded.deployment(backend_url(), stack)) if recorded.is_plain(backend_url()) else None
    selected = open_stack(stack, writes=operation != "preview")
    guards.prepare(selected, known or looked_at(selected.export_stack().deployment or {}))
    return selected


def _log(stack: str, name: str) -> Callable[[str], None]:
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    path = paths.LOGS / f"pulumi-{stack}-{name}.log"
    path.write_text("")

    def write(line: str) -> None:
        with path.open("a") as handle:
            handle.write(line + "\n")

    return write


def failure(stack: str, name: str, errors: Sequence[str], error: Exception) -> UserError:
    """Return the message about an operation that failed, from the errors that the engine told of on the way."""
    if UNREADABLE in str(error):
        return UserError(
            f"The state of stack {stack} was encrypted with another passphrase; nothing was touched.",
            seen=_passphrase_source(),
            allowed="the passphrase that the stack was made with",
            next_step=_passphrase_remedy(),
        )
    seen = "\n".join(errors[:8]) or said(error)[-3000:]
    return UserError(
        f"{name} of stack {stack} failed.",
        seen=seen,
        next_step=f"see .mlp/logs/pulumi-{stack}-{name}.log, correct it, run the command again: it goes on from here",
    )


def _passphrase_remedy() -> str:
    """Return what to set: the engine looks at a file only where there is no passphrase in the environment."""
    name = next((name for name in PASSPHRASES if name in os.environ), None)
    if name is None:
        return "point PULUMI_CONFIG_PASSPHRASE_FILE at the file with it"
    return f"correct {name}, or unset it for this checkout's own, .mlp/passphrase"


def _passphrase_source() -> str:
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
        return "PULUMI_CONFIG_PASSPHRASE (its value is not shown)"
    return f"the passphrase in {os.environ.get('PULUMI_CONFIG_PASSPHRASE_FILE') or passphrase_file()}"


def preview(stack: str, *, diff: bool = False) -> dict[str, int]:
    """Show what `up` would change, and return the number of resources by operation.

    Raises:
        UserError: The program or a plugin failed.
    """
    with step(f"Preview of stack {stack}", estimate=20) as progress:
        recorder = Recorder(progress, verbose=True)
        log = _log(stack, "preview")
        try:
            _open(stack, "preview").preview(
                on_event=recorder, on_output=log, on_error=log, parallel=PARALLEL, color="never", diff=diff
            )
        except auto.CommandError as error:
            raise failure(stack, "preview", recorder.errors, error) from None
    if diff:
        console.print((paths.LOGS / f"pulumi-{stack}-preview.log").read_text(), markup=False)
    return recorder.changes


def up(stack: str, *, refresh: bool = False) -> dict[str, int]:
    """Create or update the stack, write its outputs, and return the number of resources by operation.

    Args:
        stack: Its name.
        refresh: Read the state again from cluster and account first: what somebody deleted is made again.

    Raises:
        UserError: A resource failed; what was done is recorded, and the next `up` goes on from there.
    """
    with step(f"Update of stack {stack}", estimate=90) as progress:
        recorder = Recorder(progress)
        log = _log(stack, "up")
        try:
            _refuse_unknown_platform(stack)
            _refuse_left_objects(stack)
            selected = _open(stack, "up")
            result = selected.up(
                refresh=refresh or _cluster_was_reset(stack),
                on_event=recorder,
                on_output=log,
                on_error=log,
                parallel=PARALLEL,
                color="never",
                show_secrets=False,
                continue_on_error=True,
            )
        except auto.CommandError as error:
            raise failure(stack, "up", recorder.errors, error) from None
        write_outputs(stack, result.outputs)
    return recorder.changes


def _refuse_unknown_platform(stack: str) -> None:
    local = load_stack(stack_file(stack)).local
    if local is not None and recorded.is_plain(backend_url()):
        held = recorded.deployment(backend_url(), stack)
        refuse_unknown_platform(held, kubeconfig_path(local), backend_url())


def _refuse_left_objects(stack: str) -> None:
    settings = load_stack(stack_file(stack))
    off = [item for item in APPLICATIONS if item not in settings.applications and item.user_objects]
    if off and outputs_path(stack).is_file():
        refuse_left_objects(Platform(stack, outputs(stack)), off)


def _cluster_was_reset(stack: str) -> bool:
    """Return whether the state must be read again from the cluster first; says so when it must."""
    local = load_stack(stack_file(stack)).local
    if local is None or not has_none_of(recorded.deployment(backend_url(), stack), kubeconfig_path(local)):
        return False
    console.print("  [yellow]the cluster is new: everything in it is made again[/]")
    return True


def outputs_path(stack: str) -> Path:
    """Return where the exported outputs of `stack` are written for smoke checks and scripts."""
    return paths.WORK / "outputs" / f"{stack}.json"


def write_outputs(stack: str, values: auto.OutputMap) -> None:
    """Write the output `platform`; it holds addresses and names, never a secret.

    Raises:
        UserError: The program exported a secret there.
    """
    if values["platform"].secret:
        raise UserError("The stack output `platform` became a secret.", next_step="export names of Secrets, not values")
    path = outputs_path(stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values["platform"].value, indent=2, sort_keys=True) + "\n")


def outputs(stack: str) -> dict[str, Any]:
    """Return the output `platform` of the last update.

    Raises:
        UserError: The stack was never brought up from here.
    """
    path = outputs_path(stack)
    if not path.is_file():
        raise UserError(f"Stack {stack} has no outputs yet.", next_step=f"mlp up --stack {stack}")
    return json.loads(path.read_text())


def destroy(stack: str, *, forget_cluster: bool = False) -> dict[str, int]:
    """Delete every resource of the stack.

    Args:
        stack: Its name.
        forget_cluster: Take the objects of a cluster that does not answer for deleted.

    Raises:
        UserError: A resource could not be deleted, or is protected.
    """
    with step(f"Destroy of stack {stack}", estimate=60) as progress:
        recorder = Recorder(progress)
        log = _log(stack, "destroy")
        try:
            selected = _open(stack, "destroy", forget_cluster=forget_cluster)
            refuse_protected_resources(selected.export_stack().deployment or {}, stack)
            selected.destroy(
                on_event=recorder, on_output=log, on_error=log, parallel=PARALLEL, color="never", show_secrets=False
            )
        except auto.CommandError as error:
            raise failure(stack, "destroy", recorder.errors, error) from None
        outputs_path(stack).unlink(missing_ok=True)
    return recorder.changes


def state_size(stack: str) -> int:
    """Return the size of the checkpoint in a file backend, in bytes; 0 when there is none."""
    path = recorded.state_path(backend_url(), stack)
    return path.stat().st_size if path and path.is_file() else 0
