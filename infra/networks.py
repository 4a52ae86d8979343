"""Rules of address ranges: which overlap, and which are too small for what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

LARGEST_PREFIX = {"public": 27, "private": 22, "database": 28}
"""Smallest subnet of each kind, as a prefix length.

public: EKS wants eight free addresses for a load balancer, AWS keeps five. private: every pod takes an address, in
blocks of sixteen. database: servers, standbys, Redis and its replicas, and what each takes while it is replaced.
"""


def first_overlap(ranges: Iterable[tuple[str, IPv4Network]]) -> tuple[str, str] | None:
    """Return the labels of the first two ranges that share an address; None when none do."""
    seen: list[tuple[str, IPv4Network]] = []
    for label, network in ranges:
        for other, known in seen:
            if network.overlaps(known):
                return other, label
        seen.append((label, network))
    return None


def too_small(subnets: Mapping[str, IPv4Network]) -> tuple[str, int] | None:
    """Return kind and greatest allowed prefix length of the first subnet that is too small; None when none is."""
    for kind, network in subnets.items():
        if network.prefixlen > LARGEST_PREFIX[kind]:
            return kind, LARGEST_PREFIX[kind]
    return None
