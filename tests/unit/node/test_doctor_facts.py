"""Parsing of kernel files and of the output of Debian's tools."""

from __future__ import annotations

import pytest

from artifacts.packages.debian import absent
from node.machine.kernel import Feature, Kernel, parse_modules, parse_options, state
from node.machine.machine import parse_capabilities, parse_memory, parse_mounts, parse_routes

MEMINFO = "MemTotal:       24628800 kB\nMemFree:        1000 kB\n"
ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "mlp0\t000012C6\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n"
    "tun0\t000013C6\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
)
VETH = Feature(option="CONFIG_VETH", path="/sys/module/veth", module="veth")
NETNS = Feature(option="CONFIG_NET_NS", path="/proc/self/ns/net")


def test_mounts() -> None:
    mounts = parse_mounts("cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\nshort line\n")
    assert [(mount.kind, mount.point) for mount in mounts] == [("cgroup", "/sys/fs/cgroup/cpu")]
    assert {"rw", "cpu"} <= mounts[0].options


def test_capabilities() -> None:
    assert parse_capabilities("CapPrm:\t0000000000000001\nCapEff:\t0000000000200000\n") == 1 << 21
    assert parse_capabilities("") == 0


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([], 24628800 * 1024),
        (["", ""], 24628800 * 1024),
        (["max\n"], 24628800 * 1024),
        (["4294967296\n"], 4294967296),
        (["9223372036854771712\n"], 24628800 * 1024),
    ],
)
def test_memory_is_what_may_be_used(limits: list[str], expected: int) -> None:
    assert parse_memory(MEMINFO, limits) == expected


def test_routes() -> None:
    assert parse_routes(ROUTES) == [
        {"dst": "0.0.0.0/0", "dev": "eth0"},
        {"dst": "198.18.0.0/30", "dev": "mlp0"},
        {"dst": "198.19.0.0/16", "dev": "tun0"},
    ]


def test_routes_of_others_in_the_range_are_conflicts_ours_are_not() -> None:
    from node.addresses import overlaps

    assert overlaps(parse_routes(ROUTES)) == ["198.19.0.0/16 on tun0"]


def test_kernel_options_and_modules() -> None:
    assert parse_options("CONFIG_VETH=m\n# CONFIG_X is not set\nCONFIG_A=y\nCONFIG_HZ=250\n") == {
        "CONFIG_VETH": "m",
        "CONFIG_A": "y",
    }
    names = parse_modules("kernel/net/bridge/bridge.ko\n", "kernel/net/br-netfilter.ko.xz: kernel/net/bridge.ko\n")
    assert names == {"bridge", "br_netfilter"}


@pytest.mark.parametrize(
    ("options", "modules", "paths", "expected"),
    [
        (None, None, {"/sys/module/veth"}, "present"),
        ({"CONFIG_VETH": "y"}, None, set(), "present"),
        ({"CONFIG_VETH": "m"}, {"veth"}, set(), "loadable"),
        (None, {"veth"}, set(), "loadable"),
        ({"CONFIG_VETH": "m"}, {"dummy"}, set(), "absent"),
        ({}, None, set(), "absent"),
        (None, {"dummy"}, set(), "absent"),
        (None, None, set(), "unknown"),
        ({"CONFIG_VETH": "m"}, None, set(), "unknown"),
    ],
)
def test_feature_state_follows_from_the_sources(
    options: dict[str, str] | None, modules: set[str] | None, paths: set[str], expected: str
) -> None:
    known = None if modules is None else frozenset(modules)
    assert state(VETH, Kernel(release="6", options=options, modules=known, paths=frozenset(paths))) == expected


def test_a_feature_without_a_module_is_never_loadable() -> None:
    assert state(NETNS, Kernel(release="6", options={}, modules=frozenset({"net_ns"}), paths=frozenset())) == "absent"


def test_packages_half_installed_or_unknown_are_absent() -> None:
    listing = "runc installed\nbuildah half-configured\ncontainerd not-installed\n"
    assert absent(["runc", "buildah", "containerd", "nftables"], listing) == ["buildah", "containerd", "nftables"]
