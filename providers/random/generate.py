"""Generates random values, with the operating system's random number generator unless a seed is given."""

from __future__ import annotations

import base64
import random
import secrets
import string
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""Special characters of pulumi-random."""

WORDS: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text())

Made = tuple[str, dict[str, Any]]
"""Resource ID and outputs."""


def password(settings: dict[str, Any]) -> Made:
    """Generate a text of `length` characters with at least the given number of characters of each class.

    Raises:
        ValueError: All classes are disabled, or the minima exceed the length.
    """
    classes = {
        "Lower": string.ascii_lowercase if settings["lower"] else "",
        "Upper": string.ascii_uppercase if settings["upper"] else "",
        "Numeric": string.digits if settings["numeric"] else "",
        "Special": (settings["overrideSpecial"] or SPECIAL) if settings["special"] else "",
    }
    length = int(settings["length"])
    alphabet = "".join(classes.values())
    if not alphabet:
        raise ValueError("all of lower, upper, numeric and special are false; allow at least one")
    drawn: list[str] = []
    for name, letters in classes.items():
        count = int(settings[f"min{name}"])
        source = letters or {"Lower": string.ascii_lowercase, "Upper": string.ascii_uppercase}.get(name, string.digits)
        drawn += [secrets.choice(source) for _ in range(count)]
    if len(drawn) > length:
        raise ValueError(f"the minima add up to {len(drawn)}, more than length {length}")
    drawn += [secrets.choice(alphabet) for _ in range(length - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    result = "".join(drawn)
    return "none", {"result": result}


def identifier(settings: dict[str, Any]) -> Made:
    """Generate `byteLength` bytes and return them in four encodings, each with the prefix."""
    octets_ = secrets.token_bytes(int(settings["byteLength"]))
    prefix = settings["prefix"] or ""
    url = base64.urlsafe_b64encode(octets_).decode().rstrip("=")
    return url, {
        "b64Std": prefix + base64.b64encode(octets_).decode(),
        "b64Url": prefix + url,
        "dec": prefix + str(int.from_bytes(octets_, "big")),
        "hex": prefix + octets_.hex(),
    }


def octets(settings: dict[str, Any]) -> Made:
    """Generate `length` secret bytes."""
    drawn = secrets.token_bytes(int(settings["length"]))
    return "none", {"base64": base64.b64encode(drawn).decode(), "hex": drawn.hex()}


def pet(settings: dict[str, Any]) -> Made:
    """Choose `length` words, the last of which is an animal."""
    words = [secrets.choice(WORDS["adjectives"]) for _ in range(int(settings["length"]) - 1)] + [
        secrets.choice(WORDS["animals"])
    ]
    return settings["separator"].join(([settings["prefix"]] if settings["prefix"] else []) + words), {}


def unique(settings: dict[str, Any]) -> Made:
    """Generate a version 4 UUID."""
    result = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    return result, {"result": result}


def integer(settings: dict[str, Any]) -> Made:
    """Generate an integer from `min` to `max`, both included.

    Raises:
        ValueError: `min` is greater than `max`.
    """
    low, high = int(settings["min"]), int(settings["max"])
    if low > high:
        raise ValueError(f"min {low} is greater than max {high}")
    result = _source(settings).randint(low, high)
    return str(result), {"result": result}


def shuffle(settings: dict[str, Any]) -> Made:
    """Shuffle the inputs and return the first `resultCount`; shuffle again when more are requested than exist."""
    source, inputs = _source(settings), list(settings["inputs"])
    wanted = int(settings["resultCount"] or len(inputs))
    results: list[Any] = []
    while len(results) < wanted and inputs:
        source.shuffle(inputs)
        results += inputs
    return "-", {"results": results[:wanted]}


def _source(settings: dict[str, Any]) -> random.Random:
    seed = settings.get("seed")
    return random.Random(seed) if seed else secrets.SystemRandom()  # noqa: S311 - a seed asks for repeatable values


MAKERS: dict[str, Callable[[dict[str, Any]], Made]] = {
    "password": password,
    "identifier": identifier,
    "octets": octets,
    "pet": pet,
    "uuid": unique,
    "integer": integer,
    "shuffle": shuffle,
}
