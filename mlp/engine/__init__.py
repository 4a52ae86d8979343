"""Runs Pulumi's operations on this checkout's program, through the Automation API."""

from mlp.engine.operations import destroy, outputs, preview, state_size, up

__all__ = ["destroy", "outputs", "preview", "state_size", "up"]
