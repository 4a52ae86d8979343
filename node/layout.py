"""Where the node keeps things on the host.

Data that must survive lies in the checkout under `.mlp/cluster`; what a reboot would lose anyway lies in `/run/mlp`.
Inside the node's own mount namespace the data is bound to the fixed paths that Kubernetes expects (`BINDS`), so that
a moved checkout keeps its volumes, and so that the host's own folders of those names are not touched.
"""

from __future__ import annotations

from pathlib import Path

from common import paths

RUN = Path("/run/mlp")
OWNER = RUN / "owner.json"
"""Names the checkout whose cluster lives here, and the process that holds it."""

SUPERVISOR_SOCKET = RUN / "supervisor.sock"
CONTAINERD_SOCKET = RUN / "containerd" / "containerd.sock"
SYSCTLS = RUN / "sysctls.json"
"""Kernel settings as they were before the kubelet changed them."""

LOCK = Path("/run/lock/mlp-cluster.lock")
"""Held by the command that starts, stops or resets; one a machine."""

VOLUMES_MOUNT = RUN / "volumes"
"""Where the node sees the volumes."""

CGROUP = "mlp"
"""Control group that holds every process of the cluster: `mlp/node` the daemons, `mlp/kubepods` the pods."""

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
"""Data folder -> where the node's mount namespace shows it."""

SCRATCH: tuple[Path, ...] = (Path("/run/netns"), Path("/run/containerd"), Path("/var/lib/cni"))
"""Folders that are an empty tmpfs in the node's mount namespace: pods' netns, shim sockets, address leases."""


def mount_points() -> list[Path]:
    """Return the folders that must exist on the host for the node to mount over them."""
    return [*BINDS.values(), *SCRATCH]
