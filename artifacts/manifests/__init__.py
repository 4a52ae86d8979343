"""Upstream software: pinned in pins.yaml, verified against lock.yaml, rendered into `.mlp/upstream/`."""

from artifacts.manifests.vendor import Rendered, ensure, rendered

__all__ = ["Rendered", "ensure", "rendered"]
