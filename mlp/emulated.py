"""An emulated AWS account on loopback, for previews on a machine that has no account."""

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

if TYPE_CHECKING:
    from infra.schema import Settings

STATE = paths.WORK / "emulated" / "state"
"""Apart from every real stack's state: what an emulation holds must never be taken for an environment."""


@contextlib.contextmanager
def emulated_account(settings: Settings) -> Iterator[None]:
    """Send everything that would go to AWS to an empty emulated account until the block ends.

    Raises:
        UserError: The stack is not on AWS, or the development requirements are not installed.
    """
    if settings.aws is None:
        raise UserError(
            f"Stack {settings.environment} is not on AWS.",
            seen=f"substrate: {settings.substrate}",
            allowed="--emulate with a stack whose substrate is aws",
        )
    try:
        from providers.aws_emulation.emulation import BIN, emulation
    except ModuleNotFoundError as error:
        raise UserError(
            "The emulation of AWS is not installed.",
            seen=str(error),
            next_step="run it from a checkout with the development requirements: make check",
        ) from None
    STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        with step("Emulated AWS account", estimate=5):
            account = running.enter_context(emulation(Path(folder), settings.aws.account_id, settings.aws.region))
        variables = {
            **account.environment,
            "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")]),
            "PULUMI_BACKEND_URL": f"file://{STATE}",
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "false",
        }
        running.enter_context(mock.patch.dict(os.environ, variables))
        yield
