"""The whole program of each stack, declared once for all tests."""

from __future__ import annotations

import functools

from declared import Declared, declare

from artifacts import manifests
from common import paths
from infra.program import program
from policy import render

STACKS = sorted(path.name.split(".")[1] for path in (paths.ROOT / "stacks").glob("Pulumi.*.yaml"))
AWS = ("dev", "staging", "prod")


def config(stack: str) -> dict[str, str]:
    """Return a stack's settings as the engine passes them to the program."""
    return render.config(stack, paths.ROOT / "stacks" / f"Pulumi.{stack}.yaml")


@functools.cache
def made(stack: str, *, preview: bool = False) -> Declared:
    """Return what the program declares. Shared between tests, so do not change it."""
    manifests.ensure()
    return declare(program, preview=preview, stack=stack, config=config(stack))
