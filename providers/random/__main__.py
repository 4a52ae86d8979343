"""Entry point of `pulumi-resource-random`."""

from __future__ import annotations

from providers.protocol.server import serve
from providers.random.provider import RandomProvider

serve(RandomProvider())
