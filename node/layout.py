"""Paths of the node on the host.

Persistent data is in `.mlp/cluster` of the checkout; runtime state that does not survive a reboot is in `/run/mlp`.
In the node's mount namespace, the data folders are bound to the fixed paths that Kubernetes expects (`BINDS`).
Volumes therefore survive when the checkout is moved, and the host's folders with these names are not touched.
"""

from __future__ import annotations

from pathlib import Path

from common import paths

RUN = Path("/run/mlp")
OWNER = RUN / "owner.json"
"""File that names the checkout whose cluster runs on this machine, and its supervisor process."""

SUPERVISOR_SOCKET = RUN / "supervisor.sock"
CONTAINERD_SOCKET = RUN / "containerd" / "containerd.sock"
SYSCTLS = RUN / "sysctls.json"
"""Kernel settings before the kubelet changed them."""

LOCK = Path("/run/lock/mlp-cluster.lock")
"""Lock of the machine, held by a command that starts, stops or resets the cluster."""

VOLUMES_MOUNT = RUN / "volumes"
"""Path of the volumes in the node's mount namespace."""

CGROUP = "mlp"
"""Control group of the cluster: `mlp/node` contains the daemons, `mlp/kubepods` the pods."""

DATA = paths.CLUSTER
TRASH = DATA.with_name("cluster.removed")
"""The data folder while it is being removed."""

PKI = DATA / "pki"
CONFIG = DATA / "config"
LOGS = DATA / "logs"
ETCD = DATA / "etcd"
CONTAINERD = DATA / "containerd"
VOLUMES = DATA / "volumes"

BINDS: dict[Path, Path] = {
    DATA / "kubelet": Path("/var/lib/kubelet"),
    DATA / "pod-logs": Path("/var/log/pods"),
    DATA / "container-logs": Path("/var/log/containers"),
    VOLUMES: VOLUMES_MOUNT,
}
"""Data folder -> its path in the node's mount namespace."""

SCRATCH: tuple[Path, ...] = (Path("/run/netns"), Path("/run/containerd"), Path("/var/lib/cni"))
"""Folders that are a tmpfs in the node's mount namespace: network namespaces of pods, shim sockets, IP leases."""


def mount_points() -> list[Path]:
    """Return the folders that the node mounts over, and that must exist on the host."""
    return [*BINDS.values(), *SCRATCH]
