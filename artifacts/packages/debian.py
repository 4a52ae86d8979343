"""Debian packages: which are missing, and their installation."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import yaml

from common import progress
from common.errors import UserError
from common.paths import LOGS
from common.process import CommandFailed, Log, run

APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
"""Waits up to 300 s for another package manager, and tries each download again."""

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# mlplatform: no service starts while its packages are installed\nexit 101\n"
"""What invoke-rc.d asks before it starts a service; 101 means: not allowed (Debian's policy-rc.d specification)."""


def wanted() -> dict[str, str]:
    """Return the packages and what each is for."""
    return yaml.safe_load((Path(__file__).parent / "debian.yaml").read_text())


def absent(names: list[str], listing: str) -> list[str]:
    """Return which of `names` are not fully installed.

    Args:
        names: Packages.
        listing: Output of dpkg-query: a line `name status` for each package it knows.
    """
    installed = {line.split()[0] for line in listing.splitlines() if line.split()[1:] == ["installed"]}
    return [name for name in names if name not in installed]


def missing() -> list[str]:
    """Return the packages that are not installed.

    Raises:
        UserError: This is no Debian system.
    """
    names = list(wanted())
    try:
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise UserError(
            "system packages are installed with Debian's tools, which are missing here",
            seen="no dpkg-query on PATH",
            allowed="Debian 12",
            next_step="use a Debian 12 machine or container",
        ) from None
    return absent(names, shown.stdout)


def ensure_packages() -> None:
    """Install the packages that are missing, naming them first; do nothing when there are none.

    An installation that was interrupted earlier is finished first. No service of theirs is started.

    Raises:
        UserError: They could not be installed; with the end of apt's log.
    """
    names = missing()
    if not names:
        return
    reasons = wanted()
    progress.console.print("System packages to install:")
    for name in names:
        progress.console.print(f"  {name}: {reasons[name]}", markup=False)
    path = LOGS / "packages.log"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with (
        progress.step(f"install {len(names)} system packages", estimate=40) as step,
        _services_stay_off(),
        Log(path, Path("/"), environment) as log,
    ):

        def see(line: str) -> None:
            step.detail = line[:100]

        install = [*APT, "install", "-y", "--no-install-recommends", *names]
        try:
            run(log, ["dpkg", "--configure", "-a"], see)
            try:
                run(log, install, see)
            except CommandFailed:
                # Package lists are absent on a fresh machine and outdated on an old one.
                run(log, [*APT, "update"], see)
                run(log, install, see)
        except CommandFailed as failure:
            raise UserError(
                f"system packages could not be installed: {failure}",
                seen="the end of its log\n    " + "\n    ".join(failure.tail),
                next_step=f"read {path}, install them yourself ({' '.join(names)}), then run the same command again",
            ) from None


@contextlib.contextmanager
def _services_stay_off() -> Generator[None]:
    """Keep packages from starting their services while the block runs; a policy of the machine's own stays."""
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
