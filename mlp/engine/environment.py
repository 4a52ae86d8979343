"""Builds the environment of the Pulumi CLI, for `mlp` itself and for the shell commands that `mlp env` prints."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from common import paths
from common.errors import UserError
from infra.state.recorded import folder_of

SECRETS_PROVIDER = "MLP_SECRETS_PROVIDER"
"""Variable with the secrets provider that encrypts secrets in the state; `mlp bootstrap` prints its value."""

PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")

SHARED_BACKENDS = ("s3://", "gs://", "azblob://")
"""Backends that several people share and that do not encrypt secrets."""

PARALLEL = 24
"""Concurrent resource operations; most of them only wait for a pod, so two cores are enough."""

ALWAYS = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    # The state records its secrets provider; stack files need not.
    "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    "PULUMI_PARALLEL": str(PARALLEL),
}
"""Default variables of any CLI."""

OURS = {
    "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    # Code generation needs the schema of each type; this project's plugin for pulumi-random does not have one.
    "PULUMI_OPTION_GENERATE_CODE": "false",
}
"""Default variables of the CLI that this project builds; all its plugins are in its home folder."""


def refuse_missing_secret(environment: Mapping[str, str]) -> None:
    """Refuse a shared backend without encryption of its secrets.

    A passphrase that is generated on this machine would lock everybody else out of a shared backend.

    Raises:
        UserError: A shared backend has no secrets provider and no passphrase, or the passphrase file cannot be read.
    """
    backend = environment.get("PULUMI_BACKEND_URL", "")
    given = {SECRETS_PROVIDER, *PASSPHRASES} & environment.keys()
    if backend.startswith(SHARED_BACKENDS) and not given:
        raise UserError(
            "The secrets in the shared state would not be encrypted.",
            seen=f"PULUMI_BACKEND_URL={backend}, and no {SECRETS_PROVIDER}",
            allowed=f"{SECRETS_PROVIDER}=awskms://..., or PULUMI_CONFIG_PASSPHRASE_FILE with a shared passphrase",
            next_step="mlp bootstrap --stack <stack> prints the value; export it and run the command again",
        )
    file = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")
    if file and "PULUMI_CONFIG_PASSPHRASE" not in environment and not _readable(file):
        raise UserError(
            "The passphrase that encrypts the secrets in the state cannot be read.",
            seen=f"PULUMI_CONFIG_PASSPHRASE_FILE={file}",
            allowed="a readable file with the passphrase that the stack was created with",
            next_step="correct the variable, or unset it to use this checkout's own passphrase, .mlp/passphrase",
        )


def _readable(file: str) -> bool:
    return os.access(file, os.R_OK) and not Path(file).is_dir()


def passphrase_file() -> Path:
    """Return the file with the passphrase for secrets in a file backend; create it once, readable only by its owner."""
    path = paths.WORK / "passphrase"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(32))
    return path


def backend_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the state's backend: PULUMI_BACKEND_URL, or this checkout's own folder.

    A relative path becomes absolute, because `mlp` runs the engine in another folder than the user's shell.
    """
    given = environ.get("PULUMI_BACKEND_URL") or f"file://{paths.STATE}"
    folder = folder_of(given)
    if folder is None:
        return given
    _, mark, options = given.partition("?")
    return f"file://{folder}{mark}{options}"


def engine_environment() -> dict[str, str]:
    """Return the variables that the CLI needs in addition to the current environment.

    Raises:
        UserError: The installed Pulumi is too old, the project's own is not built, or secrets would not be encrypted.
    """
    from providers import cli, home

    refuse_missing_secret(os.environ)
    own = cli.installed()
    defaults = ALWAYS if own else {**ALWAYS, **OURS}
    variables = {name: text for name, text in defaults.items() if name not in os.environ}
    folders = [item for item in os.environ.get("PATH", "").split(os.pathsep) if item != str(cli.HOME / "bin")]
    if own is None:
        home.make()
        folders.insert(0, str(cli.HOME / "bin"))
        variables |= {"PULUMI_HOME": str(cli.HOME), "MLP_PYTHON": sys.executable}
    variables["PATH"] = os.pathsep.join(folders)
    if not os.environ.get("PULUMI_BACKEND_URL"):
        paths.STATE.mkdir(parents=True, exist_ok=True)
    if os.environ.get("PULUMI_BACKEND_URL") != backend_url():
        variables["PULUMI_BACKEND_URL"] = backend_url()
    if not {*PASSPHRASES, SECRETS_PROVIDER} & os.environ.keys():
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase_file())
    return variables
