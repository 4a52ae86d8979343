"""Entry point of `pulumi-resource-aws`."""

from __future__ import annotations

from providers.aws_emulation.provider import AwsProvider
from providers.protocol.server import serve

serve(AwsProvider())
