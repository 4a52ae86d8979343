"""The ML Metadata server with a fake of upstream's library, over real gRPC on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from services.ml_metadata import settings
from services.ml_metadata.server import DATABASE, HEALTH, NOT_SERVING, SERVING, serve
from services.ml_metadata.store import UNAVAILABLE, CallFailed, Store

SERVICE = "ml_metadata.MetadataStoreService"


LOST = (b"", b"mysql_query failed: errno: Lost connection to MySQL server during query", 13)
FINE = (b"", b"", 0)


class Library:
    """Returns the responses that a test prepared, otherwise the request itself; counts connections and calls."""

    def __init__(self) -> None:
        self.connections = 0
        self.calls: list[tuple[object, str, bytes]] = []
        self.answers: list[tuple[bytes, bytes, int]] = []
        self.down = False
        self.refused = 0

    def names(self) -> list[str]:
        return [name for _, name, _ in self.calls]

    def CreateMetadataStore(self, connection: bytes, migration: bytes) -> object:
        if self.down:
            self.refused += 1
            raise RuntimeError("mysql_real_connect failed: errno: , error: Connection refused")
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
    return Store(library, b"connection", b"migration", wait_seconds=0)


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


def test_a_read_that_broke_is_made_again_on_a_new_connection(store: Store, library: Library) -> None:
    library.answers = [LOST]
    assert store.call("GetArtifactTypes", b"x") == b"x"
    assert [handle for handle, _, _ in library.calls] == [1, 2]


def test_a_write_finds_a_broken_connection_before_it_is_made(store: Store, library: Library) -> None:
    library.answers = [LOST]
    assert store.call("PutArtifacts", b"x") == b"x"
    assert [(handle, name) for handle, name, _ in library.calls] == [
        (1, "GetArtifactTypes"),
        (2, "GetArtifactTypes"),
        (2, "PutArtifacts"),
    ]


def test_a_write_that_never_arrived_is_made_again(store: Store, library: Library) -> None:
    library.answers = [FINE, (b"", b"mysql_query failed: error: MySQL server has gone away", 13)]
    assert store.call("PutArtifacts", b"x") == b"x"
    assert library.names().count("PutArtifacts") == 2


def test_a_write_that_broke_half_way_is_not_made_twice(store: Store, library: Library) -> None:
    library.answers = [FINE, LOST]
    with pytest.raises(CallFailed, match="failed during PutArtifacts") as caught:
        store.call("PutArtifacts", b"x")
    assert caught.value.code == UNAVAILABLE
    assert library.names().count("PutArtifacts") == 1
    assert store.call("PutArtifacts", b"y") == b"y"
    assert library.connections == 2


def test_a_failed_statements_connection_is_never_used_again(store: Store, library: Library) -> None:
    library.answers = [LOST, LOST]
    store.call("GetArtifactTypes", b"x")
    handles = [handle for handle, _, _ in library.calls]
    assert handles == [1, 2, 3]


def test_a_read_that_fails_on_every_connection_is_at_fault_itself(store: Store, library: Library) -> None:
    library.answers = [LOST] * 9
    with pytest.raises(CallFailed) as caught:
        store.call("GetArtifactTypes", b"x")
    assert caught.value.code == 13
    assert len(library.calls) == 3


def test_other_failures_keep_their_status_and_the_connection(store: Store, library: Library) -> None:
    library.answers = [FINE, (b"", b"no such type", 5)]
    with pytest.raises(CallFailed, match="no such type") as caught:
        store.call("PutArtifacts", b"x")
    assert caught.value.code == 5
    assert library.connections == 1


def test_calls_wait_for_a_database_that_is_away(library: Library) -> None:
    library.down = True
    store = Store(library, b"", b"", wait_seconds=60)
    waiting = threading.Thread(target=lambda: library.calls.append((None, "done", store.call("PutArtifacts", b"x"))))
    waiting.start()
    while library.refused < 2:
        assert waiting.is_alive()
    library.down = False
    waiting.join(30)
    assert library.calls[-1] == (None, "done", b"x")


def test_a_database_that_stays_away_gives_unavailable(channel: grpc.Channel, library: Library) -> None:
    library.down = True
    for name in ("GetArtifactTypes", "PutArtifacts"):
        with pytest.raises(grpc.RpcError) as caught:
            invoke(channel, name)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "Connection refused" in (caught.value.details() or "")
    library.down = False
    assert invoke(channel, "GetArtifactTypes", b"back") == b"back"


def test_messages_pass_unchanged_and_statuses_are_the_librarys(channel: grpc.Channel, library: Library) -> None:
    large = b"\x00" * (8 << 20)
    assert invoke(channel, "PutArtifacts", b"\xff\x00") == b"\xff\x00"
    library.answers = [FINE, (b"", b"exists", 6)]
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
    library.answers = [LOST]
    library.down = True
    assert invoke(channel, "Check", database, HEALTH) == NOT_SERVING
    assert invoke(channel, "Check", b"", HEALTH) == SERVING
    library.down = False
    assert invoke(channel, "Check", database, HEALTH) == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, "Check", b"\x0a\x01x", HEALTH)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


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
    assert read.mysql.ca_file is None
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
            {"METADATA_MYSQL_HOST": "y", "METADATA_MYSQL_USER": "u", "METADATA_MYSQL_CA_FILE": "/none"},
            "METADATA_MYSQL_CA_FILE is '/none'; the file does not exist",
        ),
        (
            {"METADATA_MYSQL_HOST": "y", "METADATA_MYSQL_USER": "u", "METADATA_MYSQL_PASSWORD_FILE": "/nowhere"},
            "METADATA_MYSQL_PASSWORD_FILE",
        ),
    ],
)
def test_wrong_settings_are_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(settings.SettingError, match=message):
        settings.read(environment)
