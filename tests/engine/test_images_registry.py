"""Images in a real registry: each is pushed once and named by digest, and a wrong image is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts.images import push, pushed, store, tags
from artifacts.images.registry import Login, Registry, by_digest, copy, digest_of, manifest
from common import paths, progress
from common.errors import UserError
from components.substrates.aws import upstream_images
from infra import image_references, settings
from infra.settings import load_stack
from mlp.commands import images as command
from tests.engine import container_registry as real

TAG = "0123456789ab"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real.running(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def registry(address: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    """Return a separate folder of the registry; prepare a cache with one built image."""
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(store, "layout", lambda: tmp_path / "layout")
    build(tmp_path / "layout", "built", monkeypatch)
    return Registry(f"{address}/{request.node.name.replace('_', '-')[:60].lower()}")


def build(layout: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an image redis that contains `text` into the cache."""
    made = real.image(layout, text)
    record = store.Record(
        reference=f"mlplatform.local/redis:{TAG}",
        digest=made["digest"],
        manifest_bytes=made["size"],
        bytes=1,
        own_bytes=1,
        seconds=1.0,
    )
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps(store.index([record])))
    monkeypatch.setattr(store, "find", {"redis": record}.get)


def upstream(address: str, folder: Path, text: str = "upstream") -> tuple[str, str]:
    """Push an image for two platforms under a tag, like an upstream project; return its reference and digest."""
    layout = folder / "upstream"
    kind = "application/vnd.oci.image"
    parts = [
        {
            "mediaType": f"{kind}.manifest.v1+json",
            "platform": {"os": "linux", "architecture": each},
            **real.image(layout, f"{text} for {each}"),
        }
        for each in ("amd64", "arm64")
    ]
    index = {"schemaVersion": 2, "mediaType": f"{kind}.index.v1+json", "manifests": parts}
    made = {"mediaType": f"{kind}.index.v1+json", **real.blob(layout, json.dumps(index).encode())}
    named = {**made, "annotations": {"org.opencontainers.image.ref.name": "made"}}
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    target = f"{address}/maker/tool:v1"
    with progress.step("pushing as upstream") as step:
        log = folder / "maker.log"
        found = copy(
            f"oci:{layout}:made", target, ["--all", "--preserve-digests"], Login(), what="upstream", log=log, step=step
        )
    return target, digest_of(found)


def test_what_is_pushed_is_named_by_the_digest_that_the_registry_gives(registry: Registry, tmp_path: Path) -> None:
    there, new = push.push(["redis"], registry)
    assert new == [f"{registry.url}/redis:{TAG}"]
    by_digest = manifest(f"{registry.url}/redis@{there['redis'].digest}", Login())
    assert by_digest is not None
    assert digest_of(by_digest) == there["redis"].digest
    assert push.push(["redis"], registry) == (there, [])

    file = tmp_path / "Images.dev.yaml"
    pushed.write(file, registry.url, there)
    assert pushed.catalog_of(file, registry.url)["redis"] == f"{registry.url}/redis:{TAG}@{there['redis'].digest}"


def test_a_tag_with_other_bits_is_refused(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push.push(["redis"], registry)
    build(tmp_path / "layout", "other", monkeypatch)
    with pytest.raises(UserError, match="a different image redis under this tag") as fault:
        push.push(["redis"], registry)
    assert f"{registry.url}/redis:{TAG}" in str(fault.value.seen)


def test_upstreams_image_keeps_its_digest_and_its_platforms(registry: Registry, address: str, tmp_path: Path) -> None:
    source, digest = upstream(address, tmp_path)
    pair = (f"{source}@{digest}", f"{registry.url}/tool:v1@{digest}")
    assert push.push_upstream([pair], registry) == [f"{registry.url}/tool:v1"]
    raw = manifest(f"{registry.url}/tool@{digest}", Login())
    assert raw is not None
    assert {each["platform"]["architecture"] for each in json.loads(raw)["manifests"]} == {"amd64", "arm64"}
    assert push.push_upstream([pair], registry) == []


def test_upstreams_tag_may_move_and_the_pinned_bits_are_copied(
    registry: Registry, address: str, tmp_path: Path
) -> None:
    source, digest = upstream(address, tmp_path, "first")
    moved = upstream(address, tmp_path, "second")
    assert moved[0] == source
    assert moved[1] != digest
    push.push_upstream([(f"{source}@{digest}", f"{registry.url}/tool:v1")], registry)
    raw = manifest(f"{registry.url}/tool:v1", Login())
    assert raw is not None
    assert digest_of(raw) == digest


def test_a_moved_tag_in_the_stacks_registry_is_refused(registry: Registry, address: str, tmp_path: Path) -> None:
    source, digest = upstream(address, tmp_path, "first")
    push.push_upstream([(f"{source}@{digest}", f"{registry.url}/tool:v1")], registry)
    _, other = upstream(address, tmp_path, "second")
    with pytest.raises(UserError, match="a different image") as fault:
        push.push_upstream([(f"{source}@{other}", f"{registry.url}/tool:v1")], registry)
    assert fault.value.seen == digest


def test_a_target_without_a_tag_gets_one_that_cannot_move(registry: Registry, address: str, tmp_path: Path) -> None:
    source, digest = upstream(address, tmp_path)
    assert push.push_upstream([(f"{source}@{digest}", f"{registry.url}/tool@{digest}")], registry) == [
        f"{registry.url}/tool:sha256-{digest[7:19]}"
    ]


def test_an_upstream_image_without_a_digest_is_refused(registry: Registry, address: str) -> None:
    with pytest.raises(UserError, match="not pinned by digest"):
        push.push_upstream([(f"{address}/maker/tool:v1", f"{registry.url}/tool:v1")], registry)


def test_an_upstream_image_that_is_gone_is_named(registry: Registry, address: str) -> None:
    gone = f"{address}/maker/gone@sha256:{'0' * 64}"
    with pytest.raises(UserError, match="could not be pushed"):
        push.push_upstream([(gone, f"{registry.url}/gone:v1")], registry)


def test_the_command_fills_a_stacks_registry_and_records_what_it_has(
    registry: Registry, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, digest = upstream(address, tmp_path)
    stack = load_stack(paths.ROOT / "stacks" / "Pulumi.dev.yaml").model_copy(update={"registry": registry.url})
    (tmp_path / "stacks").mkdir()
    file = tmp_path / "stacks" / "Images.dev.yaml"

    def pulled(*_: object) -> tuple[list[str], str]:
        return ["redis"], registry.url

    def asked(*_: object) -> object:
        return stack

    monkeypatch.setattr(settings, "load_stack", asked)
    monkeypatch.setattr(image_references, "pulled", pulled)
    monkeypatch.setattr(pushed, "path", {"dev": file}.get)
    copy = upstream_images.Copy(source=f"{source}@{digest}", target=f"{registry.url}/t:v1")
    monkeypatch.setattr(upstream_images, "upstream_copies", {registry.url: [copy]}.get)
    command.push("dev")
    assert manifest(f"{registry.url}/t@{digest}", Login()) is not None
    named = image_references.image_catalog(registry.url, "dev")["redis"]
    assert named.startswith(f"{registry.url}/redis:{TAG}@sha256:")
    assert manifest(by_digest(named, named.partition("@")[2]), Login()) is not None
    assert pushed.unpushed(file, registry.url, ["redis"]) == []


def test_an_entry_holds_while_the_inputs_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Images.dev.yaml"
    entry = pushed.Pushed(inputs=tags.inputs_tag("redis"), tag=TAG, digest="sha256:1")
    pushed.write(file, "r.example/ml/", {"redis": entry})
    assert pushed.unpushed(file, "r.example/ml", ["redis", "feast"]) == ["feast"]
    assert pushed.unpushed(file, "other.example/ml", ["redis"]) == ["redis"]
    monkeypatch.setattr(pushed, "inputs_tag", {"redis": "changed", "feast": "changed"}.get)
    assert pushed.unpushed(file, "r.example/ml", ["redis"]) == ["redis"]
    assert "@" not in pushed.catalog_of(file, "r.example/ml")["redis"]
