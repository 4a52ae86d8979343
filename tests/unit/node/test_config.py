"""Configuration of the node's processes: it is valid and complete, and has the settings that the design requires."""

from __future__ import annotations

import configparser
import ipaddress
import json
import tomllib
from pathlib import Path
from string import Template

import pytest
import yaml

from node import addresses, api, config, layout, pki, system
from node.config import Program

IMAGES = {name: f"mlplatform.local/{name}:0123456789ab" for name in system.IMAGES}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.ensure(folder)
    return folder


@pytest.fixture(scope="module")
def objects(keys: Path) -> list[api.Object]:
    return system.objects(IMAGES, keys)


def rendered(name: str) -> str:
    return Template((config.TEMPLATES / name).read_text()).substitute(config.values(IMAGES["pause"]))


def test_addresses_lie_inside_the_block_and_apart() -> None:
    link = ipaddress.IPv4Network(f"{addresses.NODE}/{addresses.LINK_PREFIX}", strict=False)
    networks = [link, addresses.PODS, addresses.SERVICES]
    assert all(network.subnet_of(addresses.BLOCK) for network in networks)
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b)
    assert all(address in addresses.SERVICES for address in (addresses.DNS, addresses.API_SERVICE, addresses.GATEWAY))
    assert addresses.SERVICES[1] == addresses.API_SERVICE


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        ({"dst": "198.18.7.0/24", "dev": "eth1"}, True),
        ({"dst": "198.19.0.5", "dev": "tun0"}, True),
        ({"dst": "198.18.0.0/15", "dev": "eth1"}, True),
        ({"dst": "198.18.0.0/30", "dev": "mlp0"}, False),
        ({"dst": "default", "dev": "eth0"}, False),
        ({"dst": "128.0.0.0/1", "dev": "tun0"}, False),
        ({"dst": "10.0.0.0/8", "dev": "eth0"}, False),
    ],
)
def test_only_what_uses_the_block_is_a_conflict(entry: dict[str, str], taken: bool) -> None:
    assert bool(addresses.overlaps([entry])) is taken


def test_the_runtime_never_pulls_and_may_lack_privileges() -> None:
    plugins = tomllib.loads(rendered("containerd.toml"))["plugins"]
    images, runtime = plugins["io.containerd.cri.v1.images"], plugins["io.containerd.cri.v1.runtime"]
    assert images["pinned_images"]["sandbox"] == IMAGES["pause"]
    assert runtime["restrict_oom_score_adj"] is True
    assert "registry" not in images


def test_the_kubelet_never_collects_images_and_asks_who_calls() -> None:
    kubelet = yaml.safe_load(rendered("kubelet.yaml"))
    assert kubelet["imageGCHighThresholdPercent"] == 100
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"
    assert kubelet["readOnlyPort"] == 0
    assert kubelet["containerRuntimeEndpoint"] == f"unix://{layout.CONTAINERD_SOCKET}"


def test_the_proxy_leaves_the_machines_connection_table_alone() -> None:
    proxy = yaml.safe_load(rendered("kube-proxy.yaml"))
    assert proxy["mode"] == "nftables"
    assert proxy["conntrack"] == {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    }


def test_the_pod_network_has_no_way_out() -> None:
    bridge, portmap = json.loads(rendered("cni.conflist"))["plugins"]
    assert bridge["ipMasq"] is False
    assert bridge["ipam"]["ranges"] == [[{"subnet": str(addresses.PODS)}]]
    assert portmap["type"] == "portmap"


def test_anonymous_requests_are_allowed_for_health_only() -> None:
    anonymous = yaml.safe_load(rendered("authentication.yaml"))["anonymous"]
    assert {entry["path"] for entry in anonymous["conditions"]} == {"/livez", "/readyz", "/healthz"}


def test_every_argument_of_every_program_can_be_filled_in() -> None:
    known = config.values("pause")
    declared = yaml.safe_load((config.HERE / "programs.yaml").read_text())
    assert tuple(declared) == config.program_names()
    for name, program in declared.items():
        for argument in program["arguments"]:
            filled = Template(argument).substitute(known)
            assert "$" not in filled, (name, argument)


def test_a_template_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(KeyError):
        Template("$unheard_of").substitute(config.values("pause"))


def test_supervision_restarts_processes_but_does_not_start_them() -> None:
    program = Program(
        name="odd", command=("/a folder/bin", "--x=50%", "--y"), environment={"GOGC": "50"}, stop_seconds=7
    )
    parsed = configparser.RawConfigParser()
    parsed.read_string(config.supervisor_config(config.values("pause"), [program]))
    section = dict(parsed["program:odd"])
    assert section["command"] == '"/a folder/bin" --x=50%% --y'
    assert section["autorestart"] == "true"
    assert section["autostart"] == "false"
    assert section["stopwaitsecs"] == "7"
    assert 'GOGC="50"' in section["environment"]
    assert parsed["unix_http_server"]["chmod"] == "0600"


def test_a_kubeconfig_carries_everything_it_needs(keys: Path) -> None:
    parsed = yaml.safe_load(config.kubeconfig(keys, "admin"))
    assert parsed["clusters"][0]["cluster"]["server"] == addresses.API_URL
    assert set(parsed["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_the_encryption_key_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "encryption.yaml"
    config._write_encryption(path)
    first = path.read_text()
    config._write_encryption(path)
    assert path.read_text() == first
    provider = yaml.safe_load(first)["resources"][0]["providers"][0]["secretbox"]["keys"][0]
    assert len(provider["secret"]) == 44


def test_system_objects_are_complete_and_of_known_kinds(objects: list[api.Object]) -> None:
    assert {item["kind"] for item in objects} <= set(api.RESOURCES)
    assert "$image" not in json.dumps(objects)
    paths = [api.path_of(item) for item in objects]
    assert len(paths) == len(set(paths))
    assert set(system.AWAITED) <= {item["metadata"]["name"] for item in objects if item["kind"] == "Deployment"}


def test_there_is_one_default_storage_class(objects: list[api.Object]) -> None:
    annotation = "storageclass.kubernetes.io/is-default-class"
    classes = [item["metadata"] for item in objects if item["kind"] == "StorageClass"]
    default = [entry["name"] for entry in classes if entry.get("annotations", {}).get(annotation) == "true"]
    assert default == ["local-path"]


def test_system_pods_are_confined(objects: list[api.Object]) -> None:
    for item in objects:
        if item["kind"] != "Deployment":
            continue
        spec = item["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"]["drop"] == ["ALL"]
            assert {"requests", "limits"} <= set(container["resources"])
            assert container["image"] in IMAGES.values()
