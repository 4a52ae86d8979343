"""Checks of a running platform from a user's side; they use only the exported outputs and public clients."""
