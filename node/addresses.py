"""Addresses of the embedded node, all in 198.18.0.0/15, the block reserved for benchmarks of network devices.

Ordinary networks do not use that block (RFC 2544, RFC 6890), so the node does not collide with the user's networks.
`conflicts` detects the exceptions.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess

BLOCK = ipaddress.IPv4Network("198.18.0.0/15")
HOST = ipaddress.IPv4Address("198.18.0.1")
"""Address of the host's end of the link."""

NODE = ipaddress.IPv4Address("198.18.0.2")
"""Address of the node's end of the link; also its InternalIP and the API server's address."""

LINK_PREFIX = 30
PODS = ipaddress.IPv4Network("198.18.128.0/17")
SERVICES = ipaddress.IPv4Network("198.19.0.0/16")
API_SERVICE = ipaddress.IPv4Address("198.19.0.1")
"""ClusterIP of the `kubernetes` Service: always the first address of the range."""

DNS = ipaddress.IPv4Address("198.19.0.10")
GATEWAY = ipaddress.IPv4Address("198.19.0.80")
"""ClusterIP of the gateway; the host has a route to it."""

API_PORT = 6443
API_URL = f"https://{NODE}:{API_PORT}"
DOMAIN = "cluster.local"
NODE_NAME = "mlp"

NETNS = "mlp"
"""Name of the node's network namespace, as in `ip netns exec mlp ...`."""

HOST_LINK = "mlp0"
"""Host end of the veth pair."""

NODE_LINK = "mlp1"
"""Node end of the veth pair."""


def overlaps(entries: list[dict[str, str]]) -> list[str]:
    """Return the `entries` inside the block, except those of the node's own link.

    Args:
        entries: `{"dst": "10.0.0.0/8", "dev": "eth0"}`, as printed by `ip -json route`.

    Returns:
        One phrase for each conflict.
    """
    found: list[str] = []
    for entry in entries:
        if entry.get("dst") in (None, "default") or entry.get("dev") == HOST_LINK:
            continue
        network = ipaddress.ip_network(entry["dst"], strict=False)
        # A wider route, such as a default route written as 0.0.0.0/1, does not claim the block.
        if network.version == 4 and network.prefixlen >= BLOCK.prefixlen and network.overlaps(BLOCK):
            found.append(f"{entry['dst']} on {entry.get('dev', 'an unknown device')}")
    return found


def conflicts() -> list[str]:
    """Return the host's routes and addresses in the node's block, except those of the node's own link."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all") or "[]")
    links = json.loads(_ip("-json", "-4", "addr") or "[]")
    entries = [{"dst": route.get("dst", "default"), "dev": route.get("dev", "")} for route in routes]
    entries += [
        {"dst": f"{address['local']}/{address['prefixlen']}", "dev": link["ifname"]}
        for link in links
        for address in link.get("addr_info", [])
        if "local" in address
    ]
    return sorted(set(overlaps(entries)))


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
