"""Rules of address ranges: which overlap, and which are too small for what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network

LARGEST_PREFIX = {"public": 27, "private": 22, "database": 28}
"""Smallest subnet of each kind, as a prefix length.

public: EKS wants eight free addresses for a load balancer, AWS keeps five. private: every pod takes an address, in
blocks of sixteen. database: servers, standbys, Redis and its replicas, and what each takes while it is replaced.
"""

PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""

LEAST_PREFIX = 8
"""Prefix length of the widest network that access may be given to: a wider one, or two halves, is everybody."""


def first_overlap(ranges: Iterable[tuple[str, IPv4Network]]) -> tuple[str, str] | None:
    """Return the labels of the first two ranges that share an address; None when none do."""
    seen: list[tuple[str, IPv4Network]] = []
    for label, network in ranges:
        for other, known in seen:
            if network.overlaps(known):
                return other, label
        seen.append((label, network))
    return None


def too_wide(ranges: Iterable[IPv4Network]) -> IPv4Network | None:
    """Return the first range that names nobody in particular, wider than `LEAST_PREFIX`; None when none does."""
    return next((network for network in ranges if network.prefixlen < LEAST_PREFIX), None)


def too_small(subnets: Mapping[str, IPv4Network]) -> tuple[str, int] | None:
    """Return kind and greatest allowed prefix length of the first subnet that is too small; None when none is."""
    for kind, network in subnets.items():
        if network.prefixlen > LARGEST_PREFIX[kind]:
            return kind, LARGEST_PREFIX[kind]
    return None
