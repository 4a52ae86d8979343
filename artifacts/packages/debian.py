"""Installs the Debian packages that the host lacks."""

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
"""apt-get that waits up to 300 s for another package manager and retries each download."""

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# mlplatform: start no service while its packages are installed\nexit 101\n"
"""Script that invoke-rc.d runs before it starts a service; status 101 forbids the start (policy-rc.d specification)."""


def wanted() -> dict[str, str]:
    """Return each needed package with its purpose."""
    return yaml.safe_load((Path(__file__).parent / "debian.yaml").read_text())


def absent(names: list[str], listing: str) -> list[str]:
    """Return which of `names` are not fully installed.

    Args:
        names: Packages.
        listing: Output of dpkg-query: a line `name status` for each known package.
    """
    installed = {line.split()[0] for line in listing.splitlines() if line.split()[1:] == ["installed"]}
    return [name for name in names if name not in installed]


def missing() -> list[str]:
    """Return the packages that are not installed.

    Raises:
        UserError: The machine does not run Debian.
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
            "System packages can only be installed on Debian.",
            seen="no dpkg-query on PATH",
            allowed="Debian 12",
            next_step="use a Debian 12 machine or container",
        ) from None
    return absent(names, shown.stdout)


def ensure_packages() -> None:
    """Print and install the missing packages.

    An interrupted earlier installation is completed first. Services of the packages are not started.

    Raises:
        UserError: The installation failed; shows the end of apt's log.
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
        progress.step(f"Installing {len(names)} system packages", estimate=40) as step,
        _services_stay_off(),
        Log(path, Path("/"), environment) as log,
    ):

        def show(line: str) -> None:
            step.detail = line[:100]

        install = [*APT, "install", "-y", "--no-install-recommends", *names]
        try:
            run(log, ["dpkg", "--configure", "-a"], show)
            try:
                run(log, install, show)
            except CommandFailed:
                # The package lists may be missing on a new machine and outdated on an old one.
                run(log, [*APT, "update"], show)
                run(log, install, show)
        except CommandFailed as failure:
            raise UserError(
                f"System packages could not be installed: {failure}.",
                seen="end of the log\n    " + "\n    ".join(failure.tail),
                next_step=f"read {path}, install them yourself ({' '.join(names)}), then run the same command again",
            ) from None


@contextlib.contextmanager
def _services_stay_off() -> Generator[None]:
    """Prevent packages from starting services while the block runs; leave an existing policy of the machine alone."""
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
