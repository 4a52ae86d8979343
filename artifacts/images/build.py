"""Builds missing images: prepare the context, run buildah, export to the OCI layout, write the record."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from artifacts.images import contents, debian, mirror, root, shell, store, wheels
from artifacts.images.catalog import Catalog, Image, catalog
from artifacts.images.tags import containerfile, reference
from common import paths, progress
from common.errors import UserError
from common.progress import Step

TIMESTAMP = "0"
"""Timestamp of every file and image, in seconds since 1970, so that equal inputs give equal bits."""

OLD_DAYS = 30
"""Age of Debian's package lists, in days, from which a build mentions it."""


def missing(names: Iterable[str] | None = None) -> list[str]:
    """Return the images that must be built for `names`, parents included, in build order."""
    book = catalog()
    absent = [name for name in book.wanted(names) if store.find(name) is None]
    return [name for name in book.with_parents(absent) if store.find(name) is None]


def log_path(name: str) -> Path:
    """Return the log file of the latest build of image `name` in this checkout."""
    return paths.LOGS / "images" / f"{name}.log"


def ensure(names: Iterable[str] | None = None) -> None:
    """Build the missing images among `names` (when None, all that the platform runs), parents first.

    Raises:
        UserError: A name is unknown or a build failed.
    """
    book = catalog()
    known = debian.lock()
    if debian.unresolved(known, book.wanted(names)):
        known = mirror.ensure_resolved()
    if known is not None and known.age_days >= OLD_DAYS:
        progress.console.print(
            f"Debian's package lists are {known.age_days} days old. `mlp images outdated` shows available updates.",
            style="dim",
        )
    absent = missing(names)
    if not absent:
        return
    _ensure_tools(book, absent)
    total = sum(book.image(name).estimate_seconds for name in absent)
    if len(absent) > 1:
        progress.console.print(
            f"{len(absent)} images to build, about {total:.0f} s in total: {', '.join(absent)}", markup=False
        )
    for number, name in enumerate(absent, 1):
        with store.locked(f"building image {name}"):
            if store.find(name) is None:
                _build(book, book.image(name), f"Building image {name} ({number} of {len(absent)})")


def _ensure_tools(book: Catalog, names: Iterable[str]) -> None:
    """Install the build's system packages and build the executables that the images `names` contain."""
    from artifacts.packages.debian import ensure_packages
    from artifacts.toolchain import ensure as ensure_tools
    from artifacts.toolchain.catalog import owner

    ensure_packages()
    tools = {owner(binary).name for name in names for binary in book.image(name).binaries}
    if tools:
        ensure_tools(tools)


def _build(book: Catalog, image: Image, title: str) -> None:
    """Build one image; the caller holds the lock."""
    store.remove_leftovers()
    store.prepare_layout()
    started = time.monotonic()
    log = log_path(image.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    with progress.step(title, estimate=image.estimate_seconds) as step:
        context = store.home() / "work" / "context"
        prepare_context(book, image, context, log=log, step=step)
        own = reference(image.name)
        parent = reference(image.parent) if image.parent is not None else None
        if parent is not None:
            _ensure_in_storage(image.parent or "", parent, log=log, step=step)
        _buildah(image, bud_arguments(book, image, context, own, parent), log=log, step=step)
        step.detail = "writing layers"
        _export(image, own, log=log, step=step)
        if image.name not in book.parents():
            _buildah(image, ["rmi", own], log=log, step=step)
        digest, size = store.digest_in_index(own)
        if (known := debian.lock()) is not None and image.name in known.versions:
            step.detail = "checking installed Debian packages"
            contents.check(image.name, digest, known.versions[image.name])
        inherited = store.find(image.parent) if image.parent is not None else None
        everything = store.layer_bytes(digest)
        store.save(
            store.Record(
                reference=own,
                digest=digest,
                manifest_bytes=size,
                bytes=everything,
                own_bytes=everything - (inherited.bytes if inherited else 0),
                seconds=round(time.monotonic() - started, 1),
            )
        )
    shutil.rmtree(store.home() / "work", ignore_errors=True)


def prepare_context(book: Catalog, image: Image, context: Path, *, log: Path, step: Step) -> None:
    """Fill the build context: the image's own files, bin/, python/, source/, root.tar."""
    shutil.copytree(image.folder, context, ignore=shutil.ignore_patterns("__pycache__", "requirements.*"))
    if image.binaries:
        from artifacts.toolchain import binary

        (context / "bin").mkdir()
        for name in image.binaries:
            shutil.copy2(binary(name), context / "bin" / name)
    for name in image.sources:
        shutil.copytree(paths.ROOT / name, context / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    if image.root or image.packages:
        mirror.fetch(image.name, log=log, step=step)
    if image.root:
        suite = book.suite_of(image)
        root.make(suite, image.root, suite_folder(book, image), context, log=log, step=step)
    if image.requirements:
        wheels.layer(book, image, context, log=log, step=step)
    if image.wheel_files:
        wheels.wheel_files(book, image, context, log=log, step=step)


def suite_folder(book: Catalog, image: Image) -> Path:
    """Return the folder of the package lists and packages that a build of `image` reads."""
    return debian.suite_folder(debian.current() or "", book.suite_of(image))


def bud_arguments(book: Catalog, image: Image, context: Path, own: str, parent: str | None) -> list[str]:
    """Return the arguments with which buildah builds `image`.

    Args:
        book: The catalog that contains the image.
        image: The image.
        context: Build context of the image.
        own: Reference of the image.
        parent: Reference of the parent image; None without a parent.
    """
    words = ["bud", "--isolation", "chroot", "--timestamp", TIMESTAMP, "--layers=false", "--format", "oci"]
    words += ["--pull-never", "--tag", own, "--file", str(containerfile(image.name))]
    if parent is not None:
        words += ["--build-arg", f"PARENT={parent}"]
    if image.packages:
        words += ["--build-arg", f"PACKAGES={' '.join(image.packages)}"]
        words += ["--volume", f"{suite_folder(book, image)}:/var/lib/apt/lists:ro"]
    return [*words, str(context)]


def _storage() -> tuple[Path, Path]:
    """Return the data folder and the run folder of buildah's storage; it is separate from the machine's storage."""
    return store.home() / "storage" / "data", store.home() / "storage" / "run"


def _run(image: Image, command: list[str], *, log: Path, step: Step) -> None:
    """Run a container tool; its temporary files go to the cache's work folder."""
    environment = {"TMPDIR": str(store.home() / "work")}
    shell.run(command, what=f"image {image.name}", log=log, step=step, environment=environment)


def _buildah(image: Image, arguments: list[str], *, log: Path, step: Step) -> None:
    """Run buildah on the cache's storage."""
    data, run = _storage()
    command = ["buildah", "--root", str(data), "--runroot", str(run), "--storage-driver", "overlay", *arguments]
    _run(image, command, log=log, step=step)


def _export(image: Image, own: str, *, log: Path, step: Step) -> None:
    """Copy a built image from buildah's storage into the OCI layout.

    Use skopeo, because `buildah push` compresses layers: that takes longer than the whole copy, and the import
    decompresses them again.
    """
    data, run = _storage()
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers"]
    command += [f"containers-storage:[overlay@{data}+{run}]{own}", f"oci:{store.layout()}:{own}"]
    _run(image, command, log=log, step=step)


def _ensure_in_storage(name: str, full_reference: str, *, log: Path, step: Step) -> None:
    """Load a built parent image into buildah's storage when only the OCI layout has it."""
    image = catalog().image(name)
    try:
        _buildah(image, ["inspect", "--type", "image", full_reference], log=log, step=step)
    except UserError:
        _buildah(image, ["pull", "--quiet", f"oci:{store.layout()}:{full_reference}"], log=log, step=step)
