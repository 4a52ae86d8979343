"""Counts and deletes what a team has in the object store and on volumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from client.job import JobSpec
from client.platform import Platform
from client.runner import JobRun

MARKER = "TEAM-DATA "
SCRIPT = Path(__file__).parent / "scripts" / "team_data.py"


@dataclass(frozen=True, kw_only=True)
class TeamData:
    """What a team has.

    Attributes:
        objects: Number of its objects in the buckets that have a folder for each team.
        size: Bytes of these objects.
        volumes: Names of its PersistentVolumeClaims.
    """

    objects: int
    size: int
    volumes: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.objects or self.volumes)

    def __str__(self) -> str:
        """Return the content as a phrase."""
        stored = f"{self.objects} objects ({self.size / 2**20:.1f} MiB) in the buckets"
        return f"{stored}, volumes: {', '.join(self.volumes) or 'none'}"


def exists(platform: Platform) -> bool:
    """Tell whether the namespace of the platform's team exists; it does not after a reset of the cluster."""
    from kubernetes import client

    listed = client.CoreV1Api(platform.api).list_namespace(field_selector=f"metadata.name={platform.namespace}")
    return bool(listed.items)


def found(platform: Platform, on_line: Callable[[str], None] = lambda _: None) -> TeamData:
    """Return what the platform's team has."""
    from kubernetes import client

    counted = _run(platform, "count", on_line)
    claims = client.CoreV1Api(platform.api).list_namespaced_persistent_volume_claim(platform.namespace).items
    return TeamData(
        objects=counted["objects"], size=counted["bytes"], volumes=tuple(sorted(item.metadata.name for item in claims))
    )


def delete_objects(platform: Platform, on_line: Callable[[str], None] = lambda _: None) -> int:
    """Delete the objects of the platform's team; return their number. The volumes go with the namespace."""
    return _run(platform, "delete", on_line)["objects"]


def _run(platform: Platform, mode: str, on_line: Callable[[str], None]) -> dict[str, int]:
    """Run the script as a job of the team, which has the team's access to its folders."""
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        on_line(line)

    spec = JobSpec(
        name=f"team-data-{mode}",
        image=platform.job_image,
        command=["python", "-c", SCRIPT.read_text(encoding="utf-8")],
        environment={"MODE": mode},
        cpu="100m",
        memory="128Mi",
        memory_limit="512Mi",
        deadline_seconds=1800,
        keep_seconds=60,
    )
    JobRun(platform, spec).run(note)
    return json.loads(next(line for line in reversed(lines) if line.startswith(MARKER)).removeprefix(MARKER))
