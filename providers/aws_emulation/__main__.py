"""Serves the plugin to the engine that starts it."""

from __future__ import annotations

from providers.aws_emulation.provider import AwsProvider
from providers.protocol.server import serve

serve(AwsProvider())
