"""Adds a missing file to Argo's module: the published module lacks the executor's signal handling for Linux."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from artifacts.toolchain.sources import SourceFolder

MODULE = "github.com/argoproj/argo-workflows/v3"
FOLDER = "argo-workflows"
SIGNALS = "workflow/executor/osspecific/signal_{system}.go"
"""Signal handling of the executor; the file for Darwin uses POSIX only, so it also works on Linux."""

UNUSED_FOLDERS = ("api", "community", "docs", "examples", "hack", "manifests", "sdks", "test", "ui")
"""Folders of the module that neither program imports."""


def prepare(sources: SourceFolder) -> Mapping[str, str]:
    """Copy the module and add the file; return module -> folder that replaces it."""
    copy = sources.copy(MODULE, FOLDER, exclude=UNUSED_FOLDERS)
    shutil.copyfile(copy / SIGNALS.format(system="darwin"), copy / SIGNALS.format(system="linux"))
    return {MODULE: FOLDER}
