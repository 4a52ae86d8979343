"""Modules are downloaded beside the compiler, once for each go.mod."""

from __future__ import annotations

from artifacts.toolchain.catalog import tools
from artifacts.toolchain.prefetch import groups


def test_tools_that_share_pins_are_listed_together() -> None:
    found = groups(list(tools().values()))
    assert len(found) == len({item.module_root for item in tools().values()})
    for item in tools().values():
        assert set(item.packages) <= set(found[item.module_root]), item.name


def test_order_is_that_of_the_builds() -> None:
    """The modules that are needed first are downloaded first."""
    chosen = list(tools().values())
    roots = list(dict.fromkeys(item.module_root for item in chosen))
    assert list(groups(chosen)) == roots
