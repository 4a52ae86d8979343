"""What the program says to the engine beside its resources."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pulumi

VARIABLE = "MLP_ENGINE_DEBUG"
"""Set to anything, it lets the debug messages of Pulumi's SDK through; `pulumi up --debug` shows them."""


def nothing(*_: object, **_more: object) -> None:
    """Take a message and say nothing."""


def leave_out_debug_messages(environ: Mapping[str, str] = os.environ) -> None:
    """Keep Pulumi's SDK from sending debug messages, unless somebody asked for them.

    It sends some five for each resource, and its event loop stands still until the engine has answered each: a third of
    the time of a preview of hundreds of resources, for lines that the engine throws away.
    """
    if VARIABLE not in environ:
        pulumi.log.debug = nothing
