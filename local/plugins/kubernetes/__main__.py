"""Entry point of `pulumi-resource-kubernetes`."""

from __future__ import annotations

import sys

from local.plugins.kubernetes.provider import KubernetesProvider
from local.plugins.protocol.engine import Engine
from local.plugins.protocol.server import engine_address, serve

serve(KubernetesProvider(Engine(engine_address(sys.argv[1:]))))
