"""The package's functions stay functions, whatever of it has been imported."""

from __future__ import annotations

import pkgutil

from local import cluster


def test_no_module_takes_the_place_of_a_function() -> None:
    assert not {module.name for module in pkgutil.iter_modules(cluster.__path__)} & set(cluster.__all__)
