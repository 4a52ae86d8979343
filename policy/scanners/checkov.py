"""Runs checkov on the AWS resources of a stack, in a separate Python environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from policy import environments
from policy.model import Data
from policy.scanners.skips import Failed

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ESTIMATE_SECONDS = 30.0
OFFLINE = {"LOG_LEVEL": "ERROR", "CHECKOV_OPENAI_API_KEY": "", "BC_API_KEY": ""}


@dataclass(frozen=True)
class Scan:
    """Result of checkov for a plan.

    Attributes:
        passed: Number of passed checks.
        failed: Failed checks.
        resources: Number of resources that checkov read.
    """

    passed: int
    failed: list[Failed]
    resources: int


def scan(plan: Data, folder: Path) -> Scan:
    """Scan a Terraform plan.

    Args:
        plan: The plan, as `terraform show -json` prints it.
        folder: Folder for the plan's file.

    Raises:
        UserError: checkov could not be installed.
        RuntimeError: checkov failed, or could not read the plan.
    """
    python = environments.ensure("checkov", REQUIREMENTS, estimate=ESTIMATE_SECONDS)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    options = ["--framework", "terraform_plan", "--output", "json", "--quiet", "--compact", "--skip-download"]
    done = subprocess.run(
        [str(python), "-m", "checkov.main", "--file", str(path), *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | OFFLINE,
        cwd=folder,
    )
    if done.returncode not in {0, 1} or not done.stdout.startswith(("{", "[")):
        raise RuntimeError(f"checkov ended with {done.returncode}: {(done.stderr or done.stdout)[-1000:]}")
    return parsed(json.loads(done.stdout))


def parsed(answer: Data) -> Scan:
    """Return the result in checkov's output.

    Raises:
        RuntimeError: checkov could not read the plan.
    """
    summary = answer.get("summary", answer)
    if summary.get("parsing_errors") or not summary.get("resource_count"):
        raise RuntimeError(f"checkov could not read the plan: {summary}")
    failed = [
        Failed(item["check_id"], item["check_name"], item["resource"])
        for item in answer.get("results", {}).get("failed_checks", [])
    ]
    return Scan(summary["passed"], failed, summary["resource_count"])
