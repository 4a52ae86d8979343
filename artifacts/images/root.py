"""Makes the root file system of the Debian base images with mmdebstrap."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from artifacts.images import apt, shell
from artifacts.images.debian import MERGED_USR as MERGED_USR_PACKAGE
from common.progress import Step

EXCLUDED_PATHS = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
)
"""Paths of packages that are not unpacked, because containers do not need them."""

INCLUDED_PATHS = ("/usr/share/doc/*/copyright",)
"""Exceptions from EXCLUDED_PATHS: licenses."""

MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
"""mmdebstrap hook that makes /bin a link from the start; Debian's package that converts it later depends on Perl."""

MACHINE_FILES = ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/apt.conf.d/99mmdebstrap", "etc/resolv.conf")
"""Files that name this machine or its mirror; removed from the root."""


def command(suite: str, packages: Iterable[str], folder: Path, output: Path, options: Iterable[str]) -> list[str]:
    """Return the mmdebstrap command that writes the root file system to the tar file `output`.

    Args:
        suite: Debian code name.
        packages: Packages in addition to the minimal base.
        folder: Folder with the suite's package lists and packages; nothing is downloaded.
        output: The tar file.
        options: apt settings, one configuration line each.
    """
    lists, archives = shlex.quote(f"{folder}/lists"), shlex.quote(f"{folder}/archives")
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--hook-dir={MERGED_USR}"]
    words += ["--skip=update", f"--include={','.join([MERGED_USR_PACKAGE, *packages])}"]
    words += [f'--setup-hook=cp -r {lists}/. "$1/var/lib/apt/lists/"']
    words += [f'--setup-hook=mkdir -p "$1/var/cache/apt/archives"; cp {archives}/*.deb "$1/var/cache/apt/archives/"']
    words += [f"--dpkgopt=path-exclude={path}" for path in EXCLUDED_PATHS]
    words += [f"--dpkgopt=path-include={path}" for path in INCLUDED_PATHS]
    words += [f"--aptopt={line}" for line in options]
    words += [f'--customize-hook=rm -rf "$1/{path}"' for path in MACHINE_FILES]
    words += ['--customize-hook=mkdir "$1/etc/apt/sources.list.d"']
    words += ['--customize-hook=rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/tmp/*']
    words += [suite, str(output), f"{folder}/etc/sources.list.d/machine.sources"]
    return words


def make(suite: str, packages: Iterable[str], folder: Path, context: Path, *, log: Path, step: Step) -> None:
    """Write root.tar into the build context, from the packages in the suite's `folder`.

    Raises:
        UserError: mmdebstrap failed.
    """
    words = command(suite, packages, folder, context / "root.tar", apt.options())
    shell.run(words, what="the Debian root", log=log, step=step, environment={"SOURCE_DATE_EPOCH": "0"})
