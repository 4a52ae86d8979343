"""The embedded cluster: Kubernetes on this machine, in a network namespace of its own, without Docker.

`start`, `stop` and `reset` work from any state; `status` says what is; `leftovers` lists what is on the machine.
Nothing is imported before it is used: the node's own first process runs out of this package.
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
    """Return whether this checkout's cluster is alive and its API server ready."""
    from node import lifecycle

    return lifecycle.is_running()


def status() -> Status:
    """Return the cluster's state; never raises for a cluster that is down."""
    from node.report import status as read

    return read()


def leftovers() -> list[str]:
    """Return what a running or dead cluster has on the machine; empty after `reset`."""
    from node import cleanup

    return cleanup.leftovers()


def memory_bytes() -> int | None:
    """Return the working set of the whole cluster in bytes, pods included; None when it does not run."""
    from node import cgroups

    return cgroups.memory_bytes()


__all__ = ["is_running", "leftovers", "memory_bytes", "reset", "start", "status", "stop"]
