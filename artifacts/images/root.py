"""The root file system under every Debian image, made by mmdebstrap from the machine's own apt sources."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from artifacts.images import apt, shell
from artifacts.images.debian import MERGED_USR as MERGED_USR_PACKAGE
from common.progress import Step

NOT_UNPACKED = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
)
"""Paths of packages that nothing reads in a container; licenses stay."""

UNPACKED_ALL_THE_SAME = ("/usr/share/doc/*/copyright",)

MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Hook that lays /bin as a link from the beginning; Debian's package for doing it later needs all of Perl."""

FORGOTTEN = ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d/99mmdebstrap", "etc/resolv.conf")
"""What names this machine or its mirror."""


def command(suite: str, packages: Iterable[str], folder: Path, output: Path, options: Iterable[str]) -> list[str]:
    """Return the mmdebstrap command that writes `output`, a tar file with levelled times.

    Args:
        suite: Debian's code name.
        packages: Beside the minimal base.
        folder: The suite's package lists and packages; nothing is fetched.
        output: The tar file.
        options: apt settings, one configuration line each.
    """
    lists, archives = shlex.quote(f"{folder}/lists"), shlex.quote(f"{folder}/archives")
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--hook-dir={MERGED_USR}"]
    words += ["--skip=update", f"--include={','.join([MERGED_USR_PACKAGE, *packages])}"]
    words += [f'--setup-hook=cp -r {lists}/. "$1/var/lib/apt/lists/"']
    words += [f'--setup-hook=mkdir -p "$1/var/cache/apt/archives"; cp {archives}/*.deb "$1/var/cache/apt/archives/"']
    words += [f"--dpkgopt=path-exclude={path}" for path in NOT_UNPACKED]
    words += [f"--dpkgopt=path-include={path}" for path in UNPACKED_ALL_THE_SAME]
    words += [f"--aptopt={line}" for line in options]
    words += [f'--customize-hook=rm -rf "$1/{path}"' for path in FORGOTTEN]
    words += ['--customize-hook=mkdir "$1/etc/apt/sources.list.d"']
    words += ['--customize-hook=rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/tmp/*']
    words += [suite, str(output), f"{folder}/etc/sources.list.d/machine.sources"]
    return words


def make(suite: str, packages: Iterable[str], folder: Path, context: Path, *, log: Path, step: Step) -> None:
    """Write root.tar into the build context, from what is in the suite's `folder`.

    Raises:
        UserError: mmdebstrap failed.
    """
    words = command(suite, packages, folder, context / "root.tar", apt.options())
    shell.run(words, what="the Debian root", log=log, step=step, environment={"SOURCE_DATE_EPOCH": "0"})
