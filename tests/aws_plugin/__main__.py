"""Serves the plugin to the engine that starts it."""

from __future__ import annotations

from local.plugins.protocol.server import serve
from tests.aws_plugin.provider import AwsProvider

serve(AwsProvider())
