"""Says which keys of the bucket belong to a workspace, and to which run or model a key belongs. Pure functions."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

DEFAULT = "default"
"""MLflow's workspace of everything that belongs to no team; only the administrator has rights there."""

WORKSPACES = "workspaces"
"""Folder of the bucket with a folder for each workspace but the default one; MLflow's name."""

MODEL = re.compile(r"\d+/models/(?P<owner>m-[0-9a-f]{32})(?:/artifacts)?(?:/(?P<path>.+))?")
RUN = re.compile(r"\d+/(?P<owner>[0-9a-f]{32})(?:/artifacts)?(?:/(?P<path>.+))?")
TRACE = re.compile(r"\d+/traces/(?P<owner>[^/]+)(?:/.*)?")


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The run or model that a file belongs to.

    Attributes:
        id: Its id.
        path: Path of the file or folder inside it; empty for all of it.
        model: Whether it is a logged model.
    """

    id: str
    path: str
    model: bool


def prefix(workspace: str) -> str:
    """Return the beginning of the keys of a workspace; empty for the default one."""
    return "" if workspace == DEFAULT else f"{WORKSPACES}/{workspace}/"


def inside(key: str, workspace: str) -> bool:
    """Return whether a key belongs to the workspace, or is its folder."""
    if (key and posixpath.normpath(key) != key.rstrip("/")) or key.startswith("/"):
        return False
    if workspace == DEFAULT:
        return key != WORKSPACES and not key.startswith(f"{WORKSPACES}/")
    return f"{key.rstrip('/')}/".startswith(prefix(workspace))


def owner(key: str, workspace: str) -> Owner | None:
    """Return the run or model that a key of the workspace belongs to; None for a key above or beside them."""
    rest = key.removeprefix(prefix(workspace))
    for pattern in (MODEL, RUN):
        if found := pattern.fullmatch(rest):
            return Owner(id=found["owner"], path=found["path"] or "", model=pattern is MODEL)
    return None


def of_trace(key: str, workspace: str) -> bool:
    """Return whether a key of the workspace belongs to a trace."""
    return TRACE.fullmatch(key.removeprefix(prefix(workspace))) is not None


def overlap(one: str, other: str) -> bool:
    """Return whether one path is the other, or inside it; an empty path contains every other."""
    return not one or not other or one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def source_path(location: str, owner_id: str) -> str:
    """Return the path of a version's files inside a run or model; empty for all of it.

    Args:
        location: Address of the files: `runs:/<run>/model` or `mlflow-artifacts:/1/<run>/artifacts/model`.
        owner_id: Id of the run or model.
    """
    rest = location.partition(owner_id)[2].strip("/")
    if location.startswith("runs:"):
        return rest
    return "" if rest == "artifacts" else rest.removeprefix("artifacts/")
