"""TLS tunnel to a MySQL server for a client library that cannot verify certificates.

The client connects to a loopback port without TLS. The tunnel connects to the server with TLS and verifies its
certificate. In MySQL's protocol, TLS starts after the server's greeting ("Connection Phase" in MySQL's documentation):
the client requests TLS, then logs in. The tunnel sends that request, so the sequence numbers of login packets differ by
one between its two sides. After the login it forwards all bytes.

The tunnel is a separate process (`python -m services.ml_metadata.tunnel`), because the client library holds Python's
global interpreter lock while it waits.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass

LOGGER = logging.getLogger("metadata")

CLIENT_SSL = 0x0800
"""Capability flag with which a server offers TLS and a client requests it."""

SERVER_OK, SERVER_MORE, SERVER_ERROR = 0x00, 0x01, 0xFF
"""First byte of a server's packet during a login."""

FAST_LOGIN = b"\x01\x03"
"""Packet of `caching_sha2_password` for a cached password: the server sends OK without waiting for a reply."""

RUNNING: list[subprocess.Popen[str]] = []
"""Tunnel processes started by this process; each ends when its standard input is closed."""

CONNECT_SECONDS = 10.0

ABANDON = (
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""Socket options that end a connection to a server that vanished, as in an RDS failover: 10 s (in milliseconds) after
unacknowledged data, or after failed keepalives. With the kernel's defaults, it would take about 15 minutes.
"""

CHUNK = 65536


class HandshakeError(Exception):
    """The login between client and server could not be completed."""


@dataclass
class Packet:
    """A MySQL packet: its sequence number and its content."""

    number: int
    content: bytes

    def send(self, to: socket.socket, number: int) -> None:
        """Send the packet with another sequence number."""
        to.sendall(struct.pack("<I", len(self.content))[:3] + bytes([number % 256]) + self.content)


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = source.recv(count - len(found))
        if not part:
            raise HandshakeError("the connection ended in the middle of a login")
        found += part
    return found


def read_packet(source: socket.socket) -> Packet:
    """Read one packet; packets of a login are small."""
    head = _exactly(source, 4)
    return Packet(head[3], _exactly(source, int.from_bytes(head[:3], "little")))


def without_tls(greeting: bytes) -> bytes:
    """Return a server's greeting with the offer of TLS removed.

    Raises:
        HandshakeError: The server does not offer TLS, or its greeting is an error.
    """
    version_end = greeting.find(b"\0", 1)
    flags = version_end + 1 + 4 + 8 + 1
    if greeting[:1] != b"\x0a" or version_end < 0 or len(greeting) < flags + 2:
        raise HandshakeError(f"unexpected greeting of the server: {greeting[:80]!r}")
    (offered,) = struct.unpack_from("<H", greeting, flags)
    if not offered & CLIENT_SSL:
        raise HandshakeError("the server does not offer TLS")
    return greeting[:flags] + struct.pack("<H", offered & ~CLIENT_SSL) + greeting[flags + 2 :]


def log_in(client: socket.socket, server: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Forward a login; return the connection to the server, encrypted and verified.

    Raises:
        HandshakeError: The login could not be completed.
        ssl.SSLError: The server's certificate is not valid.
    """
    greeting = read_packet(server)
    Packet(0, without_tls(greeting.content)).send(client, greeting.number)
    answer = read_packet(client)
    (flags,) = struct.unpack_from("<I", answer.content)
    # The request for TLS consists of the first fields of a login: flags, maximum packet size, character set, 23 zeros.
    start = struct.pack("<I", flags | CLIENT_SSL)
    Packet(0, start + answer.content[4:32]).send(server, answer.number)
    secured = context.wrap_socket(server, server_hostname=host)
    Packet(0, start + answer.content[4:]).send(secured, answer.number + 1)
    while True:
        message = read_packet(secured)
        message.send(client, message.number - 1)
        if message.content[:1] in (bytes([SERVER_OK]), bytes([SERVER_ERROR])):
            return secured
        if message.content != FAST_LOGIN:
            reply = read_packet(client)
            reply.send(secured, reply.number + 1)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    # When one direction ends, close both sides, so that the other direction ends too.
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK):
            target.sendall(part)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Target:
    """The server that a tunnel connects to.

    Attributes:
        host: Host name, as in the server's certificate.
        port: Port of the server.
        ca_file: Certificates (PEM) of the trusted authorities; no other authority is trusted.
    """

    host: str
    port: int
    ca_file: str

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings of connections."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(self.ca_file)
        return made

    def connect(self) -> socket.socket:
        """Connect to the server, without TLS yet; the connection ends soon after the server vanishes."""
        server = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        for option in ABANDON:
            server.setsockopt(*option)
        return server

    def serve(self, client: socket.socket, context: ssl.SSLContext) -> None:
        """Forward one connection until either side ends it."""
        with client:
            try:
                with self.connect() as server, log_in(client, server, context, self.host) as secured:
                    secured.settimeout(None)
                    back = threading.Thread(target=_pass_on, args=(secured, client), daemon=True)
                    back.start()
                    _pass_on(client, secured)
                    back.join()
            except (HandshakeError, OSError, struct.error) as error:
                LOGGER.warning("%s:%d: %s", self.host, self.port, error)


def listen(listener: socket.socket, target: Target, context: ssl.SSLContext) -> None:
    """Forward every connection to a listener, each in its own thread."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=target.serve, args=(client, context), daemon=True).start()


def start(target: Target) -> int:
    """Start a tunnel process and return its loopback port; the process ends when this process ends."""
    command = [sys.executable, "-m", "services.ml_metadata.tunnel", target.host, str(target.port), target.ca_file]
    # Nothing is written to the pipe: the tunnel ends when it is closed, also when this process is killed.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    RUNNING.append(process)
    line = process.stdout.readline() if process.stdout else ""
    if not line.strip().isdecimal():
        raise HandshakeError(f"the tunnel to {target.host} did not start")
    return int(line)


def main() -> None:
    """Print the port, then forward connections until standard input is closed."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    host, port, ca_file = sys.argv[1:]
    target = Target(host, int(port), ca_file)
    context = target.context()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=listen, args=(listener, target, context), daemon=True).start()
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - read by `start`
    sys.stdin.read()


if __name__ == "__main__":
    main()
