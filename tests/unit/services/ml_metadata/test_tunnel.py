"""The tunnel to a MySQL server: verified TLS to the server, plain text to the client, all kinds of logins."""

from __future__ import annotations

import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.kubernetes.certificates import issue
from services.ml_metadata import tunnel

PLAIN_FLAGS = 0x0001F7FF
LOGIN = struct.pack("<IIB23x", PLAIN_FLAGS, 1 << 24, 45) + b"metadb\0\x14" + b"s" * 20
SWITCH = b"\xfemysql_native_password\0" + b"x" * 20 + b"\0"


def greeting(*, tls: bool = True) -> bytes:
    flags = 0xF7FF | (tunnel.CLIENT_SSL if tls else 0)
    return b"\x0a8.4.6\0" + struct.pack("<I8sxHBHH", 7, b"scramble", flags, 45, 2, 0xFFFF)


class Server:
    """A server that implements MySQL's connection phase and then sends given responses.

    Attributes:
        seen: Packets of the login, with their sequence numbers.
    """

    def __init__(self, folder: Path, name: str, *, tls: bool = True) -> None:
        issued = issue([name], now=datetime.datetime.now(datetime.UTC))
        for file, text in {"crt": issued.certificate, "key": issued.private_key, "ca": issued.ca}.items():
            (folder / f"{file}.pem").write_text(text)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "crt.pem", folder / "key.pem")
        self.ca_file, self.tls, self.seen = str(folder / "ca.pem"), tls, list[tunnel.Packet]()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            try:
                self.log_in(connection)
            except (OSError, tunnel.HandshakeError):
                connection.close()

    def log_in(self, connection: socket.socket) -> None:
        tunnel.Packet(0, greeting(tls=self.tls)).send(connection, 0)
        self.seen.append(tunnel.read_packet(connection))
        with self.context.wrap_socket(connection, server_side=True) as secured:
            self.seen.append(tunnel.read_packet(secured))
            tunnel.Packet(0, SWITCH).send(secured, 3)
            self.seen.append(tunnel.read_packet(secured))
            tunnel.Packet(0, tunnel.FAST_LOGIN).send(secured, 5)
            tunnel.Packet(0, b"\x00\0\0\2\0\0\0").send(secured, 6)
            while part := secured.recv(100):
                secured.sendall(part.upper())


@pytest.fixture
def started() -> Iterator[None]:
    yield
    while tunnel.RUNNING:
        process = tunnel.RUNNING.pop()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        assert process.wait(timeout=20) == 0, "a tunnel ends when its standard input does"


def connected(host: str, server: Server, ca_file: str) -> socket.socket:
    port = tunnel.start(tunnel.Target(host, server.port, ca_file))
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.usefixtures("started")
def test_a_login_and_what_follows_come_through(tmp_path: Path) -> None:
    server = Server(tmp_path, "localhost")
    with connected("localhost", server, server.ca_file) as client:
        hello = tunnel.read_packet(client)
        assert hello == tunnel.Packet(0, greeting(tls=False))
        tunnel.Packet(0, LOGIN).send(client, 1)
        assert tunnel.read_packet(client) == tunnel.Packet(2, SWITCH)
        tunnel.Packet(0, b"hash").send(client, 3)
        assert tunnel.read_packet(client) == tunnel.Packet(4, tunnel.FAST_LOGIN)
        assert tunnel.read_packet(client).number == 5
        client.sendall(b"a question")
        assert client.recv(100) == b"A QUESTION"
    request, login, answer = server.seen
    encrypted = struct.pack("<I", PLAIN_FLAGS | tunnel.CLIENT_SSL)
    assert (request.number, request.content) == (1, encrypted + LOGIN[4:32])
    assert (login.number, login.content) == (2, encrypted + LOGIN[4:])
    assert answer == tunnel.Packet(4, b"hash")


def refused(client: socket.socket) -> bool:
    """Return whether the connection ends before the login reaches the server."""
    with client:
        try:
            tunnel.read_packet(client)
            tunnel.Packet(0, LOGIN).send(client, 1)
            tunnel.read_packet(client)
        except (tunnel.HandshakeError, ConnectionError):
            return True
    return False


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("name", "foreign", "tls"),
    [("localhost", True, True), ("elsewhere.example.com", False, True), ("localhost", False, False)],
    ids=["another authority", "another name", "no TLS"],
)
def test_no_login_is_sent_to_a_server_that_cannot_be_verified(
    name: str, foreign: bool, tls: bool, tmp_path: Path
) -> None:
    server = Server(tmp_path, name, tls=tls)
    other = tmp_path / "other.pem"
    other.write_text(issue([name], now=datetime.datetime.now(datetime.UTC)).ca)
    assert refused(connected("localhost", server, str(other) if foreign else server.ca_file))
    assert len(server.seen) <= 1
    assert all(LOGIN[32:] not in item.content for item in server.seen)


@pytest.mark.usefixtures("started")
def test_a_server_that_is_away_ends_the_connection(tmp_path: Path) -> None:
    server = Server(tmp_path, "localhost")
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    assert refused(connected("localhost", server, server.ca_file))


def test_a_server_that_vanishes_is_given_up(tmp_path: Path) -> None:
    server = Server(tmp_path, "localhost")
    with tunnel.Target("localhost", server.port, server.ca_file).connect() as connection:
        options = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [connection.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [10_000, 30, 5, 3]
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.usefixtures("started")
def test_unreadable_authorities_fail_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(tunnel.HandshakeError, match="did not start"):
        tunnel.start(tunnel.Target("localhost", 1, str(tmp_path / "none.pem")))
    assert tunnel.RUNNING.pop().wait(timeout=20) != 0


@pytest.mark.parametrize("content", [b"", b"\xff\x15\x04Too many connections", b"\x0a8.4.6"])
def test_what_is_no_greeting_is_refused(content: bytes) -> None:
    with pytest.raises(tunnel.HandshakeError, match="unexpected greeting"):
        tunnel.without_tls(content)
