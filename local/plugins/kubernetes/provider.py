"""The protocol of the kubernetes provider."""

from __future__ import annotations

import threading
from importlib.metadata import PackageNotFoundError, version

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from typing_extensions import override

from local.plugins.kubernetes import check, lifecycle, names, preview, reading
from local.plugins.kubernetes.cluster import Cluster
from local.plugins.kubernetes.outputs import secret_kind
from local.plugins.kubernetes.paths import dig, render
from local.plugins.kubernetes.settings import Settings, config_changes, read
from local.plugins.protocol.engine import Engine
from local.plugins.protocol.errors import InitFailed, PluginError
from local.plugins.protocol.secrets import merge
from local.plugins.protocol.server import Servicer, guarded
from local.plugins.protocol.values import decode, encode

KINDS = {
    "add": (pb.PropertyDiff.ADD, pb.PropertyDiff.ADD_REPLACE),
    "delete": (pb.PropertyDiff.DELETE, pb.PropertyDiff.DELETE_REPLACE),
    "update": (pb.PropertyDiff.UPDATE, pb.PropertyDiff.UPDATE_REPLACE),
}


class KubernetesProvider(Servicer):
    """Serves `kubernetes:GROUP/VERSION:KIND` for every kind that the cluster has."""

    def __init__(self, engine: Engine) -> None:
        try:
            self.version = version("pulumi-kubernetes")
        except PackageNotFoundError:
            self.version = "4.34.2"
        self._engine = engine
        self._cancelled = threading.Event()
        self._cluster = Cluster(Settings())
        self._previous: dict[str, str] = {}

    @override
    def CheckConfig(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Accept the configuration; a wrong kubeconfig shows when it is used."""
        return pb.CheckResponse(inputs=request.news)

    @override
    @guarded
    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Replace the provider, and with it every object, only when it means another cluster."""
        old = decode(request.old_inputs if request.HasField("old_inputs") else request.olds).value
        changed, replaces = config_changes(old, decode(request.news).value)
        some = pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE
        return pb.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    @override
    @guarded
    def Configure(self, request: pb.ConfigureRequest, context: grpc.ServicerContext) -> pb.ConfigureResponse:
        """Take the configuration; the cluster is asked later, when there is something to ask."""
        self._cluster = Cluster(read(decode(request.args).value))
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    def GetSchema(self, request: pb.GetSchemaRequest, context: grpc.ServicerContext) -> pb.GetSchemaResponse:
        """Return the least schema there is."""
        return pb.GetSchemaResponse(schema=f'{{"name":"kubernetes","version":"{self.version}"}}')

    @override
    @guarded
    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        """Refuse: charts, kustomizations and YAML files are rendered before the program runs."""
        raise PluginError(f"the offline kubernetes plugin has no function {request.tok}")

    @override
    @guarded
    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Complete the inputs with name and namespace, and mark what is always secret."""
        olds, news = decode(request.olds), decode(request.news)
        api_version, kind = names.version_and_kind(request.urn, news.value)
        if isinstance(named := dig(olds.value, "metadata", "name"), str):
            self._previous[request.urn] = named
        inputs = check.complete(
            request.urn,
            olds.value,
            news.value,
            previous=self._previous.get(request.urn),
            namespaced=self._cluster.is_namespaced(api_version, kind),
            namespace=self._cluster.namespace(),
        )
        return pb.CheckResponse(inputs=encode(inputs, merge(news.secrets, secret_kind(kind, api_version))))

    @override
    @guarded
    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Compare inputs; ask the server only when something changed."""
        olds = decode(request.old_inputs if request.HasField("old_inputs") else request.olds)
        found = preview.difference(
            self._cluster, request.urn, olds, decode(request.news), lambda: decode(request.olds).value
        )
        response = pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if found.changes else pb.DiffResponse.DIFF_NONE,
            deleteBeforeReplace=found.delete_first,
            hasDetailedDiff=True,
            diffs=sorted({str(path[0]) for path in found.changes}),
            replaces=sorted({str(path[0]) for path in found.replaces}),
        )
        for path, kind in found.changes.items():
            entry = response.detailedDiff[render(path)]
            entry.kind, entry.inputDiff = KINDS[kind][path in found.replaces], True
        return response

    @override
    @guarded
    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Make the object and wait until it is ready; in a preview, ask the server what it would say."""
        inputs = decode(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=preview.preview_create(self._cluster, request.urn, inputs))
        made = lifecycle.create(self._cluster, request.urn, inputs, self._effort(request.urn, request.timeout))
        return pb.CreateResponse(id=made.id, properties=made.outputs)

    @override
    @guarded
    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Apply the change and wait until it is done; in a preview, ask the server what would come of it."""
        state, inputs, ignored = decode(request.olds).value, decode(request.news), tuple(request.ignoreChanges)
        if request.preview:
            struct = preview.preview_update(self._cluster, request.urn, state, inputs, ignored)
            return pb.UpdateResponse(properties=struct)
        effort = self._effort(request.urn, request.timeout)
        made = lifecycle.update(self._cluster, request.urn, state, inputs, ignored, effort)
        return pb.UpdateResponse(properties=made.outputs)

    @override
    @guarded
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Return the live object, and the inputs as they drifted; nothing when it is gone."""
        state, inputs = decode(request.properties), decode(request.inputs)
        found = reading.read(self._cluster, request.urn, request.id, state, inputs)
        if found is None:
            return pb.ReadResponse()
        if found.unchanged:
            return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)
        if found.trouble:
            raise InitFailed(found.id, found.outputs, [found.trouble], found.inputs)
        return pb.ReadResponse(id=found.id, properties=found.outputs, inputs=found.inputs)

    @override
    @guarded
    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete the object and wait until it is gone."""
        effort = self._effort(request.urn, request.timeout)
        lifecycle.remove(self._cluster, request.urn, request.id, decode(request.properties), effort)
        return empty_pb2.Empty()

    @override
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End every wait."""
        self._cancelled.set()
        return empty_pb2.Empty()

    def _effort(self, urn: str, seconds: float) -> lifecycle.Effort:
        return lifecycle.Effort(
            seconds=seconds,
            cancelled=self._cancelled,
            status=lambda text: self._engine.status(urn, text),
            warn=lambda text: self._engine.warn(urn, text),
        )
