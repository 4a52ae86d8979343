"""The metadata server over a stand-in for upstream's library, with real gRPC on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from metadata import settings
from metadata.__main__ import await_database
from metadata.server import DATABASE, HEALTH, NOT_SERVING, SERVING, serve
from metadata.store import UNAVAILABLE, Failed, Store

SERVICE = "ml_metadata.MetadataStoreService"


def mysql_error(number: int) -> tuple[bytes, bytes, int]:
    return b"", f"mysql_query failed: errno: {number}, error: gone".encode(), 13


class Library:
    """Answers with what a test lines up, else with the request itself; counts connections and calls."""

    def __init__(self) -> None:
        self.connections = 0
        self.calls: list[tuple[object, str, bytes]] = []
        self.answers: list[tuple[bytes, bytes, int]] = []
        self.down = False

    def CreateMetadataStore(self, connection: bytes, migration: bytes) -> object:
        if self.down:
            raise RuntimeError("mysql_real_connect failed: errno: 2002, error: Connection refused")
        self.connections += 1
        return self.connections

    def _answer(self, handle: object, name: str, request: bytes) -> tuple[bytes, bytes, int]:
        self.calls.append((handle, name, request))
        return self.answers.pop(0) if self.answers else (request, b"", 0)

    def GetArtifactTypes(self, handle: object, request: bytes) -> tuple[bytes, bytes, int]:
        return self._answer(handle, "GetArtifactTypes", request)

    def PutArtifacts(self, handle: object, request: bytes) -> tuple[bytes, bytes, int]:
        return self._answer(handle, "PutArtifacts", request)


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def store(library: Library) -> Store:
    return Store(library, b"connection", b"migration")


@pytest.fixture
def channel(store: Store) -> Iterator[grpc.Channel]:
    server, port = serve(store, SERVICE, ["GetArtifactTypes", "PutArtifacts", "GetLineageGraph"], 0)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as open_channel:
        yield open_channel
    server.stop(0).wait()


def invoke(channel: grpc.Channel, name: str, request: bytes = b"", service: str = SERVICE) -> bytes:
    return channel.unary_unary(f"/{service}/{name}")(request, timeout=10, wait_for_ready=True)


def test_one_connection_serves_every_call(store: Store, library: Library) -> None:
    assert store.call("GetArtifactTypes", b"a") == b"a"
    assert store.call("PutArtifacts", b"b") == b"b"
    assert library.connections == 1


@pytest.mark.parametrize("name", ["GetArtifactTypes", "PutArtifacts"])
@pytest.mark.parametrize("number", [2006, 2002])
def test_a_call_that_never_arrived_is_made_again_on_a_new_connection(
    store: Store, library: Library, name: str, number: int
) -> None:
    library.answers = [mysql_error(number)]
    assert store.call(name, b"x") == b"x"
    assert [handle for handle, _, _ in library.calls] == [1, 2]


def test_a_read_that_broke_half_way_is_made_again(store: Store, library: Library) -> None:
    library.answers = [mysql_error(2013)]
    assert store.call("GetArtifactTypes", b"x") == b"x"
    assert library.connections == 2


def test_a_write_that_broke_half_way_is_not_made_twice(store: Store, library: Library) -> None:
    library.answers = [mysql_error(2013)]
    with pytest.raises(Failed, match="broke during PutArtifacts") as caught:
        store.call("PutArtifacts", b"x")
    assert caught.value.code == UNAVAILABLE
    assert len(library.calls) == 1
    assert store.call("PutArtifacts", b"y") == b"y"
    assert library.connections == 2


def test_other_failures_keep_their_status_and_the_connection(store: Store, library: Library) -> None:
    library.answers = [(b"", b"no such type", 5), (b"", b"mysql_query failed: errno: 1062, error: Duplicate", 13)]
    for code in (5, 13):
        with pytest.raises(Failed) as caught:
            store.call("PutArtifacts", b"x")
        assert caught.value.code == code
    assert library.connections == 1
    assert len(library.calls) == 2


def test_a_database_that_is_away_is_told_as_unavailable(channel: grpc.Channel, library: Library) -> None:
    library.down = True
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, "GetArtifactTypes")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "Connection refused" in (caught.value.details() or "")
    library.down = False
    assert invoke(channel, "GetArtifactTypes", b"back") == b"back"


def test_messages_pass_unchanged_and_statuses_are_the_librarys(channel: grpc.Channel, library: Library) -> None:
    large = b"\x00" * (8 << 20)
    assert invoke(channel, "PutArtifacts", b"\xff\x00") == b"\xff\x00"
    library.answers = [(b"", b"exists", 6)]
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, "PutArtifacts", large)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert caught.value.details() == "exists"


def test_an_rpc_that_the_library_lacks_is_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, "GetLineageGraph")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health_tells_the_process_from_the_database(channel: grpc.Channel, library: Library) -> None:
    database = b"\x0a" + bytes([len(DATABASE)]) + DATABASE.encode()
    assert invoke(channel, "Check", b"", HEALTH) == SERVING
    assert invoke(channel, "Check", database, HEALTH) == SERVING
    library.answers = [mysql_error(2006)]
    library.down = True
    assert invoke(channel, "Check", database, HEALTH) == NOT_SERVING
    assert invoke(channel, "Check", b"", HEALTH) == SERVING
    library.down = False
    assert invoke(channel, "Check", database, HEALTH) == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, "Check", b"\x0a\x01x", HEALTH)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_start_gives_up_with_the_reason(store: Store, library: Library) -> None:
    library.down = True
    with pytest.raises(SystemExit, match=r"mysql://x could not be opened within -1 s: .*Connection refused"):
        await_database(store, "mysql://x", -1, threading.Event())
    library.down = False
    await_database(store, "mysql://x", 0, threading.Event())
    assert library.connections == 1


def test_settings_of_mysql(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pa'ss\n")
    read = settings.read(
        {
            "METADATA_MYSQL_HOST": "mariadb.data.svc",
            "METADATA_MYSQL_USER": "metadata",
            "METADATA_MYSQL_PASSWORD_FILE": str(secret),
            "METADATA_PORT": "",
        }
    )
    assert read.mysql is not None
    assert (read.mysql.port, read.mysql.database, read.mysql.password, read.port) == (3306, "metadb", "pa'ss", 8080)
    assert "pa'ss" not in repr(read)
    assert read.database() == "mysql://mariadb.data.svc:3306/metadb"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "exactly one of"),
        ({"METADATA_SQLITE_PATH": "x", "METADATA_MYSQL_HOST": "y"}, "exactly one of"),
        ({"METADATA_MYSQL_HOST": "y"}, "METADATA_MYSQL_USER"),
        ({"METADATA_SQLITE_PATH": "x", "METADATA_PORT": "tcp://1.2.3.4:80"}, "METADATA_PORT is 'tcp://"),
        (
            {"METADATA_MYSQL_HOST": "y", "METADATA_MYSQL_USER": "u", "METADATA_MYSQL_PASSWORD_FILE": "/nowhere"},
            "METADATA_MYSQL_PASSWORD_FILE",
        ),
    ],
)
def test_wrong_settings_are_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(settings.SettingError, match=message):
        settings.read(environment)
