"""Generates the Go modules of Kubeflow Pipelines' protocol, because the published versions are too old.

The descriptors come from the Python wheels of the same release; protoc-gen-go generates Go code, as upstream does.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import any_pb2, duration_pb2, struct_pb2
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from artifacts.toolchain.sources import SourceFolder

API = "github.com/kubeflow/pipelines/api"
PLATFORM = "github.com/kubeflow/pipelines/kubernetes_platform"
SQLITE = "github.com/mattn/go-sqlite3"
GENERATOR = "google.golang.org/protobuf/cmd/protoc-gen-go"
CACHE_KEY = "v2alpha1/go/cachekey"
"""Package of the API that is in no wheel; it is copied from the published module, because it has not changed."""

STATUS = "google/rpc/status_pb2.py"
DESCRIPTORS = ("kfp/pipeline_spec/pipeline_spec_pb2.py", "kfp/kubernetes/kubernetes_executor_config_pb2.py")
FOLDERS = {API: "api", PLATFORM: "kubernetes_platform", SQLITE: "sqlite"}


def descriptor(module: str) -> FileDescriptorProto:
    """Return the descriptor in the text of a generated Python module.

    The module is parsed, not imported: a process may register a message only once, and Pulumi registers STATUS too.

    Raises:
        ValueError: The module has no descriptor.
    """
    for node in ast.walk(ast.parse(module)):
        match node:
            case ast.Call(func=ast.Attribute(attr="AddSerializedFile"), args=[ast.Constant(value=bytes(serialized))]):
                return FileDescriptorProto.FromString(serialized)
    raise ValueError("no serialized descriptor in the module")


def request(status: FileDescriptorProto, wanted: Iterable[FileDescriptorProto]) -> CodeGeneratorRequest:
    """Return the request to a code generator: the files `wanted`, preceded by the files that they import.

    Args:
        status: Descriptor of STATUS.
        wanted: Files to generate code for.
    """
    made = CodeGeneratorRequest()
    for module in (any_pb2, duration_pb2, struct_pb2):
        module.DESCRIPTOR.CopyToProto(made.proto_file.add())
    made.proto_file.append(status)
    for file in wanted:
        made.proto_file.append(file)
        made.file_to_generate.append(file.name)
    return made


def write(answer: CodeGeneratorResponse, folder: Path) -> None:
    """Write the generated Go files as the modules API and PLATFORM below `folder`.

    Raises:
        ValueError: The generator reported an error, or a file belongs to neither module.
    """
    if answer.error:
        raise ValueError(answer.error)
    for module in (API, PLATFORM):
        own = folder / FOLDERS[module]
        own.mkdir()
        (own / "go.mod").write_text(f"module {module}\n\ngo 1.21\n")
    for file in answer.file:
        module = next((known for known in (API, PLATFORM) if file.name.startswith(f"{known}/")), None)
        if module is None:
            raise ValueError(f"{file.name} does not belong to a generated module")
        place = folder / FOLDERS[module] / file.name.removeprefix(f"{module}/")
        place.parent.mkdir(parents=True)
        place.write_text(file.content)


def prepare(sources: SourceFolder) -> Mapping[str, str]:
    """Generate the modules; return module -> folder that replaces it."""
    wheels = sources.wheels()
    status, *wanted = (descriptor((wheels / path).read_text()) for path in (STATUS, *DESCRIPTORS))
    answer = CodeGeneratorResponse.FromString(sources.run(GENERATOR, request(status, wanted).SerializeToString()))
    write(answer, sources.folder)
    shutil.copytree(sources.module(API) / CACHE_KEY, sources.folder / FOLDERS[API] / CACHE_KEY)
    return FOLDERS
