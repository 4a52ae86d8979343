"""Test `mlp preview --emulate` for a user without an AWS account."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from common.paths import ROOT


def test_production_is_previewed_without_an_account() -> None:
    """No variable of AWS is set, and none for a backend or a passphrase of Pulumi."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("AWS_", "PULUMI_"))}
    done = subprocess.run(
        [sys.executable, "-m", "mlp.cli", "preview", "--stack", "prod", "--emulate"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\d+) (create|update|replace|delete|same)\b", done.stdout.splitlines()[-1]))
    assert list(counts.values()) == ["create"], done.stdout
    assert int(next(iter(counts))) > 300
