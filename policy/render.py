"""Runs a stack's program against Pulumi's mocks and gives back every resource as the engine would get it.

No engine, no cluster and no account take part: what a provider would fill in is made up, from `outputs.yaml`.
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

OUTPUTS = Path(__file__).with_name("outputs.yaml")
ACCOUNT, REGION = "000000000000", "eu-central-1"
NAMING = ("bucket", "name", "identifier", "replicationGroupId", "clusterName", "nodeGroupName", "domainName")
"""Inputs that hold a resource's physical name; the first that is set counts."""

SECRET = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value by which the engine marks a secret (sdk/go/common/resource/properties.go)."""


@functools.cache
def computed() -> Mapping[str, Mapping[str, Data]]:
    """Return made-up attributes by resource type."""
    return yaml.safe_load(OUTPUTS.read_text(encoding="utf-8"))


def outputs(kind: str, name: str, inputs: Mapping[str, Data]) -> tuple[str, dict[str, Data]]:
    """Return the id and the attributes that a provider would give a resource."""
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
    """Return a made-up value, over what was given where both are mappings."""
    return {**given, **value} if isinstance(value, Mapping) and isinstance(given, Mapping) else value


def _filled(node: Data, known: Mapping[str, str]) -> Data:
    if isinstance(node, str):
        return node.format(**known)
    if isinstance(node, Mapping):
        return {key: _filled(value, known) for key, value in node.items()}
    return [_filled(value, known) for value in node] if isinstance(node, list) else node


def plain(value: Data, *, secret: bool = False) -> Data:
    """Return a value of the engine as plain data: secret strings as `SecretText`, what is not known as `UNKNOWN`."""
    if type(value).__name__ == "Unknown":  # pulumi.output's, which only a loaded SDK could compare with
        return UNKNOWN
    if isinstance(value, Mapping):
        if value.get(SECRET[0]) == SECRET[1]:
            return plain(value.get("value"), secret=True)
        return {key: plain(item, secret=secret) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, secret=secret) for item in value]
    return SecretText(value) if secret and isinstance(value, str) else value


def provider_inputs(inputs: Mapping[str, Data]) -> dict[str, Data]:
    """Return a provider's inputs; the engine hands structures to providers as JSON."""
    return {
        key: json.loads(value) if isinstance(value, str) and value[:1] in {"{", "["} else value
        for key, value in inputs.items()
    }


def config(stack: str, file: Path) -> dict[str, str]:
    """Return a stack's settings as the engine hands them to the program."""
    values = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    full = {(key if ":" in key else f"mlplatform:{key}"): value for key, value in values.items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in full.items()}


def render(name: str, program: Callable[[], object], settings: Mapping[str, str], *, made: bool = True) -> Stack:
    """Return the resources of a stack.

    Args:
        name: Name of the stack.
        program: Declares its resources.
        settings: Its configuration, as the engine would hand it over.
        made: Whether resources get ids and attributes, as in an update; else those are unknown, as in a first preview.

    Raises:
        UserError: A setting is wrong.
    """
    import pulumi
    from pulumi.runtime import mocks, rpc

    class Answers(mocks.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Data, Data]]:
            return outputs(args.typ, args.name, args.inputs) if made else ("", dict(args.inputs))

        def call(self, args: mocks.MockCallArgs) -> tuple[dict[Data, Data], list[tuple[str, str]] | None]:
            raise AssertionError(f"{args.token} asks the provider; a program that is rendered must not")

    class Monitor(mocks.MockMonitor):
        """Sees what the mocks are not told: options."""

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
    # Mocks have no stack resource, so `pulumi.export` would go nowhere.
    with mock.patch("pulumi.export"):
        mocks.test(program)()
    return Stack(name=name, profile=profile(name), resources=tuple(sorted(found, key=lambda item: item.urn)))


def render_stack(name: str, *, made: bool = True) -> Stack:
    """Return the resources of one of the repository's stacks, as in an update or, unless `made`, a first preview.

    Raises:
        UserError: There is no such stack, or a setting is wrong.
    """
    from infra.program import program
    from infra.settings import load_stack, stack_file

    file = stack_file(name)
    load_stack(file)
    return render(name, program, config(name, file), made=made)
