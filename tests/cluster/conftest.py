"""The platform under test: brought up by the same command that a user types."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mlp import engine, paths


@pytest.fixture(scope="session")
def platform() -> dict[str, Any]:
    """Outputs of stack `local`, after `mlp up` has converged."""
    done = subprocess.run(
        [sys.executable, "-m", "mlp.cli", "up", "--stack", "local"],
        check=False,
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"mlp up failed:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return engine.outputs("local")
