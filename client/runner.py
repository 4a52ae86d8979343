"""Runs a Job in the platform's cluster and passes its log on, line by line."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from client import pods
from client.job import DIGEST, JobSpec, manifest
from common.errors import UserError

if TYPE_CHECKING:
    from kubernetes.client import V1Job, V1Pod

    from client.platform import Platform

LAST_LINES = 25
FATAL = ("ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")
"""Reasons for waiting that end only when somebody changes the image or the configuration."""

FATAL_SECONDS = 20.0
"""Longest wait with such a reason; it may pass while a Secret is being written."""


def outcome(job: V1Job) -> str | None:
    """Return `Complete`, or the reason of the Job's failure; None while the Job runs."""
    for condition in (job.status.conditions if job.status else None) or []:
        if condition.status == "True" and condition.type == "Complete":
            return "Complete"
        if condition.status == "True" and condition.type == "Failed":
            return f"{condition.reason}: {condition.message}"
    return None


@dataclass
class PendingPod:
    """A pod that does not run yet, and the reason.

    Attributes:
        pod: The pod as last read.
        problem: Why the pod does not start; None while it starts normally.
        since: Time at which the problem was first seen.
    """

    pod: V1Pod | None = None
    problem: str | None = None
    since: float = 0.0

    def update(self, now: float) -> list[str]:
        """Read the problem from the pod; return it when it is new."""
        found = pods.why_waiting(self.pod) if self.pod is not None else None
        if found == self.problem:
            return []
        self.problem, self.since = found, now
        return [found] if found else []

    def is_fatal(self, now: float) -> bool:
        """Tell whether a problem that needs a correction has lasted too long.

        An unschedulable pod may wait until other pods end, as long as the Job's own deadline allows.
        """
        return bool(self.problem and self.problem.startswith(FATAL)) and now - self.since > FATAL_SECONDS


class JobRun:
    """One run of a Job."""

    def __init__(self, platform: Platform, spec: JobSpec) -> None:
        from kubernetes import client

        self._spec = spec
        self._namespace = platform.namespace
        self._batch = client.BatchV1Api(platform.api)
        self._core = client.CoreV1Api(platform.api)
        self._tail: deque[str] = deque(maxlen=LAST_LINES)
        self._until = time.monotonic() + spec.deadline_seconds + 60

    def run(self, on_line: Callable[[str], None]) -> None:
        """Run the Job to its end. Join a running Job with the same spec; replace any other Job of the same name.

        Args:
            on_line: Called with every line of the log.

        Raises:
            UserError: The Job failed, could not start or did not end in time; contains the last lines of the log.
        """
        wanted = manifest(self._spec, self._namespace)
        present = self._read()
        if present is not None and not self._joinable(present, wanted):
            self._delete()
            present = None
        if present is None:
            self._batch.create_namespaced_job(self._namespace, wanted)
        self._wait_for_log(on_line)
        self._follow(on_line)
        ended = self._ended()
        if ended != "Complete":
            raise self._failure(ended)

    def _read(self) -> V1Job | None:
        from kubernetes.client import ApiException

        try:
            return self._batch.read_namespaced_job(self._spec.name, self._namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    @staticmethod
    def _joinable(job: V1Job, wanted: dict[str, Any]) -> bool:
        same = (job.metadata.labels or {}).get(DIGEST) == wanted["metadata"]["labels"][DIGEST]
        return same and outcome(job) is None and job.metadata.deletion_timestamp is None

    def _delete(self) -> None:
        from kubernetes.client import ApiException

        try:
            self._batch.delete_namespaced_job(self._spec.name, self._namespace, propagation_policy="Foreground")
        except ApiException as error:
            if error.status != 404:
                raise
        for _ in self._jobs(lambda: self._read() is None):
            pass

    def _jobs(self, over: Callable[[], bool]) -> Iterator[V1Job]:
        """Yield the Job at each of its changes until `over` returns true."""
        return self._changes(self._batch.list_namespaced_job, f"metadata.name={self._spec.name}", None, over)

    def _changes(
        self, listing: Callable[..., Any], fields: str | None, labels: str | None, over: Callable[[], bool]
    ) -> Iterator[Any]:
        from kubernetes import watch

        selector = {"field_selector": fields} if fields else {"label_selector": labels}
        while not over():
            if time.monotonic() > self._until:
                raise self._failure(f"the Job did not end within {self._spec.deadline_seconds} s")
            watcher = watch.Watch()
            for event in watcher.stream(listing, self._namespace, timeout_seconds=2, **selector):
                yield event["object"]
                if over():
                    watcher.stop()

    def _wait_for_log(self, on_line: Callable[[str], None]) -> None:
        """Wait until the pod's container runs; fail when it cannot start."""
        pending = PendingPod()

        def over() -> bool:
            if pending.pod is not None and pods.started(pending.pod):
                return True
            for problem in pending.update(time.monotonic()):
                on_line(f"waiting for the pod: {problem}")
            if pending.is_fatal(time.monotonic()):
                raise self._failure(str(pending.problem))
            job = self._read()
            return job is None or outcome(job) is not None

        for pod in self._changes(self._core.list_namespaced_pod, None, f"job-name={self._spec.name}", over):
            pending.pod = pod

    def _pods(self) -> list[V1Pod]:
        return self._core.list_namespaced_pod(self._namespace, label_selector=f"job-name={self._spec.name}").items

    def _follow(self, on_line: Callable[[str], None]) -> None:
        """Pass the log on until the container ends; reconnect when the stream breaks and skip the lines passed on."""
        from urllib3.exceptions import HTTPError

        running = [pod for pod in self._pods() if pods.started(pod)]
        if not running:
            return
        name, passed = running[-1].metadata.name, 0
        while time.monotonic() < self._until:
            response = self._core.read_namespaced_pod_log(name, self._namespace, follow=True, _preload_content=False)
            try:
                for number, line in enumerate(lines(response)):
                    if number >= passed:
                        self._tail.append(line)
                        on_line(line)
                        passed = number + 1
                return
            except HTTPError:
                continue

    def _ended(self) -> str:
        result: list[str] = []

        def over() -> bool:
            job = self._read()
            found = "the Job was deleted while it ran" if job is None else outcome(job)
            if found:
                result.append(found)
            return bool(found)

        for _ in self._jobs(over):
            pass
        return result[-1]

    def _failure(self, reason: str) -> UserError:
        shown = "\n".join(f"    {line}" for line in self._tail) or "    (no log)"
        return UserError(
            f"Job {self._namespace}/{self._spec.name} failed.",
            seen=f"{reason}\n  end of its log:\n{shown}",
            next_step=f"kubectl -n {self._namespace} describe job {self._spec.name}",
        )


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a byte stream that arrives in chunks."""
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace").rstrip("\r") for line in complete)
    if rest:
        yield rest.decode(errors="replace")
