"""Parser of Kubernetes quantities, for the units that settings use."""

from __future__ import annotations

import re

PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

FACTORS = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def value(quantity: str) -> float:
    """Return a quantity as a number: cores or bytes.

    Raises:
        ValueError: The text is not a quantity.
    """
    if not re.fullmatch(PATTERN, quantity):
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity; examples: 250m, 2, 512Mi, 1Gi")
    digits = re.match(r"[0-9.]+", quantity)
    number = digits.group() if digits else ""
    return float(number) * FACTORS[quantity[len(number) :]]
