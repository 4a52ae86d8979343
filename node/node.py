"""Becomes the node: enters its namespaces, mounts what Kubernetes expects, then runs supervisord as process 1.

`python -m node.node` is started on the host. It moves itself into the cluster's control group and the node's
network namespace and unshares mounts and processes. Process 1 of that process namespace is supervisord, so when it
ends, however it ends, the kernel ends every process of the cluster and takes all of its mounts away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from common import paths
from node import cgroups, layout, netns


def command() -> list[str]:
    """Return what makes the namespaces and runs `inside` in them."""
    return [
        "nsenter",
        f"--net={netns.PATH}",
        # The outer process holds the inner one: whichever is killed, both go.
        *("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=SIGKILL"),
        *(sys.executable, "-m", "node.node", "inside"),
    ]


def outside() -> None:
    """Join the control group and replace this process by the one that makes the namespaces."""
    cgroups.join()
    argv = command()
    os.execvp(argv[0], argv)  # noqa: S606


def inside() -> None:
    """Mount the node's folders, say who holds the node, and replace this process by supervisord."""
    write_owner(int(Path("/proc/self").readlink().name))
    for arguments in mounts():
        subprocess.run(["mount", *arguments], check=True)
    supervisord = Path(sys.executable).with_name("supervisord")
    argv = [str(supervisord), "--configuration", str(layout.CONFIG / "supervisord.conf"), "--nodaemon"]
    os.execv(argv[0], argv)  # noqa: S606


def mounts() -> list[tuple[str, ...]]:
    """Return the arguments of each `mount` the node needs, in order."""
    return [
        # Pods may ask for mounts that propagate between them: the node's tree is shared within itself only.
        ("--make-rshared", "/"),
        ("-t", "proc", "proc", "/proc"),
        *(("-t", "tmpfs", "-o", "mode=0755,size=64m", "mlp", str(folder)) for folder in layout.SCRATCH),
        *(("--bind", str(data), str(shown)) for data, shown in layout.BINDS.items()),
    ]


def write_owner(pid: int) -> None:
    """Record which checkout's process holds the node.

    Args:
        pid: Its process id on the host.
    """
    owner = {"checkout": str(paths.ROOT), "pid": pid, "started": start_ticks(pid), "since": time.time()}
    temporary = layout.OWNER.with_suffix(".new")
    temporary.write_text(json.dumps(owner))
    temporary.replace(layout.OWNER)


def start_ticks(pid: int) -> int | None:
    """Return when process `pid` started, in clock ticks since boot (proc(5), field 22); None when it is gone.

    Together with the pid it names a process for good: pids are used again.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else outside()
