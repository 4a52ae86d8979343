"""Entry point of `pulumi-resource-pulumi-python`: the SDK's dynamic provider, which ends when its engine ends."""

from __future__ import annotations

import runpy
import threading

from providers.protocol.server import end_with_parent

threading.Thread(target=end_with_parent, daemon=True).start()
runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
