"""An emulated account, a real API server and scheduler as its EKS cluster, and stand-ins for everything in it."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from providers.aws_emulation.account import CLUSTER_FILE
from providers.aws_emulation.emulation import Emulation, emulation
from tests.engine.aws_controllers import Balancers, NodeGroups, Volumes
from tests.engine.aws_inventory import SNAPSHOTS, inventory
from tests.engine.aws_kubelet import Kubelets
from tests.engine.aws_webhooks import Webhooks
from tests.engine.control_plane import ControlPlane, control_plane

SERVICES = "127.64.0.0/16"
"""Range of Services on loopback, so that a stand-in can answer for a Service."""

PERIOD_SECONDS = 0.7


@dataclass
class World:
    """Everything that a stack on AWS interacts with.

    Attributes:
        account: The emulated account.
        plane: The API server of the account's cluster.
        troubles: Errors of stand-ins, newest last.
    """

    account: Emulation
    plane: ControlPlane
    kubelets: Kubelets
    nodes: NodeGroups
    troubles: list[str] = field(default_factory=list)

    def wait(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait until a condition is true; fail with the missing condition otherwise."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"timed out after {seconds:.0f} s: {what}; {self.troubles[-2:]}"
            time.sleep(0.2)

    def settle(self) -> None:
        """Wait until deletions have finished."""
        with contextlib.suppress(AssertionError):
            self.wait(lambda: inventory(self.account).keys() <= {*SNAPSHOTS}, "an empty account", 20)

    def pods(self) -> list[dict[str, Any]]:
        return (self.plane.get("/api/v1/pods") or {})["items"]


@contextlib.contextmanager
def world(folder: Path, account: str, region: str) -> Iterator[World]:
    """Run the account, the control plane and the stand-ins until the block ends."""
    with contextlib.ExitStack() as running:
        emulated = running.enter_context(emulation(folder / "account", account, region))
        (folder / "plane").mkdir(parents=True, exist_ok=True)
        plane = running.enter_context(control_plane(folder / "plane", service_range=SERVICES, scheduler=True))
        _introduce(emulated, plane)
        found = World(emulated, plane, Kubelets(plane), NodeGroups(plane, emulated))
        volumes, balancers, webhooks = Volumes(plane, emulated), Balancers(plane, emulated), Webhooks(plane)
        running.callback(webhooks.close)

        def turn() -> None:
            pods = found.pods()
            for work in (
                lambda: found.nodes.step(pods),
                lambda: found.kubelets.step(pods),
                lambda: found.nodes.plug_gpus(pods),
                volumes.step,
                lambda: balancers.step(pods),
                lambda: webhooks.step(pods),
            ):
                _attempt(work, found.troubles)

        over = threading.Event()

        def run() -> None:
            while not over.wait(PERIOD_SECONDS):
                _attempt(turn, found.troubles)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield found
        over.set()
        thread.join()


def _attempt(work: Callable[[], object], troubles: list[str]) -> None:
    try:
        work()
    except Exception:  # a conflict or a deleted object; retried in the next step
        troubles.append(traceback.format_exc(limit=-3))


def _introduce(account: Emulation, plane: ControlPlane) -> None:
    """Give the plugin the cluster's address, and the stand-in of `aws eks get-token` its credentials."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    authority = Path(config["clusters"][0]["cluster"]["certificate-authority"]).read_bytes()
    user = config["users"][0]["user"]
    status = {
        "clientCertificateData": Path(user["client-certificate"]).read_text(),
        "clientKeyData": Path(user["client-key"]).read_text(),
    }
    account.folder.mkdir(parents=True, exist_ok=True)
    surroundings = {
        "endpoint": plane.url,
        "certificateAuthority": {"data": base64.b64encode(authority).decode()},
    }
    (account.folder / CLUSTER_FILE).write_text(json.dumps(surroundings))
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    path = account.folder / "credential.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(credential))
