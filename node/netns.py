"""Creates the node's network namespace: one veth pair to the host, routes to pods and services, no route to outside.

The host does not forward packets (its `ip_forward` is unchanged) and the namespace has no default route, so packets of
pods cannot leave the machine.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from common.errors import UserError
from node import addresses

PATH = Path("/run/netns") / addresses.NETNS

SYSCTLS: dict[str, str] = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    # Pass bridged traffic between pods through the service rules; otherwise replies would have the pod's address.
    "net.bridge.bridge-nf-call-iptables": "1",
    # Answer every packet to an outside address with an ICMP error at once, without rate limit.
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
}
"""Kernel settings of the namespace; the host's settings are not touched."""


def exists() -> bool:
    """Return whether the namespace exists and its link has the node's address."""
    if not PATH.exists():
        return False
    shown = _run("ip", "-netns", addresses.NETNS, "-4", "-oneline", "addr", "show", "dev", addresses.NODE_LINK)
    return shown.returncode == 0 and f"{addresses.NODE}/{addresses.LINK_PREFIX}" in shown.stdout


def create() -> None:
    """Create namespace, link, addresses and routes; remove existing ones first."""
    remove()
    inside = ("ip", "-netns", addresses.NETNS)
    _must("ip", "netns", "add", addresses.NETNS)
    pair = ("peer", "name", addresses.NODE_LINK, "netns", addresses.NETNS)
    _must("ip", "link", "add", addresses.HOST_LINK, "type", "veth", *pair)
    for name, value in SYSCTLS.items():
        _sysctl(name, value)
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{addresses.HOST_LINK}/disable_ipv6").write_text("1")
    _must("ip", "addr", "add", f"{addresses.HOST}/{addresses.LINK_PREFIX}", "dev", addresses.HOST_LINK)
    _must(*inside, "addr", "add", f"{addresses.NODE}/{addresses.LINK_PREFIX}", "dev", addresses.NODE_LINK)
    _must(*inside, "link", "set", "lo", "up")
    _must(*inside, "link", "set", addresses.NODE_LINK, "up")
    _must("ip", "link", "set", addresses.HOST_LINK, "up")
    for network in (addresses.PODS, addresses.SERVICES):
        _must("ip", "route", "replace", str(network), "via", str(addresses.NODE), "dev", addresses.HOST_LINK)


def remove() -> None:
    """Remove link, routes and namespace if they exist."""
    _run("ip", "link", "del", addresses.HOST_LINK)
    if PATH.exists():
        # The file may exist without the mount; `ip netns del` handles both cases.
        _run("ip", "netns", "del", addresses.NETNS)
        PATH.unlink(missing_ok=True)


def _sysctl(name: str, value: str) -> None:
    path = "/proc/sys/" + name.replace(".", "/")
    # /proc/sys/net shows the settings of the process's own namespace, so start a process inside it.
    done = _run("nsenter", f"--net={PATH}", "sh", "-c", f"[ ! -e {path} ] && exit 3; echo {value} > {path}")
    if done.returncode == 3 and name.startswith("net.bridge."):
        _run("modprobe", "br_netfilter")
        done = _run("nsenter", f"--net={PATH}", "sh", "-c", f"[ ! -e {path} ] && exit 3; echo {value} > {path}")
    if done.returncode and not name.startswith("net.ipv6."):
        raise UserError(
            f"The kernel setting {name} cannot be set in the node's network namespace.",
            seen=done.stderr.strip() or f"{path} does not exist",
            allowed="a kernel with br_netfilter, nf_tables and veth",
            next_step="load the module br_netfilter, then run `mlp doctor`",
        )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _must(*command: str) -> None:
    done = _run(*command)
    if done.returncode:
        raise UserError(
            f"The node's network could not be created: `{' '.join(command)}` failed.",
            seen=done.stderr.strip(),
            next_step="run `mlp doctor`; `mlp cluster reset` removes an incomplete network",
        )
