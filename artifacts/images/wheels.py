"""Builds the Python layer of an image: installs wheels with known hashes as additions to /opt/venv."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from artifacts.images import shell
from artifacts.images.catalog import Catalog, Image
from common.errors import UserError
from common.progress import Step

VENV = "/opt/venv"
"""Virtual environment of every Python image."""

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


def pins(text: str) -> dict[str, tuple[str, str]]:
    """Return distribution -> (version, requirement lines with hashes) of a compiled requirements file."""
    found: dict[str, tuple[str, str]] = {}
    current = None
    for line in text.splitlines():
        if match := PIN.match(line):
            current = match["name"]
            found[current] = (match["version"], line)
        elif current is not None and line.startswith("    --hash="):
            found[current] = (found[current][0], f"{found[current][1]}\n{line}")
    return found


def additions(own: Mapping[str, tuple[str, str]], inherited: Mapping[str, tuple[str, str]]) -> str:
    """Return the requirements of an image that its ancestors do not have.

    Args:
        own: Pins of the image.
        inherited: Pins of its ancestors.

    Raises:
        UserError: Both pin a distribution, but to different versions.
    """
    for name in own.keys() & inherited.keys():
        if own[name][0] != inherited[name][0]:
            raise UserError(
                f"{name} is pinned to two versions in one image.",
                seen=f"{own[name][0]} in the image, {inherited[name][0]} in a parent image",
                next_step="mlp images lock",
            )
    return "\n".join(lines for name, (_, lines) in own.items() if name not in inherited) + "\n"


def inherited_pins(book: Catalog, image: Image) -> dict[str, tuple[str, str]]:
    """Return the pins of all ancestors of `image`."""
    found: dict[str, tuple[str, str]] = {}
    for parent in book.lineage(image.name)[1:]:
        if parent.requirements:
            found |= pins(parent.requirements_txt.read_text())
    return found


def uv() -> str:
    """Return the path of uv."""
    from uv import find_uv_bin

    return find_uv_bin()


def install(book: Catalog, image: Image, target: Path, *, requirements: Path, log: Path, step: Step) -> None:
    """Install the file `requirements` into the folder `target`, from wheels only except for `from_source`.

    Wheels are selected for the platform of the images, not of this machine, so the layer is the same on every machine.
    """
    command: list[str | Path] = [
        uv(),
        "pip",
        "install",
        "--python",
        sys.executable,
        "--target",
        target,
        "--no-deps",
        "--require-hashes",
    ]
    command += ["--python-version", book.python, "--python-platform", book.python_platform]
    command += ["--no-config", "--requirement", requirements]
    wheels = [name for name in pins(requirements.read_text()) if name not in image.from_source]
    command += [f"--only-binary={name}" for name in wheels]
    shell.run(command, what=f"image {image.name}", log=log, step=step, environment={"NO_COLOR": "1"})


def strip(site_packages: Path, patterns: Iterable[str]) -> None:
    """Remove the files and folders below `site_packages` that match `patterns`."""
    for pattern in patterns:
        for path in sorted(site_packages.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def relocate_script(text: bytes) -> bytes:
    """Return a console script with its first line changed to the image's interpreter."""
    first, newline, rest = text.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        return f"#!{VENV}/bin/python".encode() + newline + rest
    if first == b"#!/bin/sh" and rest.startswith(b"'''exec' "):
        _, _, body = rest.partition(b"' '''\n")
        return f"#!{VENV}/bin/python\n".encode() + body
    return text


def layer(book: Catalog, image: Image, context: Path, *, log: Path, step: Step) -> None:
    """Make `python/` in the build context: the files that the image adds to its parent's /opt/venv.

    Compile byte code that is not checked against its source: the build resets file times later, and a container with
    a read-only root could not write byte code at start.

    Raises:
        UserError: A pin contradicts a parent's pin, or a wheel or hash is missing.
    """
    stage = context / "python"
    site_packages = stage / "lib" / f"python{book.python}" / "site-packages"
    wanted = context / "requirements.txt"
    wanted.write_text(additions(pins(image.requirements_txt.read_text()), inherited_pins(book, image)))
    install(book, image, site_packages, requirements=wanted, log=log, step=step)
    wanted.unlink()
    strip(site_packages, (*book.strip_everywhere, *image.strip))
    scripts = site_packages / "bin"
    if scripts.is_dir():
        for script in sorted(scripts.iterdir()):
            place = stage / "bin" / script.name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(relocate_script(script.read_bytes()))
            place.chmod(0o755)
        shutil.rmtree(scripts)
    (site_packages / ".lock").unlink(missing_ok=True)
    step.detail = "compiling byte code"
    command = [sys.executable, "-m", "compileall", "-q", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(stage), "-p", VENV, str(site_packages)]
    # Status 1 means that a file is not valid Python: some packages ship templates, which are never imported.
    shell.run(command, what=f"image {image.name}", log=log, step=step, allowed=(0, 1))


def wheel_files(book: Catalog, image: Image, context: Path, *, log: Path, step: Step) -> None:
    """Copy the image's `wheel_files` out of its wheels into the build context.

    Raises:
        UserError: A wheel or hash is missing, or a wheel does not contain a file.
    """
    unpacked = context / "wheels"
    install(book, image, unpacked, requirements=image.requirements_txt, log=log, step=step)
    for source, place in image.wheel_files.items():
        if not (unpacked / source).is_file():
            raise UserError(
                f"The wheels of image {image.name} do not contain the file {source}.",
                next_step="correct wheel_files in artifacts/images/catalog.yaml",
            )
        (context / place).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / source).rename(context / place)
    shutil.rmtree(unpacked)
