"""The policy pack under the real engine: it lets what is right through, stops what is not, and names the rule."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation as auto

from local.plugins import BIN
from mlp import paths
from policy import environments
from tests.engine.stacks import Stack

PACK = paths.ROOT / "policy" / "pack"


@pytest.fixture
def pack_stack(tmp_path: Path) -> Stack:
    """A stack beside whose plugins stands, in place of a real CLI's language host, what runs a policy pack.

    The engine adds the options of PulumiPolicy.yaml to the arguments; they are the language host's to understand.
    """
    python = environments.ensure("policy-pack", PACK / "requirements.txt", estimate=30)
    runner = tmp_path / "bin" / "pulumi-analyzer-policy-python"
    runner.parent.mkdir()
    runner.write_text(f'#!/bin/sh\nexec {python} -u -m pulumi.policy "$1" "$2"\n')
    runner.chmod(0o755)
    return Stack(tmp_path / "stack", "", name="dev", path=f"{BIN}:{runner.parent}")


def program(image: str, *, level: str = "restricted") -> None:
    provider = k8s.Provider("cluster", kubeconfig="/nonexistent")
    options = pulumi.ResourceOptions(provider=provider)
    labels = {"pod-security.kubernetes.io/enforce": level}
    k8s.core.v1.Namespace("models", metadata={"name": "models", "labels": labels}, opts=options)
    k8s.core.v1.Pod(
        "server",
        metadata={"name": "server", "namespace": "models"},
        spec={
            "service_account_name": "server",
            "automount_service_account_token": False,
            "security_context": {"run_as_non_root": True, "seccomp_profile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "server",
                    "image": image,
                    "resources": {
                        "requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"cpu": "1", "memory": "1Gi"},
                    },
                    "security_context": {
                        "allow_privilege_escalation": False,
                        "read_only_root_filesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
        opts=options,
    )


def preview(stack: Stack, image: str, level: str = "restricted") -> tuple[bool, str]:
    try:
        outcome = stack.preview(lambda: program(image, level=level), policy_packs=[str(PACK)])
    except auto.CommandError as error:
        return False, f"{stack.text()}\n{error}"
    return True, outcome.text


def test_what_is_right_passes_and_what_is_not_stops_the_preview(pack_stack: Stack) -> None:
    passed, text = preview(pack_stack, "registry.example.com/server:0123456789ab")
    assert passed, text
    assert "mlplatform" in text

    passed, text = preview(pack_stack, "registry.example.com/server:latest", level="privileged")
    assert not passed, text
    for part in ("images-pinned", "server:latest", "namespaces-restricted", "enforces privileged"):
        assert part in text
