"""Test that secrets are encrypted in the state and absent from all output."""

from __future__ import annotations

import base64

import pulumi
import pulumi_kubernetes as k8s

from tests.engine.control_plane import ControlPlane
from tests.engine.stacks import Program, Stack

WORD = "pl4inly-visible"
CODED = base64.b64encode(WORD.encode()).decode()


def secret(stack: Stack, namespace: str, word: str, *, immutable: bool = False) -> Program:
    def run() -> None:
        provider = stack.provider()
        made = k8s.core.v1.Secret(
            "secret",
            metadata={"name": "secret", "namespace": namespace},
            string_data={"password": word},
            immutable=immutable or None,
            opts=pulumi.ResourceOptions(provider=provider),
        )
        k8s.core.v1.ConfigMap(
            "copy",
            metadata={"name": "copy", "namespace": namespace},
            data={"url": pulumi.Output.concat("postgres://u:", pulumi.Output.secret(word), "@db")},
            opts=pulumi.ResourceOptions(provider=provider),
        )
        pulumi.export("data", made.data)

    return run


def test_nothing_in_plaintext(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    made = stack.up(secret(stack, namespace, WORD))
    live = plane.get(f"/api/v1/namespaces/{namespace}/secrets/secret")
    assert live and live["data"] == {"password": CODED}
    shown = stack.preview(secret(stack, namespace, WORD + "2"), diff=True)
    changed = stack.up(secret(stack, namespace, WORD + "2"), diff=True)
    stack.refresh()
    for text in (made.text, shown.text, changed.text, stack.text(), stack.raw_state()):
        assert WORD not in text
        assert CODED not in text
    assert changed.operations() == {"secret": "update", "copy": "update"}


def test_data_alone_is_secret_too(stack: Stack, namespace: str) -> None:
    """The SDK marks a typed Secret as secret; the plugin marks one that is written as a plain object."""

    stack.up(lambda: _RawSecret(namespace, stack.provider()))
    assert WORD not in stack.raw_state()
    assert CODED not in stack.raw_state()


class _RawSecret(pulumi.CustomResource):
    def __init__(self, namespace: str, provider: pulumi.ProviderResource) -> None:
        props = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "raw", "namespace": namespace},
            "data": {"password": CODED},
        }
        super().__init__("kubernetes:core/v1:Secret", "raw", props, pulumi.ResourceOptions(provider=provider))


def test_immutable_secret_is_replaced(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(secret(stack, namespace, WORD, immutable=True))
    replaced = stack.up(secret(stack, namespace, WORD + "2", immutable=True))
    assert replaced.operations()["secret"] != "update"
    live = plane.get(f"/api/v1/namespaces/{namespace}/secrets/secret") or {}
    assert base64.b64decode(live["data"]["password"]).decode() == WORD + "2"


def test_a_removed_key_leaves_the_secret(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    def keys(**data: str) -> Program:
        def run() -> None:
            k8s.core.v1.Secret(
                "secret",
                metadata={"name": "secret", "namespace": namespace},
                string_data=data,
                opts=pulumi.ResourceOptions(provider=stack.provider()),
            )

        return run

    stack.up(keys(a="11111", b="22222"))
    stack.up(keys(a="11111"))
    assert (plane.get(f"/api/v1/namespaces/{namespace}/secrets/secret") or {})["data"].keys() == {"a"}


def test_drift_of_a_secret_stays_secret(stack: Stack, plane: ControlPlane, namespace: str) -> None:
    stack.up(secret(stack, namespace, WORD))
    other = base64.b64encode(b"intruder-value").decode()
    plane.merge(f"/api/v1/namespaces/{namespace}/secrets/secret", {"data": {"password": other}})
    stack.refresh()
    assert other not in stack.raw_state()
    assert other not in stack.text()
    stack.up(secret(stack, namespace, WORD))
    assert (plane.get(f"/api/v1/namespaces/{namespace}/secrets/secret") or {})["data"] == {"password": CODED}
