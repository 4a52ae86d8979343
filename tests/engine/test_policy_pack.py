"""The policy pack with the real engine: it accepts a correct stack, stops a wrong one, and names the rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation as auto

from artifacts import manifests
from common import paths
from policy import environments
from providers.aws_emulation.emulation import emulation
from tests.engine.aws import ACCOUNTS, REGION, AwsStack
from tests.engine.stacks import Stack

PACK = paths.ROOT / "policy" / "pack"


@pytest.fixture(autouse=True)
def environment() -> None:
    """Create the Python environment that PulumiPolicy.yaml names."""
    environments.ensure_policy_pack()


def server(image: str, *, level: str = "restricted") -> None:
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


def preview(stack: Stack, program: Callable[[], object]) -> tuple[bool, str]:
    try:
        outcome = stack.preview(program, policy_packs=[str(PACK)])
    except auto.CommandError as error:
        return False, f"{stack.text()}\n{error}"
    return True, outcome.text


def test_what_is_right_passes_and_what_is_not_stops_the_preview(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack", "", name="dev")
    passed, text = preview(stack, lambda: server("registry.example.com/server:0123456789ab"))
    assert passed, text
    assert "mlplatform" in text

    passed, text = preview(stack, lambda: server("registry.example.com/server:latest", level="privileged"))
    assert not passed, text
    for part in ("images-pinned", "server:latest", "namespaces-restricted", "enforces privileged"):
        assert part in text


def test_prods_first_preview_passes_though_most_is_not_known_yet(tmp_path: Path) -> None:
    """Uses the engine's own data: unknown outputs, tags in the provider, `protect` in the options."""
    manifests.ensure()
    with emulation(tmp_path / "account", ACCOUNTS["prod"], REGION) as account:
        stack = AwsStack.of(tmp_path / "stack", account, "prod")
        passed, text = preview(stack, AwsStack.program)
        assert passed, text

        passed, text = preview(stack, spoiled)
    assert not passed, text
    for part in ("databases-private", "rds-encrypted", "data-protected", "ingress-not-from-everywhere"):
        assert part in text, part


def spoiled() -> None:
    """Stack prod with an additional database that breaks many rules."""
    AwsStack.program()
    provider = pulumi.ResourceOptions(provider=aws.Provider("beside", region=REGION))
    group = aws.ec2.SecurityGroup("beside", vpc_id="vpc-1", opts=provider)
    aws.vpc.SecurityGroupIngressRule(
        "beside", security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0", opts=provider
    )
    aws.rds.Instance(
        "beside",
        identifier="beside",
        engine="postgres",
        instance_class="db.t4g.micro",
        allocated_storage=20,
        publicly_accessible=True,
        vpc_security_group_ids=[group.id],
        opts=provider,
    )
