"""Runs an emulated account on loopback: a moto process, and the folder for calls that moto does not support."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from providers.aws_emulation.account import ENDPOINT, STORE

BIN = Path(__file__).parent / "bin"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Emulation:
    """An emulated account.

    Attributes:
        endpoint: URL of the API.
        account: Account ID.
        region: Region that clients use.
        folder: Folder for the calls that moto does not support.
    """

    endpoint: str
    account: str
    region: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which all AWS clients of a process use the emulation only."""
        return {
            ENDPOINT: self.endpoint,
            STORE: str(self.folder),
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": "emulated",  # not a secret: moto accepts any key
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client, to inspect the account or to change it without Pulumi."""
        return _client(service, self.endpoint, self.region)


@cache
def _client(service: str, endpoint: str, region: str) -> Any:
    import boto3

    return boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",  # not a secret: moto accepts any key
    )


@contextlib.contextmanager
def emulation(folder: Path, account: str, region: str) -> Iterator[Emulation]:
    """Run an emulated account, empty at first, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "MOTO_ACCOUNT_ID": account,
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "HOME": str(folder),
    }
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "providers.aws_emulation.server", str(port)]
    root = Path(__file__).resolve().parents[2]
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=root)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _await(endpoint, process, folder / "moto.log")
            yield Emulation(endpoint, account, region, folder / "kept")
        finally:
            process.terminate()
            process.wait(10)


def _await(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"moto ended during its start: {log.read_text()[-2000:]}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{endpoint}/moto-api/", trust_env=False, timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"Timed out after {START_SECONDS:.0f} s waiting for moto: {log.read_text()[-2000:]}")
