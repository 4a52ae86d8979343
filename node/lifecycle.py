"""Starts, stops and removes the embedded cluster; every function is idempotent and works after a crash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Iterable

from common import paths
from common.background import Background
from common.errors import UserError
from common.progress import Step, console, step
from node import addresses, cgroups, cleanup, config, layout, netns, owner, supervisor, system
from node.api import Api

FIRST = ("etcd", "containerd", "kube-apiserver")
"""Programs that start first; the others need a ready API server."""

CONTROL_PLANE_SECONDS = 60.0
READY_SECONDS = 120.0
PODS_STOP_SECONDS = 15.0
"""Seconds that a stop waits for containers to end after TERM."""

TOOLS = ("etcd", "containerd", "kubernetes", "coredns", "local-path-provisioner", "metrics-server", "pause")
CONFIG_DIGEST = layout.RUN / "config.sha256"
"""File with the digest of the configuration that the running node was started with."""


def is_running() -> bool:
    """Return whether this checkout's cluster is running and its API server is ready."""
    held = owner.read()
    return held is not None and held.ours and held.alive and supervisor.answers() and Api().unready() is None


def start() -> None:
    """Start the cluster, or complete an interrupted start; return when the node and its system pods are ready.

    Writes `common.paths.KUBECONFIG`, which only root can read.

    Raises:
        UserError: Another checkout's cluster is running, the addresses are in use, the user is not root, or a part of
            the cluster did not become ready in time.
    """
    with owner.exclusive():
        _check_machine()
    # Do not hold the lock here: builds take minutes on a new machine.
    _prepare()
    with owner.exclusive():
        _check_machine()
        _start_node()


def stop() -> None:
    """Stop the cluster and keep only its data; do nothing when it is not running."""
    with owner.exclusive():
        _stop_node()


def reset() -> None:
    """Stop the cluster and remove its data: keys, database, images, volumes, logs."""
    with owner.exclusive():
        _stop_node()
        if layout.DATA.exists() or layout.TRASH.exists():
            with step("Removing the cluster's data"):
                remove_data()


def remove_data() -> None:
    """Remove the data folder. It is renamed first, so that an interruption leaves no incomplete cluster data."""
    shutil.rmtree(layout.TRASH, ignore_errors=True)
    if layout.DATA.exists():
        layout.DATA.rename(layout.TRASH)
        shutil.rmtree(layout.TRASH)


def _check_machine() -> None:
    owner.refuse_other_checkout()
    if conflicts := addresses.conflicts():
        raise UserError(
            f"The address range {addresses.BLOCK} of the embedded node is in use on this machine.",
            seen="; ".join(conflicts),
            allowed=f"no address or route inside {addresses.BLOCK}",
            next_step="remove that route, or stop what made it",
        )


def _prepare() -> None:
    """Build and install the programs and images that the node needs."""
    from artifacts.images import ensure as ensure_images
    from artifacts.packages.debian import ensure_packages
    from artifacts.toolchain import ensure as ensure_tools

    ensure_packages()
    ensure_tools(TOOLS)
    ensure_images(system.IMAGES)


def _start_node() -> None:
    from artifacts.images import reference

    images = {name: reference(name) for name in system.IMAGES}
    held = owner.read()
    living = held is not None and held.ours and held.alive and supervisor.answers()
    config.write(images["pause"])
    digest = _digest(images["pause"])
    if living and CONFIG_DIGEST.is_file() and CONFIG_DIGEST.read_text() != digest:
        console.print("  The node's configuration has changed; restarting the node.", style="dim")
        _stop_node()
        config.write(images["pause"])
        living = False
    with step("Starting the cluster", estimate=None if living else 25) as progress:
        if not living:
            _make_node(progress)
        CONFIG_DIGEST.write_text(digest)
        _start_programs(progress, images)


def _make_node(progress: Step) -> None:
    progress.detail = "removing remains of an earlier cluster"
    for found in cleanup.remove_leftovers():
        console.print(f"  removed: {found}", style="dim", markup=False)
    progress.detail = "creating the node's network and namespaces"
    layout.RUN.mkdir(mode=0o755)
    for point in layout.mount_points():
        point.mkdir(parents=True, exist_ok=True)
    cleanup.record_sysctls()
    cgroups.create()
    netns.create()
    supervisor.launch()


def _start_programs(progress: Step, images: dict[str, str]) -> None:
    progress.detail = "starting etcd, containerd and the API server"
    for name in FIRST:
        supervisor.start(name)
    api = Api()
    loading = Background(_load_images)
    _await(progress, "the API server", api.unready, CONTROL_PLANE_SECONDS)
    for name in config.program_names():
        supervisor.start(name)
    progress.detail = "loading the system images"
    loading.join()
    progress.detail = "applying the system objects"
    system.apply(api, system.objects(images))
    held = owner.read()
    since = held.since if held else 0.0
    _await(progress, "the cluster", lambda: _not_running() or system.problem(api, since), READY_SECONDS)


def _not_running() -> str | None:
    down = [f"{entry.name} is {entry.state}" for entry in supervisor.states() if entry.state != "RUNNING"]
    return "; ".join(down) or None


def _await(progress: Step, what: str, problem: system.Problem, seconds: float) -> None:
    def shown() -> str | None:
        found = problem()
        if found is not None:
            progress.detail = found[:160]
        return found

    if (missing := system.wait(shown, seconds)) is not None:
        down = _not_running()
        raise UserError(
            f"Timed out after {seconds:.0f} s waiting for {what} to become ready.",
            seen="; ".join(text for text in (missing, down) if text),
            next_step=f"read `mlp cluster status` and `mlp cluster logs`; the files are in {layout.LOGS}",
        )


def _load_images() -> None:
    from artifacts.images import load

    def problem() -> str | None:
        return None if layout.CONTAINERD_SOCKET.exists() else f"{layout.CONTAINERD_SOCKET} does not exist"

    if (missing := system.wait(problem, CONTROL_PLANE_SECONDS)) is not None:
        raise UserError("containerd did not start.", seen=missing, next_step="run `mlp cluster logs containerd`")
    load(system.IMAGES)


def _stop_node() -> None:
    held = owner.read()
    owner.refuse_other_checkout()
    if held is not None and held.alive and supervisor.answers():
        with step("Stopping the cluster", estimate=15) as progress:
            # Stop the kubelet first, because it would restart containers.
            progress.detail = "stopping the kubelet"
            supervisor.stop("kubelet")
            progress.detail = "stopping the pods"
            _stop_pods(progress)
            progress.detail = "stopping the node's processes"
            supervisor.shutdown()
    if found := cleanup.leftovers():
        with step("Cleaning up after the cluster") as progress:
            progress.detail = "; ".join(found)[:160]
            cleanup.remove_leftovers()


def _stop_pods(progress: Step) -> None:
    """Send TERM to every container, as in a machine's shutdown, and wait until they have ended."""
    waiting = cgroups.container_inits()
    for pid in waiting:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PODS_STOP_SECONDS
    while time.monotonic() < deadline and (waiting := _living(waiting)):
        progress.detail = f"waiting for {len(waiting)} containers to end"
        time.sleep(0.1)


def _living(pids: Iterable[int]) -> set[int]:
    return {pid for pid in pids if cgroups.is_container_init(pid)}


def _digest(pause_image: str) -> str:
    """Return the digest of the files that the node's processes read at start.

    The reference of the pause image is left out: running pods keep their image, so a new one requires no restart.
    """
    digest = hashlib.sha256()
    for path in (*sorted(layout.CONFIG.rglob("*")), *sorted(layout.PKI.glob("*.crt"))):
        if path.is_file():
            content = path.read_bytes().replace(pause_image.encode(), b"")
            digest.update(f"{path.relative_to(paths.WORK)}\0".encode() + content)
    return digest.hexdigest()
