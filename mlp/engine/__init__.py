"""Drives Pulumi through the Automation API with this checkout's own program."""

from mlp.engine.operations import destroy, outputs, preview, state_size, up

__all__ = ["destroy", "outputs", "preview", "state_size", "up"]
