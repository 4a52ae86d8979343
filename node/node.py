"""First process of the node: enters its namespaces, mounts the folders that Kubernetes expects, executes supervisord.

`python -m node.node` is started on the host. It moves itself into the cluster's control group and the node's network
namespace and creates new mount and pid namespaces. supervisord is process 1 of that pid namespace. When it ends for any
reason, the kernel ends all processes of the cluster and removes its mounts.
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
    """Return the command that creates the namespaces and runs `inside` in them."""
    return [
        "nsenter",
        f"--net={netns.PATH}",
        # End the inner process when the outer one is killed, and the other way round.
        *("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child=SIGKILL"),
        *(sys.executable, "-m", "node.node", "inside"),
    ]


def outside() -> None:
    """Join the control group and replace this process by the command that creates the namespaces."""
    cgroups.join()
    argv = command()
    os.execvp(argv[0], argv)  # noqa: S606


def inside() -> None:
    """Record the owner, mount the node's folders and replace this process by supervisord."""
    write_owner(int(Path("/proc/self").readlink().name))
    for arguments in mounts():
        subprocess.run(["mount", *arguments], check=True)
    supervisord = Path(sys.executable).with_name("supervisord")
    argv = [str(supervisord), "--configuration", str(layout.CONFIG / "supervisord.conf"), "--nodaemon"]
    os.execv(argv[0], argv)  # noqa: S606


def mounts() -> list[tuple[str, ...]]:
    """Return the arguments of the `mount` commands of the node, in order."""
    return [
        # Pods may use mount propagation, so mounts are shared inside the node, but not with the host.
        ("--make-rshared", "/"),
        ("-t", "proc", "proc", "/proc"),
        *(("-t", "tmpfs", "-o", "mode=0755,size=64m", "mlp", str(folder)) for folder in layout.SCRATCH),
        *(("--bind", str(data), str(shown)) for data, shown in layout.BINDS.items()),
    ]


def write_owner(pid: int) -> None:
    """Record which checkout owns the node, and its first process.

    Args:
        pid: Host pid of that process.
    """
    owner = {"checkout": str(paths.ROOT), "pid": pid, "started": start_ticks(pid), "since": time.time()}
    temporary = layout.OWNER.with_suffix(".new")
    temporary.write_text(json.dumps(owner))
    temporary.replace(layout.OWNER)


def start_ticks(pid: int) -> int | None:
    """Return the start of process `pid` in clock ticks since boot (proc(5), field 22); None when it has ended.

    Pid and start together identify a process, because the kernel reuses pids.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


if __name__ == "__main__":
    inside() if sys.argv[1:] == ["inside"] else outside()
