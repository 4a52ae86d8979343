"""Opens a stack with the Automation API: writes its workspace, sets its environment, selects it in its backend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation as auto

from common import paths
from common.errors import UserError
from infra.settings import stack_file
from infra.state.recorded import PROJECT, deployment, salt
from mlp.engine.environment import SECRETS_PROVIDER, backend_url, engine_environment
from mlp.engine.lock import clear_stale_lock, drop_pending_operations, drop_torn_attributes

__all__ = ["PROJECT", "engine_message", "open_stack", "unopened", "work_dir"]

UNREADABLE = "incorrect passphrase"
"""Part of the engine's error when it cannot decrypt the secrets in a state."""


def work_dir(stack: str) -> Path:
    """Return the generated working folder of the engine, separate from the committed files."""
    return paths.WORK / "workspaces" / stack


def project() -> dict[str, Any]:
    """Return the content of Pulumi.yaml for the working folder, with absolute paths of program and environment."""
    content = yaml.safe_load((paths.ROOT / "Pulumi.yaml").read_text())
    options = content["runtime"]["options"]
    options["virtualenv"] = str(paths.ROOT / options["virtualenv"])
    content["main"] = str(paths.ROOT / content["main"])
    del content["stackConfigDir"]
    return content


def values(stack: str, backend: str) -> dict[str, Any]:
    """Return the values of `stack` with the encryption settings of its state, so that the engine checks them first."""
    content = yaml.safe_load(stack_file(stack).read_text()) or {}
    content.pop("encryptionsalt", None)
    known = salt(deployment(backend, stack))
    provider = os.environ.get(SECRETS_PROVIDER)
    if known:
        content["encryptionsalt"] = known
    elif provider:
        content.setdefault("secretsprovider", provider)
    return content


def _write_workspace(stack: str, backend: str) -> Path:
    """Write project and values to the working folder.

    The engine adds a salt to a stack file when it first encrypts a value. The copy keeps the committed file unchanged.
    """
    folder = work_dir(stack)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"Pulumi.yaml": project(), f"Pulumi.{stack}.yaml": values(stack, backend)}.items():
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(yaml.safe_dump(content, sort_keys=False))
        fresh.replace(folder / name)
    return folder


def open_stack(stack: str, *, writes: bool) -> auto.Stack:
    """Select `stack`; create it when it is new.

    Args:
        stack: Name of a file `stacks/Pulumi.<stack>.yaml`.
        writes: Whether the operation changes the state; leftovers of a killed update are then removed first.

    Raises:
        UserError: The stack does not exist, the engine is missing, or another process is updating the stack.
    """
    from providers import ambient

    environment = engine_environment()
    ambient.refuse_foreign({**os.environ, **environment})
    backend = environment.get("PULUMI_BACKEND_URL") or backend_url()
    if writes:
        drop_torn_attributes(backend)
    folder = _write_workspace(stack, backend)
    options = auto.LocalWorkspaceOptions(
        work_dir=str(folder),
        env_vars={**environment, "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true"},
        secrets_provider=os.environ.get(SECRETS_PROVIDER),
        pulumi_command=_command(environment),
    )
    try:
        selected = auto.create_or_select_stack(stack_name=stack, work_dir=str(folder), opts=options)
    except auto.CommandError as error:
        if UNREADABLE in str(error):
            raise
        raise unopened(stack, backend, error) from None
    if writes:
        clear_stale_lock(selected, backend)
        drop_pending_operations(selected)
    return selected


def unopened(stack: str, backend: str, error: auto.CommandError) -> UserError:
    """Return the error for users about a state that the engine cannot open."""
    return UserError(
        f"The state of stack {stack} cannot be opened; nothing was touched.",
        seen=f"PULUMI_BACKEND_URL={backend}: {engine_message(error)[-3000:]}",
        allowed="file:///an/existing/folder, s3://..., gs://..., azblob://... or https://..., that you can write to",
        next_step="correct PULUMI_BACKEND_URL, or unset it to use this checkout's own state, .mlp/state",
    )


def engine_message(error: Exception) -> str:
    """Return the engine's standard error from an exception of the Automation API."""
    text = str(error).strip()
    _, frame, written = text.partition("\n stderr: ")
    return (written if frame and written.strip() else text).strip().removeprefix("error: ")


def _command(environment: dict[str, str]) -> auto.PulumiCommand:
    """Return the CLI: the user's own when it can be used, else the one that this project builds."""
    from providers import cli

    executable = cli.installed() or Path(environment["PULUMI_HOME"]) / "bin" / "pulumi"
    folder = executable.parent
    # The Automation API accepts a root that contains a folder `bin`, or searches PATH.
    return auto.PulumiCommand(root=str(folder.parent) if folder.name == "bin" else None, skip_version_check=True)
