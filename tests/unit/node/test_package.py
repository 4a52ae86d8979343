"""The package's functions are not replaced by submodules with the same name when those are imported."""

from __future__ import annotations

import pkgutil

import node


def test_no_module_takes_the_place_of_a_function() -> None:
    assert not {module.name for module in pkgutil.iter_modules(node.__path__)} & set(node.__all__)
