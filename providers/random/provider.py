"""Implements the provider protocol of Pulumi for random values, which stay the same until an input changes."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from providers.protocol.errors import PluginError
from providers.protocol.secrets import merge
from providers.protocol.server import Servicer, guarded
from providers.protocol.values import UNKNOWN, Json, Secrets, decode, encode
from providers.random.generate import MAKERS

KINDS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "kinds.yaml").read_text())
IMPORTED = {"password": "result", "uuid": "result", "integer": "result", "identifier": "b64Url"}
"""Output that is set to the ID of an imported resource."""


class RandomProvider(Servicer):
    """Serves `random:index/...` resources."""

    name = "random"

    def __init__(self) -> None:
        try:
            self.version = version("pulumi-random")
        except PackageNotFoundError:
            self.version = "4.21.4"

    @override
    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Never replace the provider."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    @override
    def Configure(self, request: pb.ConfigureRequest, context: grpc.ServicerContext) -> pb.ConfigureResponse:
        """Return the plugin's capabilities."""
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    @guarded
    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Report unknown and missing inputs."""
        kind = _kind(request.urn)
        news = decode(request.news)
        allowed = {*kind["inputs"], "keepers", "number"}
        failures = [
            pb.CheckFailure(property=key, reason=f"unknown input; allowed: {', '.join(sorted(allowed))}")
            for key in news.value
            if key not in allowed and not key.startswith("__")
        ]
        failures += [
            pb.CheckFailure(property=key, reason="is required") for key in kind["required"] if key not in news.value
        ]
        return pb.CheckResponse(inputs=encode(news.value, news.secrets), failures=failures)

    @override
    @guarded
    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Replace the resource only when an effective input or a keeper changed."""
        kind = _kind(request.urn)
        olds, news = decode(request.old_inputs or request.olds), decode(request.news)
        before, after = _settings(kind, olds.value), _settings(kind, news.value)
        changed = [key for key in after if before.get(key) != after[key]]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            replaces=changed,
            diffs=changed,
        )

    @override
    @guarded
    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Generate the values; in a preview, return unknown outputs."""
        kind, news = _kind(request.urn), decode(request.properties)
        marks: Secrets = merge(news.secrets, dict.fromkeys(kind["secret"], True))
        if request.preview or news.unknown:
            outputs: dict[str, Json] = {**news.value, **dict.fromkeys(kind["outputs"], UNKNOWN)}
            return pb.CreateResponse(properties=encode(outputs, marks))
        try:
            identity, made = MAKERS[kind["make"]](_settings(kind, news.value))
        except ValueError as error:
            raise PluginError(str(error)) from None
        kept = {key: value for key, value in _settings(kind, news.value).items() if value is not None}
        return pb.CreateResponse(id=identity, properties=encode({**kept, **made}, marks))

    @override
    @guarded
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Return the state unchanged, because random values cannot drift; for an import, use the ID as the value."""
        kind, state = _kind(request.urn), decode(request.properties)
        marks: Secrets = merge(state.secrets, dict.fromkeys(kind["secret"], True))
        if state.value:
            return pb.ReadResponse(id=request.id, properties=encode(state.value, marks), inputs=request.inputs)
        output = IMPORTED.get(kind["make"])
        if output is None:
            raise PluginError(f"{request.type or request.urn} does not support import")
        identity = "none" if kind["make"] == "password" else request.id
        length: dict[str, Json] = {"length": len(request.id)} if kind["make"] == "password" else {}
        return pb.ReadResponse(
            id=identity, properties=encode({**length, output: request.id}, marks), inputs=encode(length)
        )

    @override
    @guarded
    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Keep the values: the changed inputs do not affect them."""
        olds, news = decode(request.olds), decode(request.news)
        marks: Secrets = merge(merge(olds.secrets, news.secrets), dict.fromkeys(_kind(request.urn)["secret"], True))
        return pb.UpdateResponse(properties=encode({**olds.value, **news.value}, marks))

    @override
    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Do nothing: the value only exists in the state."""
        return empty_pb2.Empty()


def _kind(urn: str) -> dict[str, Any]:
    token = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
    try:
        return KINDS[token]
    except KeyError:
        raise PluginError(
            f"The offline random plugin does not support {token}; allowed: {', '.join(k.split(':')[-1] for k in KINDS)}"
        ) from None


def _settings(kind: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the effective inputs: with defaults, and with `number`, the old name, as `numeric`."""
    settings = {key: inputs.get(key, default) for key, default in kind["inputs"].items()}
    if "numeric" in settings and "numeric" not in inputs and "number" in inputs:
        settings["numeric"] = inputs["number"]
    return {**settings, "keepers": inputs.get("keepers")}
