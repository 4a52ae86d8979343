"""Shared by every package: errors, paths, progress, waiting, running commands."""
