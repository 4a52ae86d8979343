"""Entry point of `pulumi-resource-random`."""

from __future__ import annotations

from local.plugins.protocol.server import serve
from local.plugins.random.provider import RandomProvider

serve(RandomProvider())
