"""Provides the Pulumi CLI and its plugins, also on a machine that cannot download them.

If the user has installed Pulumi, that CLI runs (`cli.installed`). Otherwise the CLI from the toolchain runs, with a
Pulumi home that contains all plugins in the layout of installed ones (`home.make`).
"""

from pathlib import Path

BIN = Path(__file__).resolve().parent / "bin"
"""Folder of the plugins written in Python: a replacement for pulumi-random, and the SDK's dynamic provider."""


def tools() -> list[str]:
    """Return the tools that must be built before Pulumi can run; empty when the user's CLI runs."""
    from providers import cli, home

    return [] if cli.installed() else home.tools()
