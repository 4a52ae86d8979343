"""Pins, pruning and digest checks of upstream manifests, without network and renderer."""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path

import pytest
import yaml

from artifacts.manifests import prune, render, sources, vendor
from artifacts.manifests.pins import Pins, Source, parse_pins, pins, read_lock, write_lock
from common import paths
from common.errors import UserError

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com, creationTimestamp: null}
spec:
  group: example.com
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        description: what a thing is
        properties:
          description: {type: string, description: a property of that name}
          items:
            type: array
            items: {type: object, description: gone, additionalProperties: {description: gone too, type: string}}
status: {conditions: []}
"""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: b}\ndata: {a: '1'}\n"


def test_a_pruned_crd_keeps_its_properties_and_loses_its_texts() -> None:
    (crd,) = prune.tidy(prune.parse(CRD))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["description"] == {"type": "string"}
    assert schema["properties"]["items"]["items"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert "gone" not in prune.dump([crd])
    assert "status" not in crd
    assert "creationTimestamp" not in crd["metadata"]


def test_empty_lists_go_from_objects_and_stay_in_definitions() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {imagePullSecrets: [], volumes: [{emptyDir: {}}]}\n"
    (item,) = prune.tidy(prune.parse(pod))
    assert item["spec"] == {"volumes": [{"emptyDir": {}}]}
    (crd,) = prune.tidy(prune.parse(CRD.replace("type: object", "type: object, default: []")))
    assert "default: []" in prune.dump([crd])


def test_order_does_not_depend_on_the_order_of_sources() -> None:
    texts = [CONFIG_MAP % name for name in ("x", "y", "z")] + [CRD]
    forward = prune.dump(prune.tidy(prune.parse("---\n".join(texts))))
    backward = prune.dump(prune.tidy(prune.parse("---\n".join(reversed(texts)))))
    assert forward == backward
    assert list(prune.parse(forward)) == prune.tidy(prune.parse("---\n".join(texts)))


def test_an_object_rendered_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="rendered twice: v1 ConfigMap b x"):
        prune.tidy(prune.parse("---\n".join([CONFIG_MAP % "x"] * 2)))


def test_hook_annotations_go_and_test_hooks_go_whole() -> None:
    item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "annotations": {"helm.sh/hook": "pre-install"}},
    }
    assert prune.without_hooks(item) == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    item["metadata"]["annotations"] = {"helm.sh/hook": "test"}
    assert prune.without_hooks(item) is None


def test_items_of_a_list_are_objects_of_their_own() -> None:
    text = yaml.safe_dump({"kind": "ConfigMapList", "items": [yaml.safe_load(CONFIG_MAP % "x")]})
    assert [item["kind"] for item in prune.parse(text)] == ["ConfigMap"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"version": "1", "module": "m", "sources": [{"files": "a", "chart": "b"}]}, "exactly one of"),
        ({"version": "1", "module": "m", "sources": [{"files": "a", "colour": "red"}]}, "colour"),
        ({"module": "m", "sources": []}, "version"),
    ],
)
def test_a_wrong_pin_is_named(entry: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_pins(yaml.safe_dump({"kubernetes": "1.34.4", "components": {"thing": entry}}))


def test_every_pinned_component_is_locked_as_it_is_pinned() -> None:
    lock = read_lock()
    assert set(lock) == set(pins().components)
    assert {name: lock[name].pin for name in lock} == {name: pins().digest(name) for name in lock}


def test_values_of_a_chart_are_its_template_filled_in_and_ours_merged_over(tmp_path: Path) -> None:
    (tmp_path / "values.tmpl.yaml").write_text("image: ${Image}\njob: {ttl: 30, size: 1}\n")
    source = Source(
        chart="c",
        values_template="values.tmpl.yaml",
        placeholders={"Image": "a/b:1"},
        values={"job": {"ttl": None, "size": 2}},
    )
    assert render.values(source, tmp_path) == {"image": "a/b:1", "job": {"size": 2}}


def test_a_placeholder_without_a_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("image: ${Image}\n")
    with pytest.raises(KeyError, match="Image"):
        render.values(Source(chart="c", values_template="v.yaml"), tmp_path)


def test_a_mirror_is_a_url_or_an_existing_folder(tmp_path: Path) -> None:
    assert sources.proxy("https://mirror.example/go") == "https://mirror.example/go"
    assert sources.proxy(str(tmp_path)) == tmp_path.as_uri()
    with pytest.raises(UserError, match="mirror does not exist"):
        sources.proxy(str(tmp_path / "nowhere"))


def test_with_a_mirror_nothing_else_is_asked(tmp_path: Path) -> None:
    environment = sources.environment({"GOPROXY": "https://elsewhere.example,direct"}, str(tmp_path))
    assert environment["GOPROXY"] == tmp_path.as_uri()
    assert environment["GOSUMDB"] == "off"
    assert sources.environment({"GOPROXY": "x"}, None)["GOPROXY"] == "x"


def test_the_checksum_database_verifies_modules_that_are_not_pinned() -> None:
    assert "GOSUMDB" not in sources.environment({}, None)
    assert sources.environment({}, None, pinned=True)["GOSUMDB"] == "off"


def test_a_module_may_be_numbered_unlike_its_release() -> None:
    pinned = parse_pins(
        "kubernetes: 1.34.4\n"
        "components:\n"
        "  a: {version: 1.2.3, module: example.com/a, sources: [{files: x}]}\n"
        "  b: {version: 1.2.3, module: example.com/b, module_version: v0.0.0-1-a, sources: [{files: x}]}\n"
    )
    assert [pinned.components[name].go_version for name in ("a", "b")] == ["v1.2.3", "v0.0.0-1-a"]


class Upstream:
    """Provide a module `example.com/thing` with a handmade zip instead of the download."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched = 0
        self.checksum = "h1:first"
        self.text = CRD + "---\n" + CONFIG_MAP % "x"

    def fetch(self, module: str, version: str, *, expected: str | None, mirror: str | None = None) -> sources.Archive:
        self.fetched += 1
        path = self.folder / "thing.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{module}@{version}/deploy/all.yaml", self.text)
        return sources.Archive(module, version, path, self.checksum)


@pytest.fixture
def thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    upstream = Upstream(tmp_path)
    wanted = Pins.model_validate(
        {
            "kubernetes": "1.34.4",
            "components": {
                "thing": {"version": "1.0.0", "module": "example.com/thing", "sources": [{"files": "deploy"}]}
            },
        }
    )
    lock = tmp_path / "lock.yaml"
    monkeypatch.setattr(paths, "UPSTREAM", tmp_path / "rendered")
    monkeypatch.setattr(vendor, "pins", lambda: wanted)
    monkeypatch.setattr(vendor, "read_lock", lambda: read_lock(lock))
    monkeypatch.setattr(vendor, "write_lock", functools.partial(write_lock, path=lock))
    monkeypatch.setattr(sources, "fetch", upstream.fetch)
    return upstream


def test_what_is_rendered_and_valid_is_not_rendered_again(thing: Upstream) -> None:
    assert vendor.ensure(update=True) == ["thing"]
    assert vendor.ensure() == []
    assert thing.fetched == 1
    rendered = vendor.rendered("thing")
    assert [item["kind"] for item in rendered.objects] == ["ConfigMap"]
    assert rendered.crds_sha256 == vendor.file_digest(rendered.crds_path)


def test_a_rendered_file_that_was_changed_is_refused_and_rendered_again(thing: Upstream) -> None:
    vendor.ensure(update=True)
    path = vendor.folder("thing") / "manifests.yaml"
    path.write_text(path.read_text().replace("'1'", "'2'"))
    with pytest.raises(UserError, match="is not rendered, or its files differ"):
        vendor.rendered("thing")
    assert vendor.ensure() == ["thing"]
    assert vendor.rendered("thing").objects[0]["data"] == {"a": "1"}


def test_a_result_with_another_digest_is_refused_with_both_digests(thing: Upstream) -> None:
    vendor.ensure(update=True)
    before = read_lock(thing.folder / "lock.yaml")["thing"].manifests
    thing.text = thing.text.replace("'1'", "'evil'")
    (vendor.folder("thing") / "manifests.yaml").unlink()
    with pytest.raises(UserError) as refused:
        vendor.ensure()
    assert refused.value.allowed == before
    assert refused.value.seen == prune.digest(
        prune.dump(prune.tidy(prune.parse(CONFIG_MAP.replace("'1'", "evil") % "x")))
    )
    assert not (vendor.folder("thing") / "manifests.yaml").exists()
    assert read_lock(thing.folder / "lock.yaml")["thing"].manifests == before


def test_update_pins_accepts_the_new_result(thing: Upstream) -> None:
    vendor.ensure(update=True)
    thing.text = thing.text.replace("'1'", "'2'")
    assert vendor.ensure(update=True) == ["thing"]
    assert vendor.rendered("thing").objects[0]["data"] == {"a": "2"}


def test_changed_pins_are_refused_until_the_lock_follows(thing: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor.ensure(update=True)
    changed = vendor.pins().model_copy(update={"kubernetes": "1.35.0"})
    monkeypatch.setattr(vendor, "pins", lambda: changed)
    with pytest.raises(UserError, match="pin does not match"):
        vendor.ensure()
    assert thing.fetched == 1


def test_an_unknown_component_is_named_with_those_that_exist(thing: Upstream) -> None:
    with pytest.raises(UserError, match="allowed: thing"):
        vendor.ensure(["nothing"])
