"""A stack on an emulated AWS account, run by the real engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from common import paths
from providers import BIN
from providers.aws_emulation.emulation import BIN as AWS_BIN
from providers.aws_emulation.emulation import Emulation
from tests.engine.stacks import Stack


class AwsStack(Stack):
    """A stack with the emulated `aws` plugin."""

    stop_seconds = 400.0

    def __init__(self, folder: Path, account: Emulation, name: str = "test", project: str = "engine") -> None:
        self.account = account
        path = os.pathsep.join([str(AWS_BIN), str(BIN)])
        super().__init__(folder, "", name=name, path=path, project=project, environment=account.environment)

    @classmethod
    def of(cls, folder: Path, account: Emulation, stack: str, changes: Mapping[str, Any] | None = None) -> AwsStack:
        """Return the platform's committed stack of that name.

        Args:
            folder: Folder of the state.
            account: Emulated account of the resources.
            stack: Name of a committed stack file.
            changes: Settings to change, by path (`aws.redis.node_type`).
        """
        found = cls(folder, account, stack, "mlplatform")
        found.configure(changes or {})
        return found

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Write the stack's settings with changes, by path."""
        content = yaml.safe_load((paths.ROOT / "stacks" / f"Pulumi.{self.auto.name}.yaml").read_text())
        for path, value in changes.items():
            *parts, last = path.split(".")
            section = content["config"]
            for number, part in enumerate(parts):
                section = section[part if number else f"mlplatform:{part}"]
            section[last if parts else f"mlplatform:{last}"] = value
        target = self.folder / f"Pulumi.{self.auto.name}.yaml"
        kept = (yaml.safe_load(target.read_text()) or {}) if target.is_file() else {}
        target.write_text(yaml.safe_dump({**kept, **content}, sort_keys=False))

    @staticmethod
    def program() -> None:
        """Declare the platform, as `mlp up` does."""
        from infra.program import program
        from infra.sdk_speed import paced

        paced(program)()


ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
REGION = "eu-central-1"
"""Accounts and region in the committed stack files."""
