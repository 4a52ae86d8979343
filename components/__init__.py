"""Reusable component resources; they know nothing of stacks or configuration."""
