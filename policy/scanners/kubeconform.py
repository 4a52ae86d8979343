"""Runs kubeconform on the Kubernetes objects of a stack."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from policy.model import Data, Resource, Stack
from policy.scanners.schemas import LOCATION


@dataclass(frozen=True)
class Invalid:
    """An object that does not match its schema."""

    subject: str
    message: str


def plain_numbers(value: Data) -> Data:
    """Return data with whole numbers as integers; the engine converts all numbers to floating point."""
    if isinstance(value, dict):
        return {key: plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def objects(stack: Stack) -> list[Resource]:
    """Return the Kubernetes objects of a stack."""
    return [item for item in stack.resources if item.kubernetes and isinstance(item.inputs.get("apiVersion"), str)]


def validate(found: Iterable[Resource], schemas: Path, folder: Path) -> list[Invalid]:
    """Return the objects that do not match their schemas; an object of a kind without a schema counts as invalid.

    Args:
        found: Objects.
        schemas: Folder of schemas, one file for each kind.
        folder: Folder for the objects' files.

    Raises:
        UserError: kubeconform is not built.
        RuntimeError: kubeconform failed.
    """
    from artifacts.toolchain import binary

    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, str] = {}
    for number, item in enumerate(found):
        path = folder / f"{number:04}.json"
        path.write_text(json.dumps(plain_numbers(dict(item.inputs))))
        names[str(path)] = f"{item.kind}/{item.name}"
    command = [binary("kubeconform"), "-strict", "-output", "json", "-schema-location", f"{schemas}/{LOCATION}", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or not done.stdout:
        raise RuntimeError(f"kubeconform ended with {done.returncode}: {done.stderr[-1000:]}")
    return [Invalid(names[item["filename"]], item["msg"]) for item in json.loads(done.stdout)["resources"]]
