"""Runs the embedded cluster: a one-node Kubernetes in its own network namespace on this machine, without Docker.

`start`, `stop` and `reset` work from any state. `status` returns the cluster's state, `leftovers` what it has on the
machine. Submodules are imported inside functions, because the node's first process also runs from this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.report import Status


def start() -> None:
    """Start the cluster, or complete a half-started one; see `lifecycle.start`."""
    from node import lifecycle

    lifecycle.start()


def stop() -> None:
    """Stop the cluster and keep its data; see `lifecycle.stop`."""
    from node import lifecycle

    lifecycle.stop()


def reset() -> None:
    """Stop the cluster and remove its data; see `lifecycle.reset`."""
    from node import lifecycle

    lifecycle.reset()


def is_running() -> bool:
    """Return whether this checkout's cluster is running and its API server is ready."""
    from node import lifecycle

    return lifecycle.is_running()


def status() -> Status:
    """Return the cluster's state; do not raise when the cluster is down."""
    from node.report import status as read

    return read()


def leftovers() -> list[str]:
    """Return the processes, mounts, network and files that a cluster has on the machine; empty after `reset`."""
    from node import cleanup

    return cleanup.leftovers()


def memory_bytes() -> int | None:
    """Return the working set of the cluster and its pods in bytes; None when the cluster is not running."""
    from node import cgroups

    return cgroups.memory_bytes()


__all__ = ["is_running", "leftovers", "memory_bytes", "reset", "start", "status", "stop"]
