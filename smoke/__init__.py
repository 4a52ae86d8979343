"""Checks of a running platform: they know only the exported outputs and public clients."""
