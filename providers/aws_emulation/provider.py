"""Implements the provider protocol of Pulumi for the emulated `aws` provider."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from providers.aws_emulation import lifecycle, requests
from providers.aws_emulation.account import Account
from providers.aws_emulation.kinds import Kind, kind
from providers.protocol.errors import PluginError
from providers.protocol.secrets import merge
from providers.protocol.server import Servicer, guarded
from providers.protocol.values import UNKNOWN, Secrets, decode, encode

SETTINGS = ("region", "defaultTags", "allowedAccountIds", "forbiddenAccountIds")
NOTHING = empty_pb2.Empty()


class AwsProvider(Servicer):
    """Serves the resource types in `kinds/` from an emulated account."""

    name = "aws"

    def __init__(self) -> None:
        self.version = version("pulumi-aws")
        self._account: Account | None = None
        self._region = ""
        self._default_tags: dict[str, str] = {}
        self._allowed: list[str] = []

    @override
    @guarded
    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Replace all resources when the region changed."""
        olds = decode(request.old_inputs if request.HasField("old_inputs") else request.olds).value
        news = decode(request.news).value
        changed = [name for name in SETTINGS if olds.get(name) != news.get(name)]
        some = pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE
        return pb.DiffResponse(changes=some, diffs=changed, replaces=[name for name in changed if name == "region"])

    @override
    @guarded
    def Configure(self, request: pb.ConfigureRequest, context: grpc.ServicerContext) -> pb.ConfigureResponse:
        """Read region, default tags and allowed account IDs; `account` refuses credentials of another account."""
        settings: dict[str, Any] = requests.parsed(decode(request.args).value)
        self._region = str(settings.get("region") or "")
        if not self._region:
            raise PluginError("aws:region is not set")
        self._default_tags = dict((settings.get("defaultTags") or {}).get("tags") or {})
        self._allowed = [str(number) for number in settings.get("allowedAccountIds") or []]
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    @override
    @guarded
    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        """Refuse all functions: the program must not query an account in a preview."""
        raise PluginError(f"The emulation does not support the function {request.tok}.")

    @override
    @guarded
    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Add generated names and default tags, and check the parameters of the calls against the service model."""
        found, news, olds = _kind(request.urn), decode(request.news), decode(request.olds)
        inputs: dict[str, Any] = dict(news.value)
        if found.autoname and found.autoname not in inputs:
            name = request.urn.rsplit("::", 1)[-1]
            seed = hashlib.sha256(request.randomSeed or request.urn.encode()).hexdigest()[:7]
            inputs[found.autoname] = olds.value.get(found.autoname) or f"{name}-{seed}"
        if found.tags:
            inputs["tagsAll"] = {**self._default_tags, **(inputs.get("tags") or {})}
            if not inputs["tagsAll"]:
                del inputs["tagsAll"]
        failures = [
            pb.CheckFailure(property=name, reason=reason)
            for name, reason in requests.failures(found, inputs, self._region)
        ]
        return pb.CheckResponse(inputs=encode(inputs, news.secrets), failures=failures)

    @override
    @guarded
    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Compare the inputs; replace the resource when an input in `Kind.replace` changed."""
        found = _kind(request.urn)
        olds = decode(request.old_inputs if request.HasField("old_inputs") else request.olds).value
        news = decode(request.news).value
        changed = sorted(name for name in {*olds, *news} if olds.get(name) != news.get(name))
        replaces = [name for name in changed if name in found.replace]
        response = pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and found.autoname not in changed and found.autoname is not None,
        )
        for name in changed:
            entry = response.detailedDiff[name]
            entry.kind = pb.PropertyDiff.UPDATE_REPLACE if name in replaces else pb.PropertyDiff.UPDATE
            entry.inputDiff = True
        return response

    @override
    @guarded
    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Create the resource; in a preview, return unknown outputs."""
        found, news = _kind(request.urn), decode(request.properties)
        marks = _marks(found, news.secrets)
        if request.preview:
            outputs = {**news.value, **dict.fromkeys((*found.outputs, "arn"), UNKNOWN)}
            return pb.CreateResponse(properties=encode(outputs, marks))
        identity, outputs = lifecycle.create(self.account, found, news.value)
        return pb.CreateResponse(id=identity, properties=encode(outputs, marks))

    @override
    @guarded
    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Make the calls for the inputs that changed."""
        found, state, news = _kind(request.urn), decode(request.olds), decode(request.news)
        marks = _marks(found, news.secrets)
        if request.preview:
            return pb.UpdateResponse(properties=encode({**state.value, **news.value}, marks))
        olds = decode(request.old_inputs).value if request.HasField("old_inputs") else state.value
        outputs = lifecycle.update(self.account, found, request.id, state.value, olds, news.value)
        return pb.UpdateResponse(properties=encode(outputs, marks))

    @override
    @guarded
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Return the current outputs and inputs of the resource; empty when it no longer exists."""
        found, state, inputs = _kind(request.urn), decode(request.properties), decode(request.inputs)
        known = state.value or inputs.value
        live = lifecycle.read(self.account, found, request.id, known, inputs.value or known)
        if live is None:
            return pb.ReadResponse()
        marks = _marks(found, merge(state.secrets, inputs.secrets))
        if live.inputs == inputs.value and live.outputs == state.value:
            return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
        return pb.ReadResponse(
            id=request.id, properties=encode(live.outputs, marks), inputs=encode(live.inputs, inputs.secrets)
        )

    @override
    @guarded
    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete the resource; succeed when it does not exist."""
        lifecycle.delete(self.account, _kind(request.urn), request.id, decode(request.properties).value)
        return NOTHING

    @property
    def account(self) -> Account:
        """The emulated account; its ID is checked on first use."""
        if self._account is None:
            account = Account(self._region)
            if self._allowed and account.id not in self._allowed:
                raise PluginError(f"AWS account ID not allowed: {account.id}; allowed: {', '.join(self._allowed)}")
            self._account = account
        return self._account


def _kind(urn: str) -> Kind:
    return kind(urn.split("::")[2].rsplit("$", maxsplit=1)[-1])


def _marks(found: Kind, secrets: Secrets) -> Secrets:
    return merge(secrets, dict.fromkeys(found.secret, True))
