"""Checks whether this machine can run the embedded cluster."""

from node.machine.checks import check_machine

__all__ = ["check_machine"]
