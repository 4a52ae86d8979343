"""Runs a stack's program against Pulumi's mocks and returns every resource as the engine would receive it.

Needs no engine, no cluster and no account: the outputs of providers come from `outputs.yaml`.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import yaml
from typing_extensions import override

from policy.model import UNKNOWN, Data, Resource, SecretText, Stack
from policy.profiles import profile
from policy.reading import provider_inputs

OUTPUTS = Path(__file__).with_name("outputs.yaml")
ACCOUNT, REGION = "000000000000", "eu-central-1"
NAMING = ("bucket", "name", "identifier", "replicationGroupId", "clusterName", "nodeGroupName", "domainName")
"""Inputs with a resource's physical name; the first one that is set counts."""

SECRET = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value with which the engine marks a secret (sdk/go/common/resource/properties.go)."""


@functools.cache
def computed() -> Mapping[str, Mapping[str, Data]]:
    """Return the attributes in `outputs.yaml`, by resource type."""
    return yaml.safe_load(OUTPUTS.read_text(encoding="utf-8"))


def outputs(kind: str, name: str, inputs: Mapping[str, Data]) -> tuple[str, dict[str, Data]]:
    """Return an id and attributes as a provider would return them for a resource."""
    physical = next((inputs[key] for key in NAMING if isinstance(inputs.get(key), str)), name)
    last = kind.rsplit(":", 1)[-1]
    own = computed().get(kind, {})
    known = {"name": physical, "account": ACCOUNT, "region": REGION, "id": f"{last.lower()}-{name}"}
    if isinstance(own.get("id"), str):
        known["id"] = own["id"].format(**known)
    made = _filled(own, known)
    if kind.startswith("aws:"):
        service = kind.partition(":")[2].partition("/")[0]
        made = {"arn": f"arn:aws:{service}:{REGION}:{ACCOUNT}:{last.lower()}/{physical}", **made}
    merged = {**inputs, **{key: _over(value, inputs.get(key)) for key, value in made.items() if key != "id"}}
    return known["id"], merged


def _over(value: Data, given: Data) -> Data:
    """Return an attribute; merge it over the input when both are mappings."""
    return {**given, **value} if isinstance(value, Mapping) and isinstance(given, Mapping) else value


def _filled(node: Data, known: Mapping[str, str]) -> Data:
    if isinstance(node, str):
        return node.format(**known)
    if isinstance(node, Mapping):
        return {key: _filled(value, known) for key, value in node.items()}
    return [_filled(value, known) for value in node] if isinstance(node, list) else node


def plain(value: Data, *, secret: bool = False) -> Data:
    """Return a value of the engine as plain data: secret strings as `SecretText`, unknown values as `UNKNOWN`."""
    if type(value).__name__ == "Unknown":  # pulumi.output.Unknown; compared by name so that the SDK is not imported
        return UNKNOWN
    if isinstance(value, Mapping):
        if value.get(SECRET[0]) == SECRET[1]:
            return plain(value.get("value"), secret=True)
        return {key: plain(item, secret=secret) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, secret=secret) for item in value]
    return SecretText(value) if secret and isinstance(value, str) else value


def config(stack: str, file: Path) -> dict[str, str]:
    """Return a stack's settings as the engine passes them to the program."""
    values = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    full = {(key if ":" in key else f"mlplatform:{key}"): value for key, value in values.items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in full.items()}


def render(name: str, program: Callable[[], object], settings: Mapping[str, str], *, made: bool = True) -> Stack:
    """Return the resources of a stack.

    Args:
        name: Name of the stack.
        program: Declares the resources.
        settings: Configuration, as the engine would pass it.
        made: Whether resources have ids and attributes, as in an update; otherwise unknown, as in a first preview.

    Raises:
        UserError: A setting is wrong.
    """
    import pulumi
    from pulumi.runtime import mocks, rpc

    class Answers(mocks.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Data, Data]]:
            return outputs(args.typ, args.name, args.inputs) if made else ("", dict(args.inputs))

        def call(self, args: mocks.MockCallArgs) -> tuple[dict[Data, Data], list[tuple[str, str]] | None]:
            raise AssertionError(f"{args.token} calls the provider; a rendered program must not")

    class Monitor(mocks.MockMonitor):
        """Records the resource options, which mocks do not receive."""

        @override
        def RegisterResource(self, request: Data) -> Data:
            answer = super().RegisterResource(request)
            inputs = plain(rpc.deserialize_properties(request.object))
            if request.type.startswith("pulumi:providers:"):
                providers[answer.urn] = provider_inputs(inputs)
            elif request.custom:
                provider = providers.get(request.provider.rpartition("::")[0], {})
                found.append(
                    Resource(
                        type=request.type,
                        name=request.name,
                        urn=answer.urn,
                        inputs=inputs,
                        id=answer.id,
                        protect=request.protect,
                        provider=provider,
                    )
                )
            return answer

    found: list[Resource] = []
    providers: dict[str, Mapping[str, Data]] = {}
    answers = Answers()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(answers, project="mlplatform", stack=name, preview=not made, monitor=Monitor(answers))
    pulumi.runtime.set_all_config(dict(settings))
    # Mocks have no stack resource, which `pulumi.export` needs.
    with mock.patch("pulumi.export"):
        mocks.test(program)()
    return Stack(name=name, profile=profile(name), resources=tuple(sorted(found, key=lambda item: item.urn)))


def render_stack(name: str, *, made: bool = True) -> Stack:
    """Return the resources of a stack of this repository, as in an update or, unless `made`, in a first preview.

    Raises:
        UserError: The stack does not exist, or a setting is wrong.
    """
    from infra.program import program
    from infra.settings import load_stack, stack_file

    file = stack_file(name)
    load_stack(file)
    return render(name, program, config(name, file), made=made)
