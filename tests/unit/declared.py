"""Runs Pulumi declarations against mocks and returns what was declared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from components.kubernetes.kube import Resources
from components.substrates.contract import ImageCatalog
from policy import render

SMALL = Resources(cpu="10m", memory="16Mi", cpu_limit="1", memory_limit="256Mi")
IMAGES = ImageCatalog(
    {
        name: f"mlplatform.local/{name}:0123456789ab"
        for name in (
            *("postgres", "redis", "s3", "mlflow", "feast", "serving", "job", "storage-initializer"),
            *(
                "kserve-controller",
                "envoy-gateway",
                "envoy",
                "mariadb",
                "ml-metadata",
                "workflow-controller",
                "argoexec",
            ),
            *("pipelines-api", "pipelines-persistence-agent", "pipelines-scheduled-workflow"),
            *("pipelines-driver", "pipelines-launcher"),
        )
    }
)


@dataclass
class Declared(pulumi.runtime.Mocks):
    """Mock engine that records every resource: `(type, name)` to its inputs as the engine would get them.

    Attributes:
        preview: Leave random values unknown, as a first preview does.
        resources: Inputs of the declared resources.
        outputs: Exports of the stack.
    """

    preview: bool = False
    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        key = (args.typ, args.name)
        assert key not in self.resources, f"declared twice: {key}"
        self.resources[key] = args.inputs
        outputs = dict(args.inputs)
        if args.typ == "random:index/randomPassword:RandomPassword" and not self.preview:
            outputs["result"] = f"password-of-{args.name}"
        if args.typ == "random:index/randomId:RandomId" and not self.preview:
            outputs["hex"] = "0f1e2d3c"
        if args.typ.startswith("aws:") and not self.preview:
            return render.outputs(args.typ, args.name, args.inputs)
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"a preview must not call {args.token}")

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return inputs by resource name of one kind, for example `Secret`."""
        return {name: inputs for (typ, name), inputs in self.resources.items() if typ.rsplit(":", 1)[-1] == kind}

    def pods(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield name and pod spec of every Deployment, StatefulSet, Job and CronJob."""
        for (typ, name), inputs in self.resources.items():
            kind = typ.rsplit(":", 1)[-1]
            if kind in {"Deployment", "StatefulSet", "Job"}:
                yield f"{kind}/{name}", inputs["spec"]["template"]["spec"]
            elif kind == "CronJob":
                yield f"{kind}/{name}", inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def is_secret(value: object) -> bool:
    """Return whether the engine would treat the value as a secret."""
    return isinstance(value, Mapping) and value.get(_special_sig_key) == _special_secret_sig


def unwrap(value: Any) -> Any:
    """Return a value without secret marks."""
    if is_secret(value):
        return unwrap(value["value"])
    if isinstance(value, Mapping):
        return {key: unwrap(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap(item) for item in value]
    return value


def declare(
    work: Callable[[], object], *, preview: bool = False, stack: str = "local", config: Mapping[str, str] | None = None
) -> Declared:
    """Run declarations to completion and return what was declared."""
    declared = Declared(preview=preview)
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi_mocks.set_mocks(declared, project="mlplatform", stack=stack, preview=preview)
    pulumi.runtime.set_all_config(dict(config or {}))

    exported: dict[str, pulumi.Input[Any]] = {}

    @pulumi.runtime.test
    def run() -> pulumi.Output[None]:
        work()
        return pulumi.Output.all(**exported).apply(declared.outputs.update)

    # Mocks have no stack resource, so exports would be lost.
    with mock.patch("pulumi.export", exported.__setitem__):
        run()
    return declared
