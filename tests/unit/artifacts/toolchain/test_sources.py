"""Preparation of a tool's sources before its build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from artifacts.toolchain import catalog, sources
from artifacts.toolchain.argo import prepare as argo
from artifacts.toolchain.pipelines import prepare as pipelines
from common.errors import UserError
from common.paths import ROOT

TEXT = "one:\n  description: first\n  binaries: {one: .}\n  estimate_seconds: 1\n"
GO_MOD = "module x\n\ngo 1.24.0\n"


@pytest.fixture
def item(tmp_path: Path) -> catalog.Tool:
    folder = tmp_path / "one"
    (folder / "stub").mkdir(parents=True)
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("")
    (folder / "stub" / "stub.go").write_text("package stub\n")
    return catalog.parse(TEXT, tmp_path)["one"]


def key(item: catalog.Tool) -> str:
    return catalog.key(item, "1.26.8", "linux/amd64")


def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a read-only folder in place of a module in the module cache."""
    folder = tmp_path / "cache" / "module"
    for name in ("kept/deep/a.go", "docs/b.md", "go.mod", str(argo.SIGNALS).format(system="darwin")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o444)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o555)

    def module_dir(tool: str, name: str) -> Path:
        return folder

    monkeypatch.setattr(sources, "module_dir", module_dir)
    return folder


def test_a_tool_without_preparation_is_built_in_its_own_folder(item: catalog.Tool, tmp_path: Path) -> None:
    assert sources.prepare_folder(item, tmp_path / "work") == item.folder
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["prepare.py", "requirements.txt", "stub/stub.go"])
def test_a_prepare_script_is_part_of_the_key(item: catalog.Tool, name: str) -> None:
    before = key(item)
    (item.folder / name).write_text("changed\n")
    assert key(item) != before


def test_replacements_are_lines_of_go_mod_in_order() -> None:
    text = sources.with_replacements(GO_MOD, {"example.org/b": "b", "example.org/a": "a"})
    assert text.startswith(GO_MOD)
    assert text.splitlines()[-2:] == ["replace example.org/a => ./a", "replace example.org/b => ./b"]


def test_a_copied_module_can_be_changed_and_lacks_what_is_left_out(
    item: catalog.Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module(tmp_path, monkeypatch)
    (tmp_path / "work").mkdir()
    copy = sources.SourceFolder(item, tmp_path / "work").copy("example.org/m", "m", exclude=("docs",))
    assert (copy / "kept" / "deep" / "a.go").read_text() == "kept/deep/a.go"
    assert not (copy / "docs").exists()
    for folder in (copy, copy / "kept", copy / "kept" / "deep"):
        assert folder.stat().st_mode & 0o777 == 0o755
    (copy / "kept" / "deep" / "a.go").write_text("changed")


def test_argos_missing_file_is_its_neighbours_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = module(tmp_path, monkeypatch)
    made = sources.prepare_folder(catalog.tool("argo"), tmp_path / "work")
    signals = made / "argo-workflows" / argo.SIGNALS.format(system="linux")
    assert signals.read_text() == argo.SIGNALS.format(system="darwin")
    assert not (origin / argo.SIGNALS.format(system="linux")).exists()
    go_mod = (made / "go.mod").read_text()
    assert go_mod.endswith(f"replace {argo.MODULE} => ./argo-workflows\n")
    assert "=> ./" not in (catalog.tool("argo").folder / "go.mod").read_text()


def test_a_step_that_fails_shows_its_output(item: catalog.Tool, tmp_path: Path) -> None:
    (item.folder / "requirements.txt").write_text(
        "nowhere=1.0\n"
    )  # pip refuses an empty requirements file before it uses the network
    with pytest.raises(UserError, match=r"(?s)sources of one could not be prepared.*Invalid requirement"):
        sources.SourceFolder(item, tmp_path).wheels()


def test_a_descriptor_is_read_without_running_the_module() -> None:
    serialized = struct_pb2.DESCRIPTOR.serialized_pb
    text = f"raise SystemExit\nDESCRIPTOR = _pool.Default().AddSerializedFile({serialized!r})\n"
    assert pipelines.descriptor(text).name == "google/protobuf/struct.proto"
    with pytest.raises(ValueError, match="no serialized descriptor"):
        pipelines.descriptor("x = 1\n")


def test_a_generator_is_given_each_import_before_its_importer() -> None:
    wanted = [
        FileDescriptorProto(
            name="pipeline_spec.proto",
            dependency=["google/protobuf/duration.proto", "google/protobuf/struct.proto", "google/rpc/status.proto"],
        ),
        FileDescriptorProto(name="platform.proto", dependency=["google/protobuf/struct.proto", "pipeline_spec.proto"]),
    ]
    status = FileDescriptorProto(name="google/rpc/status.proto", dependency=["google/protobuf/any.proto"])
    made = pipelines.request(status, wanted)
    seen: set[str] = set()
    for file in made.proto_file:
        assert set(file.dependency) <= seen, file.name
        seen.add(file.name)
    assert list(made.file_to_generate) == ["pipeline_spec.proto", "platform.proto"]


def test_generated_files_become_the_two_modules(tmp_path: Path) -> None:
    answer = CodeGeneratorResponse()
    for name in (f"{pipelines.API}/v2alpha1/go/pipelinespec/p.pb.go", f"{pipelines.PLATFORM}/go/k/k.pb.go"):
        answer.file.add(name=name, content=f"// {name}")
    pipelines.write(answer, tmp_path)
    assert (tmp_path / "api" / "go.mod").read_text().startswith(f"module {pipelines.API}\n")
    assert (tmp_path / "api" / "v2alpha1" / "go" / "pipelinespec" / "p.pb.go").exists()
    assert (tmp_path / "kubernetes_platform" / "go" / "k" / "k.pb.go").exists()


@pytest.mark.parametrize(
    "answer",
    [
        CodeGeneratorResponse(error="no such import"),
        CodeGeneratorResponse(file=[CodeGeneratorResponse.File(name="elsewhere/x.pb.go")]),
    ],
)
def test_a_generators_error_or_unexpected_file_stops_the_build(answer: CodeGeneratorResponse, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such import|elsewhere"):
        pipelines.write(answer, tmp_path)


def test_a_process_that_prepares_can_load_pulumi_as_well() -> None:
    program = "import artifacts.toolchain.pipelines.prepare, pulumi.runtime.proto.status_pb2"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-600:]
