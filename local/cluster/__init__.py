"""The embedded cluster: Kubernetes on this machine, in a network namespace of its own, without Docker.

`start`, `stop` and `reset` work from any state; `status` says what is; `leftovers` lists what is on the machine.
"""

from local.cluster.cgroups import memory_bytes
from local.cluster.cleanup import leftovers
from local.cluster.lifecycle import is_running, reset, start, stop
from local.cluster.status import Status, status

__all__ = ["Status", "is_running", "leftovers", "memory_bytes", "reset", "start", "status", "stop"]
