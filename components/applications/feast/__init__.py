"""Feast: feature server, registry and materialization."""
