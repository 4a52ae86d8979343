"""A verified way to a MySQL server for a client that can encrypt but not verify: it comes to a loopback port in plain.

MySQL's TLS begins inside of its protocol ("Connection Phase" in MySQL's documentation): the server greets in plain, the
client asks for TLS, and logs in over it. The tunnel does the asking, so packets of a login have numbers that are one
apart on its two sides; afterwards it passes on what comes.

It is a separate process (`python -m services.ml_metadata.tunnel`): the client library holds Python's lock while it
waits.
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
"""The flag by which a server offers, and a client asks for, TLS."""

SERVER_OK, SERVER_MORE, SERVER_ERROR = 0x00, 0x01, 0xFF
"""First byte of what a server says while somebody logs in."""

FAST_LOGIN = b"\x01\x03"
"""`caching_sha2_password` knows the client already: OK follows without an answer."""

RUNNING: list[subprocess.Popen[str]] = []
"""Tunnels of this process, which end when their standard input does."""

CONNECT_SECONDS = 10.0
CHUNK = 65536


class HandshakeError(Exception):
    """A side does not speak as expected."""


@dataclass
class Packet:
    """One packet: its number in the exchange, and its content."""

    number: int
    content: bytes

    def send(self, to: socket.socket, number: int) -> None:
        """Send it under another number."""
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
    """Read one packet; those of a login are small."""
    head = _exactly(source, 4)
    return Packet(head[3], _exactly(source, int.from_bytes(head[:3], "little")))


def without_tls(greeting: bytes) -> bytes:
    """Return a server's greeting that offers no TLS.

    Raises:
        HandshakeError: The server offers none itself, or has greeted with an error.
    """
    version_end = greeting.find(b"\0", 1)
    flags = version_end + 1 + 4 + 8 + 1
    if greeting[:1] != b"\x0a" or version_end < 0 or len(greeting) < flags + 2:
        raise HandshakeError(f"the server greets with {greeting[:80]!r}")
    (offered,) = struct.unpack_from("<H", greeting, flags)
    if not offered & CLIENT_SSL:
        raise HandshakeError("the server offers no TLS")
    return greeting[:flags] + struct.pack("<H", offered & ~CLIENT_SSL) + greeting[flags + 2 :]


def log_in(client: socket.socket, server: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Carry a login over, and return the server's side of the connection, encrypted and verified.

    Raises:
        HandshakeError: A side does not speak as expected.
        ssl.SSLError: The server is not who it should be.
    """
    greeting = read_packet(server)
    Packet(0, without_tls(greeting.content)).send(client, greeting.number)
    answer = read_packet(client)
    (flags,) = struct.unpack_from("<I", answer.content)
    # Flags, greatest packet, character set and 23 zeros: the beginning of the login itself.
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
    # Whatever ends one direction ends the other, and both sides notice.
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK):
            target.sendall(part)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Target:
    """The server that a tunnel leads to.

    Attributes:
        host: The server, as its certificate names it.
        port: Its port.
        ca_file: Certificates (PEM) of the authorities that may vouch for it, and nobody else.
    """

    host: str
    port: int
    ca_file: str

    def context(self) -> ssl.SSLContext:
        """Return how connections are made."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(self.ca_file)
        return made

    def serve(self, client: socket.socket, context: ssl.SSLContext) -> None:
        """Carry one connection, until either side ends it."""
        with client:
            try:
                server = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
                with server, log_in(client, server, context, self.host) as secured:
                    secured.settimeout(None)
                    back = threading.Thread(target=_pass_on, args=(secured, client), daemon=True)
                    back.start()
                    _pass_on(client, secured)
                    back.join()
            except (HandshakeError, OSError, struct.error) as error:
                LOGGER.warning("%s:%d: %s", self.host, self.port, error)


def listen(listener: socket.socket, target: Target, context: ssl.SSLContext) -> None:
    """Carry every connection that comes to a listener, each in a thread of its own."""
    while True:
        client, _ = listener.accept()
        threading.Thread(target=target.serve, args=(client, context), daemon=True).start()


def start(target: Target) -> int:
    """Start the process, and return the loopback port that it listens on; it ends with this one."""
    command = [sys.executable, "-m", "services.ml_metadata.tunnel", target.host, str(target.port), target.ca_file]
    # Kept open and never written to: its end tells the process that this one is gone.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    RUNNING.append(process)
    line = process.stdout.readline() if process.stdout else ""
    if not line.strip().isdecimal():
        raise HandshakeError(f"the tunnel to {target.host} did not start")
    return int(line)


def main() -> None:
    """Listen until standard input ends; print the port first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    host, port, ca_file = sys.argv[1:]
    target = Target(host, int(port), ca_file)
    context = target.context()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=listen, args=(listener, target, context), daemon=True).start()
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads it
    sys.stdin.read()


if __name__ == "__main__":
    main()
