"""Runs an emulated AWS account on loopback, for previews without an account."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from common import paths
from common.errors import UserError
from common.progress import step
from mlp.account import on_aws

if TYPE_CHECKING:
    from infra.schema import Settings

STATE = paths.WORK / "emulated" / "state"
"""Folder of the emulation's state, separate from the state of every real stack."""


@contextlib.contextmanager
def emulated_account(settings: Settings) -> Iterator[None]:
    """Send every request to AWS to an empty emulated account while the block runs.

    Raises:
        UserError: The stack is not on AWS, or the development requirements are not installed.
    """
    aws = on_aws(settings, f"Stack {settings.environment} is not on AWS, so no account can be emulated for it.")
    try:
        from providers.aws_emulation.emulation import BIN, emulation
    except ModuleNotFoundError as error:
        raise UserError(
            "The emulation of AWS is not installed.",
            seen=str(error),
            next_step="make check installs the development requirements; then run the command again",
        ) from None
    STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        with step("Starting an emulated AWS account", estimate=5):
            account = running.enter_context(emulation(Path(folder), aws.account_id, aws.region))
        variables = {
            **account.environment,
            "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")]),
            "PULUMI_BACKEND_URL": f"file://{STATE}",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "false",
        }
        running.enter_context(mock.patch.dict(os.environ, variables))
        yield
