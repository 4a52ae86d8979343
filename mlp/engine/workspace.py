"""The Pulumi workspace of one stack: project, values, environment, and the stack in its backend."""

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

__all__ = ["PROJECT", "open_stack", "said", "unopened", "work_dir"]

UNREADABLE = "incorrect passphrase"
"""How the engine says that it cannot read the secrets in a state."""


def work_dir(stack: str) -> Path:
    """Return the generated folder that the engine works in, apart from the committed files."""
    return paths.WORK / "workspaces" / stack


def project() -> dict[str, Any]:
    """Return Pulumi.yaml for another folder: the same program and environment, by absolute paths."""
    content = yaml.safe_load((paths.ROOT / "Pulumi.yaml").read_text())
    options = content["runtime"]["options"]
    options["virtualenv"] = str(paths.ROOT / options["virtualenv"])
    content["main"] = str(paths.ROOT / content["main"])
    del content["stackConfigDir"]
    return content


def values(stack: str, backend: str) -> dict[str, Any]:
    """Return the values of `stack` with what the state says of its encryption, so that the engine checks it at once."""
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
    """Write project and values to the work folder.

    The engine completes a stack file when it first encrypts something. The committed file is not its to write.
    """
    folder = work_dir(stack)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"Pulumi.yaml": project(), f"Pulumi.{stack}.yaml": values(stack, backend)}.items():
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(yaml.safe_dump(content, sort_keys=False))
        fresh.replace(folder / name)
    return folder


def open_stack(stack: str, *, writes: bool) -> auto.Stack:
    """Select `stack`, creating it when it is new.

    Args:
        stack: Name of a file `stacks/Pulumi.<stack>.yaml`.
        writes: True when the operation changes state: what a killed run left in the way is then cleared.

    Raises:
        UserError: No such stack, the engine is missing, or another living process is updating it.
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
    """Return the message about a state that the engine cannot open."""
    return UserError(
        f"The state of stack {stack} cannot be opened; nothing was touched.",
        seen=f"PULUMI_BACKEND_URL={backend}: {said(error)[-3000:]}",
        allowed="file:///an/existing/folder, s3://..., gs://..., azblob://... or https://..., with rights to it",
        next_step="correct PULUMI_BACKEND_URL, or unset it for this checkout's own, .mlp/state",
    )


def said(error: Exception) -> str:
    """Return what the engine wrote to standard error, without the Automation API's frame around it."""
    text = str(error).strip()
    _, frame, written = text.partition("\n stderr: ")
    return (written if frame and written.strip() else text).strip().removeprefix("error: ")


def _command(environment: dict[str, str]) -> auto.PulumiCommand:
    """Return the CLI: a user's own, or ours."""
    from providers import cli

    executable = cli.installed() or Path(environment["PULUMI_HOME"]) / "bin" / "pulumi"
    folder = executable.parent
    # The Automation API takes a root with a folder `bin`, or what is first on PATH.
    return auto.PulumiCommand(root=str(folder.parent) if folder.name == "bin" else None, skip_version_check=True)
