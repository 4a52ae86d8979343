"""`python -m tests.bench.aws`: compares the preview of an AWS stack with the engine's time for as many resources.

It previews a new stack `prod` against an emulated account. In the same run, the same engine previews a program with as
many resources of a small kind (`random.RandomId`): a tenth of them are components with ten children each, as in the
platform, and one resource of each other plugin is included, because starting a plugin is part of the engine's time.
Memory is the highest sum over the Python process, the engine and its plugins, without the emulated account.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psutil
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pulumi_random as random
import typer
from pulumi import dynamic

from common.paths import ROOT
from common.progress import step
from providers.aws_emulation.emulation import emulation
from tests.bench.platform import MEBIBYTE, Figure, show
from tests.engine.aws import ACCOUNTS, REGION, AwsStack

RATIO, MEMORY_RATIO = 1.5, 1.3
IMPORT_SECONDS, MOCKS_SECONDS = 2.0, 30.0
STACKS = ("dev", "staging", "prod")
SAMPLE_SECONDS = 0.1
DEBUG = pulumi.log.debug
"""Parallelism of the SDK; the trivial program runs without the changes of `infra.sdk_speed`."""

PLUGINS = 5
"""Number of resources that load the other plugins: two providers and three resources."""


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and the highest sum of resident memory in bytes."""

    seconds: float
    memory: int


class Nothing(dynamic.ResourceProvider):
    """A dynamic provider that creates nothing."""


class One(dynamic.Resource, name="One"):
    """A dynamic resource."""


def one_of_each_plugin() -> None:
    """Declare one resource of each plugin that the platform loads in addition to `random`."""
    account = pulumi.ResourceOptions(provider=aws.Provider("aws", region=REGION))
    aws.cloudwatch.LogGroup("one", name="one", opts=account)
    cluster = pulumi.ResourceOptions(provider=k8s.Provider("kubernetes", kubeconfig="{}"))
    k8s.core.v1.ConfigMap("one", metadata={"name": "one", "namespace": "default"}, opts=cluster)
    One(Nothing(), "one", {})


def trivial(count: int) -> Callable[[], None]:
    """Return a program of `count` resources: components with ten random ids each, and one resource of each plugin."""

    def program() -> None:
        pulumi.log.debug = DEBUG
        one_of_each_plugin()
        parent: pulumi.Resource | None = None
        for index in range(count - PLUGINS):
            if index % 11 == 0:
                parent = pulumi.ComponentResource("bench:index:Component", f"component-{index}")
            else:
                random.RandomId(f"id-{index}", byte_length=4, opts=pulumi.ResourceOptions(parent=parent))

    return program


def measured(work: Callable[[], object]) -> Cost:
    """Run `work` and return the time and memory of this process and its children."""
    highest, over, process = 0, threading.Event(), psutil.Process()

    def watch() -> None:
        nonlocal highest
        while not over.wait(SAMPLE_SECONDS):
            total = 0
            for part in (process, *process.children(recursive=True)):
                try:
                    total += 0 if "providers.aws_emulation.server" in part.cmdline() else part.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            highest = max(highest, total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    began = time.monotonic()
    try:
        work()
    finally:
        seconds = time.monotonic() - began
        over.set()
        thread.join()
    return Cost(seconds, highest)


def alone(code: str) -> float:
    """Return the wall seconds of a new Python process, its start included."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def without_engine() -> list[Figure]:
    """Return the seconds of the program alone: its import, and all AWS stacks against mocks."""
    with step("the program alone"):
        imported = min(alone("import infra.program") for _ in range(3))
        mocked = alone(f"from policy.render import render_stack; [render_stack(name) for name in {STACKS}]")
    return [
        Figure("import of the program", imported, "s", IMPORT_SECONDS),
        Figure(f"{', '.join(STACKS)} under mocks", mocked, "s", MOCKS_SECONDS),
    ]


def measure(stack: str = "prod", rounds: int = 3) -> list[Figure]:
    """Return the figures of one stack: the best of several rounds, in rotation."""
    from artifacts import manifests

    manifests.ensure()
    with TemporaryDirectory() as place, emulation(Path(place) / "account", ACCOUNTS[stack], REGION) as account:
        found = AwsStack.of(Path(place) / "stack", account, stack)
        count = sum(found.preview(AwsStack.program).changes.values())
        small = AwsStack(Path(place) / "trivial", account, "trivial")
        platform: list[Cost] = []
        plain: list[Cost] = []
        for number in range(rounds):
            with step(f"preview of {stack} and of {count} trivial resources, round {number + 1} of {rounds}"):
                plain.append(measured(lambda: small.preview(trivial(count - 1))))
                platform.append(measured(lambda: found.preview(AwsStack.program)))
    seconds, own = min(cost.seconds for cost in platform), min(cost.seconds for cost in plain)
    memory, small_memory = min(cost.memory for cost in platform), min(cost.memory for cost in plain)
    return [
        Figure(f"resources of {stack}", count, ""),
        Figure(f"preview of {stack} from nothing", seconds, "s"),
        Figure("preview of as many trivial resources", own, "s"),
        Figure("  ratio", seconds / own, "", RATIO),
        Figure(f"memory of the preview of {stack}", memory / MEBIBYTE, "MiB"),
        Figure("memory of the trivial preview", small_memory / MEBIBYTE, "MiB"),
        Figure("  memory ratio", memory / small_memory, "", MEMORY_RATIO),
    ]


def main(
    stack: Annotated[str, typer.Option(help="Stack to preview.")] = "prod",
    rounds: Annotated[int, typer.Option(help="Rounds; the best counts.")] = 3,
) -> None:
    """Measure and print."""
    show([*without_engine(), *measure(stack, rounds)], "aws")


if __name__ == "__main__":
    typer.run(main)
