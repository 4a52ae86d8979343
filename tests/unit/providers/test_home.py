"""The Pulumi home: links with the right versions, and precedence of the user's installation."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from common.errors import UserError
from providers import ambient, cli, home

RANDOM = f"resource-random-v{version('pulumi-random')}"
KUBERNETES = f"resource-kubernetes-v{version('pulumi-kubernetes')}"


def executable(path: Path, text: str = "#!/bin/sh\nexit 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def built(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: executable(tmp_path / "tools" / name)


def test_every_plugin_lies_at_the_version_of_its_package(tmp_path: Path, built: Callable[[str], Path]) -> None:
    place = home.make(tmp_path / "home", tmp_path / "none", built)
    assert (place / "bin" / "pulumi").readlink() == built("pulumi")
    assert (place / "plugins" / KUBERNETES / "pulumi-resource-kubernetes").readlink() == built(
        "pulumi-resource-kubernetes"
    )
    assert {entry.name.rsplit("-v", 1)[0] for entry in (place / "plugins").iterdir()} == {
        "language-python",
        "resource-kubernetes",
        "resource-pulumi-python",
        "resource-random",
    }
    for folder in (place / "plugins").iterdir():
        kind, name = folder.name.rsplit("-v", 1)[0].split("-", 1)
        assert (folder / f"pulumi-{kind}-{name}").resolve().is_file(), folder


def test_a_user_s_plugin_has_precedence_while_it_is_installed(tmp_path: Path, built: Callable[[str], Path]) -> None:
    users, ours = tmp_path / "users", tmp_path / "home"
    link = ours / "plugins" / RANDOM / "pulumi-resource-random"
    home.make(ours, users, built)
    stand_in = link.readlink()
    theirs = executable(users / "plugins" / RANDOM / "pulumi-resource-random")
    other = executable(users / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws")
    home.make(ours, users, built)
    assert link.readlink() == theirs
    assert (ours / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws").readlink() == other
    theirs.unlink()
    other.unlink()
    home.make(ours, users, built)
    assert link.readlink() == stand_in
    assert not (ours / "plugins" / "resource-aws-v7.51.1").exists()


def test_half_installed_ones_do_not_count(tmp_path: Path, built: Callable[[str], Path]) -> None:
    users, ours = tmp_path / "users", tmp_path / "home"
    theirs = executable(users / "plugins" / RANDOM / "pulumi-resource-random")
    (users / "plugins" / f"{RANDOM}.partial").touch()
    home.make(ours, users, built)
    assert (ours / "plugins" / RANDOM / "pulumi-resource-random").readlink() != theirs


def test_what_pulumi_installed_in_our_home_stays(tmp_path: Path, built: Callable[[str], Path]) -> None:
    ours = tmp_path / "home"
    real = executable(ours / "plugins" / RANDOM / "pulumi-resource-random")
    added = executable(ours / "plugins" / "resource-aws-v7.51.1" / "pulumi-resource-aws")
    home.make(ours, tmp_path / "none", built)
    assert not real.is_symlink()
    assert added.is_file()


def test_links_of_other_versions_go(tmp_path: Path, built: Callable[[str], Path]) -> None:
    ours = tmp_path / "home"
    stale = ours / "plugins" / "resource-random-v3.0.0" / "pulumi-resource-random"
    stale.parent.mkdir(parents=True)
    stale.symlink_to(executable(tmp_path / "old"))
    home.make(ours, tmp_path / "none", built)
    assert not stale.parent.exists()


def test_the_installed_cli_is_taken_unless_it_is_ours(tmp_path: Path) -> None:
    own = executable(tmp_path / "own" / "bin" / "pulumi", "#!/bin/sh\necho v3.999.0\n")
    path = f"{cli.HOME / 'bin'}:{tmp_path}:{own.parent}"
    assert cli.installed({"PATH": path}) == own
    assert cli.installed({"PATH": path, "MLP_PULUMI": "built"}) is None
    assert cli.installed({"PATH": str(tmp_path)}) is None
    with pytest.raises(UserError, match="built, or unset"):
        cli.installed({"PATH": path, "MLP_PULUMI": "mine"})


@pytest.mark.parametrize("version", ["v3.1.0", "3.258.9", "no number"])
def test_an_old_cli_is_refused(tmp_path: Path, version: str) -> None:
    own = executable(tmp_path / "pulumi", f"#!/bin/sh\necho {version}\n")
    with pytest.raises(UserError) as caught:
        cli.installed({"PATH": str(own.parent)})
    for part in (version, str(own), "3.259.0 or newer", "MLP_PULUMI=built"):
        assert part in str(caught.value)


SPEAKING = """#!/usr/bin/env python3.11
import sys
from concurrent import futures
sys.path[:0] = {path!r}
import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc

class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version={version!r})

server = grpc.server(futures.ThreadPoolExecutor(1))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
"""


@pytest.mark.parametrize(("spoken", "refused"), [("3.9.1", True), ("v4.1.0", False), ("", True)])
def test_a_plugin_on_path_of_another_major_version_is_refused(tmp_path: Path, spoken: str, refused: bool) -> None:
    import sys

    found = executable(tmp_path / "pulumi-resource-random", SPEAKING.format(path=sys.path, version=spoken))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin:{Path(sys.executable).parent}"}
    found.write_text(found.read_text().replace("/usr/bin/env python3.11", sys.executable))
    ambient.refuse_foreign({**environment, "PULUMI_IGNORE_AMBIENT_PLUGINS": "true"})
    if not refused:
        ambient.refuse_foreign(environment)
        return
    with pytest.raises(UserError) as caught:
        ambient.refuse_foreign(environment)
    for part in (str(found), spoken or "no version", "4.x", "PULUMI_IGNORE_AMBIENT_PLUGINS=true"):
        assert part in str(caught.value)


def test_a_plugin_on_path_that_does_not_start_is_named(tmp_path: Path) -> None:
    executable(tmp_path / "pulumi-resource-random")
    with pytest.raises(UserError, match="does not start"):
        ambient.refuse_foreign({"PATH": f"{tmp_path}:/usr/bin:/bin"})
