"""Resolves the Python requirements of all images together, so that images that share a layer have the same versions."""

from __future__ import annotations

import tempfile
from pathlib import Path

from artifacts.images import shell
from artifacts.images.catalog import catalog
from artifacts.images.wheels import uv
from common import progress


def lock() -> list[str]:
    """Write requirements.txt for every image with a requirements.in: versions and hashes, without an index address.

    Returns:
        Names of the images.

    Raises:
        UserError: The requirements cannot be resolved; shows uv's explanation.
    """
    book = catalog()
    images = [image for image in book.images.values() if image.has_requirements]
    base = [uv(), "pip", "compile", "--quiet", "--no-config", "--no-emit-index-url", "--no-header", "--no-annotate"]
    base += ["--python-version", book.python, "--python-platform", book.python_platform]
    with tempfile.TemporaryDirectory() as folder, progress.step("Resolving the images' Python requirements") as step:
        log = Path(folder) / "log"
        together = Path(folder) / "together.txt"

        def compile_(output: Path, *arguments: str | Path) -> None:
            shell.run(
                [*base, "-o", output, *arguments], what="the Python requirements of the images", log=log, step=step
            )

        compile_(together, "--upgrade", *[image.requirements_in for image in images if not image.separate])
        for image in images:
            command: list[str | Path] = ["--generate-hashes", image.requirements_in]
            command += ["--upgrade"] if image.separate else ["--constraint", together]
            command += [word for name in image.exclude for word in ("--no-emit-package", name)]
            image.requirements_txt.unlink(missing_ok=True)
            compile_(image.requirements_txt, *command)
            if image.no_deps:
                wanted = Path(folder) / "no_deps.in"
                wanted.write_text("\n".join(image.no_deps) + "\n")
                pinned = Path(folder) / "no_deps.txt"
                compile_(pinned, "--generate-hashes", "--no-deps", wanted)
                image.requirements_txt.write_text(image.requirements_txt.read_text() + pinned.read_text())
    return [image.name for image in images]
