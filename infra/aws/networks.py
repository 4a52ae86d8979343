"""Checks of address ranges: overlapping, too small or too wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

LARGEST_PREFIX = {"public": 27, "private": 22, "database": 28}
"""Smallest subnet of each kind, as a prefix length.

public: EKS needs eight free addresses for a load balancer, AWS reserves five. private: every pod takes an address, in
blocks of sixteen. database: servers, standbys, Redis and its replicas, and the replacement of each.
"""

PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""

LEAST_PREFIX = 8
"""Prefix length of the widest network that may get access; a wider one, or two halves of one, admits everybody."""


def first_overlap(ranges: Iterable[tuple[str, IPv4Network]]) -> tuple[str, str] | None:
    """Return the labels of the first two ranges that overlap; None if no ranges do."""
    seen: list[tuple[str, IPv4Network]] = []
    for label, network in ranges:
        for other, known in seen:
            if network.overlaps(known):
                return other, label
        seen.append((label, network))
    return None


def too_wide(ranges: Iterable[IPv4Network]) -> IPv4Network | None:
    """Return the first range that is wider than `LEAST_PREFIX`; None if no range is."""
    return next((network for network in ranges if network.prefixlen < LEAST_PREFIX), None)


def too_small(subnets: Mapping[str, IPv4Network]) -> tuple[str, int] | None:
    """Return kind and maximum prefix length of the first subnet that is too small; None if all are large enough."""
    for kind, network in subnets.items():
        if network.prefixlen > LARGEST_PREFIX[kind]:
            return kind, LARGEST_PREFIX[kind]
    return None
