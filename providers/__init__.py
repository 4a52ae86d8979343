"""Pulumi on a machine that cannot download it: which CLI runs, and where it finds its plugins.

Where a user has installed Pulumi, theirs runs (`cli.installed`). Otherwise ours does, with a home of its own in which
every plugin lies as the CLI itself would have installed it (`home.make`).
"""

from pathlib import Path

BIN = Path(__file__).resolve().parent / "bin"
"""Plugins written in Python: a stand-in for pulumi-random, and the SDK's own dynamic provider."""


def tools() -> list[str]:
    """Return the tools to build before Pulumi can run: none where a user's own CLI does."""
    from providers import cli, home

    return [] if cli.installed() else home.tools()
