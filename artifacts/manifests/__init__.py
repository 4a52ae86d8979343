"""Renders upstream manifests: pinned in pins.yaml, verified against lock.yaml, written to `.mlp/upstream/`."""

from artifacts.manifests.vendor import Rendered, ensure, rendered

__all__ = ["Rendered", "ensure", "rendered"]
