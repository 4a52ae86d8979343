"""The replacement for the pulumi-random plugin has the types, inputs and outputs of the installed package."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_random as random
import pytest
from pulumi import _types

from providers.random.generate import MAKERS
from providers.random.provider import KINDS, _settings

ABSENT = {"random:index/randomUuid4:RandomUuid4", "random:index/randomUuid7:RandomUuid7"}
"""Types that the program does not use and the plugin refuses by name."""

EVERYWHERE = {"keepers", "number"}
"""Inputs that the plugin accepts for all types: triggers of a replacement, and the old name of `numeric`."""

INPUTS: dict[str, dict[str, Any]] = {
    "password": {"length": 12},
    "identifier": {"byteLength": 4},
    "octets": {"length": 4},
    "integer": {"min": 1, "max": 9},
    "shuffle": {"inputs": ["a", "b"]},
}
"""Inputs with which each maker can generate a value."""


def shipped() -> dict[str, type[pulumi.CustomResource]]:
    """Return the package's resource classes by type token."""
    found = [item for _, item in inspect.getmembers(random, inspect.isclass)]
    classes = [item for item in found if issubclass(item, pulumi.CustomResource) and hasattr(item, "pulumi_type")]
    return {typing.cast(Any, item).pulumi_type: item for item in classes}


def test_the_types_are_those_of_the_package() -> None:
    assert {token for token in shipped() if not token.startswith("pulumi:providers:")} == KINDS.keys() | ABSENT


@pytest.mark.parametrize("token", KINDS)
def test_inputs_and_outputs_are_those_of_the_package(token: str) -> None:
    kind, resource = KINDS[token], shipped()[token]
    arguments = getattr(random, f"{resource.__name__}Args")
    names: Mapping[str, str] = _types.input_type_py_to_pulumi_names(arguments)
    assert set(names.values()) - EVERYWHERE == set(kind["inputs"])
    parameters = inspect.signature(arguments.__init__).parameters
    needed = {
        names[key] for key, value in parameters.items() if key in names and value.default is inspect.Parameter.empty
    }
    assert needed == set(kind["required"])

    properties = _types.resource_types(resource)
    assert set(properties) - EVERYWHERE - set(kind["inputs"]) == {*kind["outputs"], *kind["secret"]}
    marked = re.search(r"additional_secret_outputs=\[(.*?)\]", inspect.getsource(resource))
    assert set(re.findall(r"\"(\w+)\"", marked[1] if marked else "")) == set(kind["secret"])

    _, made = MAKERS[kind["make"]](_settings(kind, INPUTS.get(kind["make"], {})))
    for key, value in made.items():
        wanted = properties.get(key)
        if wanted is not None:
            assert isinstance(value, list if typing.get_origin(wanted) else wanted), key
