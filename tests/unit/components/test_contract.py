"""Test the URLs of databases with the libraries that read them."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import psycopg
import pulumi
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from components.substrates.contract import AUTHORITIES_FILE, SqlDatabase

TIMEOUTS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}

LOGGED_IN = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"
"""What a Postgres server answers to a login that needs no password: AuthenticationOk, ReadyForQuery."""


def url(
    driver: str = "postgresql+psycopg", *, host: str = "postgres.data.svc", port: int = 5432, authorities: str = ""
) -> str:
    """Return the URL of a database that has the given address."""

    async def read() -> object:
        database = SqlDatabase(
            host=host,
            port=port,
            name="feast",
            user="feast",
            password=pulumi.Output.secret("abc123"),
            ssl_mode="verify-full" if authorities else "disable",
            authorities=authorities or None,
        )
        made = database.url(driver, folder="/etc/feast")
        assert await made.is_secret()
        return await made.future()

    return str(asyncio.run(read()))


def arguments(text: str) -> dict[str, Any]:
    """Return the arguments with which SQLAlchemy calls the driver."""
    parsed = sqlalchemy.make_url(text)
    positional, named = parsed.get_dialect()().create_connect_args(parsed)
    assert not [value for value in positional if value]
    return {key: value for key, value in named.items() if key != "context"}


def as_libpq_reads(text: str) -> dict[str, Any]:
    """Return the parameters of a URL after libpq parsed them; libpq refuses those that it does not know."""
    return conninfo_to_dict(make_conninfo("", **arguments(text)))


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+psycopg2"])
@pytest.mark.parametrize("authorities", ["", "PEM"])
def test_a_client_gives_up_on_a_server_that_vanished(driver: str, authorities: str) -> None:
    found = as_libpq_reads(url(driver, authorities=authorities))
    assert {key: str(found.get(key)) for key in TIMEOUTS} == TIMEOUTS
    assert (found["host"], found["dbname"], found["password"]) == ("postgres.data.svc", "feast", "abc123")


def test_certificates_are_verified_when_there_are_authorities() -> None:
    verified, plain = as_libpq_reads(url(authorities="PEM")), as_libpq_reads(url())
    assert (verified["sslmode"], verified["sslrootcert"]) == ("verify-full", f"/etc/feast/{AUTHORITIES_FILE}")
    assert (plain["sslmode"], plain.get("sslrootcert")) == ("disable", None)


def test_the_timeouts_reach_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(LOGGED_IN)
                peer.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        named = arguments(url(host="127.0.0.1", port=listener.getsockname()[1]))
        with psycopg.connect(**named, autocommit=True) as opened, socket.socket(fileno=opened.fileno()) as wire:
            options = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            found = [wire.getsockopt(socket.IPPROTO_TCP, option) for option in options]
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            wire.detach()
    assert found == [10_000, 30, 5, 3]
