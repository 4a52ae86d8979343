"""Makes Argo's module whole: as published it lacks a file of the executor, the one for Linux."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from artifacts.toolchain.sources import SourceFolder

MODULE = "github.com/argoproj/argo-workflows/v3"
FOLDER = "argo-workflows"
SIGNALS = "workflow/executor/osspecific/signal_{system}.go"
"""Handling of signals; the one for Darwin is written against POSIX and serves Linux as well."""

UNUSED_FOLDERS = ("api", "community", "docs", "examples", "hack", "manifests", "sdks", "test", "ui")
"""Folders of the module from which neither program imports anything."""


def prepare(sources: SourceFolder) -> Mapping[str, str]:
    """Copy the module and add the file; return what stands in for what."""
    copy = sources.copy(MODULE, FOLDER, exclude=UNUSED_FOLDERS)
    shutil.copyfile(copy / SIGNALS.format(system="darwin"), copy / SIGNALS.format(system="linux"))
    return {MODULE: FOLDER}
