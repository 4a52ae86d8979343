"""Reads the requirements of each environment from `profiles.yaml`."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

from policy.model import Profile

FILE = Path(__file__).with_name("profiles.yaml")
STRICTEST = "prod"


@functools.cache
def profiles() -> dict[str, Profile]:
    """Return the profile of each environment."""
    return {name: Profile(**fields) for name, fields in yaml.safe_load(FILE.read_text(encoding="utf-8")).items()}


def profile(stack: str) -> Profile:
    """Return the profile of a stack; the strictest one for an unknown stack."""
    return profiles().get(stack, profiles()[STRICTEST])
