"""The Pulumi workspace of one stack: engine, backend, passphrase, plugins and configuration."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from pulumi import automation as auto

from mlp import paths
from mlp.engine.lock import clear_stale_lock, drop_pending_operations, drop_torn_attributes
from mlp.errors import UserError

PROJECT = "mlplatform"

GENERATED_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider")
"""Keys that the engine itself adds to a stack file; they stay out of the committed one for a file backend."""


SECRETS_PROVIDER = "MLP_SECRETS_PROVIDER"
"""Variable that names who encrypts secrets in the state, as `mlp bootstrap` prints it."""

SHARED_BACKENDS = ("s3://", "gs://", "azblob://")
"""Backends that keep state for several people and encrypt nothing themselves."""


def refuse_missing_secret(environment: Mapping[str, str]) -> None:
    """Refuse a shared backend without anything that encrypts the secrets in it.

    A passphrase that was made up on this machine would lock everybody else out.

    Raises:
        UserError: Neither a secrets provider nor a passphrase is given.
    """
    backend = environment.get("PULUMI_BACKEND_URL", "")
    given = {SECRETS_PROVIDER, "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & environment.keys()
    if backend.startswith(SHARED_BACKENDS) and not given:
        raise UserError(
            "Nothing encrypts the secrets in the shared state.",
            seen=f"PULUMI_BACKEND_URL={backend}, and no {SECRETS_PROVIDER}",
            allowed=f"{SECRETS_PROVIDER}=awskms://..., or PULUMI_CONFIG_PASSPHRASE_FILE for everybody alike",
            next_step="mlp bootstrap --stack <stack> prints the value; export it and run the command again",
        )


def stack_file(stack: str) -> Path:
    """Return the committed values of `stack`.

    Raises:
        UserError: There is no such stack.
    """
    path = paths.ROOT / "stacks" / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(p.name.split(".")[1] for p in path.parent.glob("Pulumi.*.yaml"))
        raise UserError(
            "There is no such stack.",
            seen=stack,
            allowed=", ".join(known),
            next_step=f"add stacks/Pulumi.{stack}.yaml, or choose one with --stack",
        )
    return path


def work_dir(stack: str) -> Path:
    """Return the generated folder that the engine works in, apart from the committed files."""
    return paths.WORK / "workspaces" / stack


def _write_workspace(stack: str) -> Path:
    """Copy project and stack values to the work folder, keeping what the engine added there before."""
    folder = work_dir(stack)
    folder.mkdir(parents=True, exist_ok=True)
    project = {"name": PROJECT, "runtime": "python"}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    values = yaml.safe_load(stack_file(stack).read_text()) or {}
    target = folder / f"Pulumi.{stack}.yaml"
    before = (yaml.safe_load(target.read_text()) or {}) if target.is_file() else {}
    values.update({key: before[key] for key in GENERATED_KEYS if key in before})
    provider = os.environ.get(SECRETS_PROVIDER)
    if provider and "encryptionsalt" not in values:
        values.setdefault("secretsprovider", provider)
    fresh = target.with_suffix(".tmp")
    fresh.write_text(yaml.safe_dump(values, sort_keys=False))
    fresh.replace(target)
    return folder


def passphrase_file() -> Path:
    """Return the file with the passphrase that encrypts secrets in a file backend; made once, readable by its owner."""
    path = paths.WORK / "passphrase"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(32))
    return path


def engine_env() -> dict[str, str]:
    """Return the environment of the engine and its plugins."""
    from local.plugins import plugin_path
    from local.toolchain import binary

    refuse_missing_secret(os.environ)
    env = {
        "PATH": os.pathsep.join([str(plugin_path()), str(binary("pulumi").parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": str(paths.ROOT),
        "MLP_PYTHON": sys.executable,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    if "PULUMI_BACKEND_URL" not in os.environ:
        paths.STATE.mkdir(parents=True, exist_ok=True)
        env["PULUMI_BACKEND_URL"] = f"file://{paths.STATE}"
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", SECRETS_PROVIDER} & os.environ.keys():
        env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase_file())
    return env


def open_stack(stack: str, program: Callable[[], None], *, writes: bool) -> auto.Stack:
    """Select `stack`, creating it when it is new.

    Args:
        stack: Name of a file `stacks/Pulumi.<stack>.yaml`.
        program: The program that declares the resources.
        writes: True when the operation changes state: what a killed run left in the way is then cleared.

    Raises:
        UserError: No such stack, or another living process is updating it.
    """
    folder = _write_workspace(stack)
    env = engine_env()
    backend_url = env.get("PULUMI_BACKEND_URL", os.environ.get("PULUMI_BACKEND_URL", ""))
    if writes:
        drop_torn_attributes(backend_url)
    from local.toolchain import binary

    selected = auto.create_or_select_stack(
        stack_name=stack,
        project_name=PROJECT,
        program=program,
        opts=auto.LocalWorkspaceOptions(
            work_dir=str(folder),
            env_vars=env,
            secrets_provider=os.environ.get(SECRETS_PROVIDER),
            pulumi_command=auto.PulumiCommand(root=str(binary("pulumi").parent.parent), skip_version_check=True),
        ),
    )
    if writes:
        clear_stale_lock(selected, backend_url)
        drop_pending_operations(selected)
    return selected
