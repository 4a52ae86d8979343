"""Reads the settings of the server from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingError(Exception):
    """A variable is missing or has an invalid value."""


@dataclass(frozen=True, kw_only=True)
class MySql:
    """A MySQL or MariaDB database, which must exist.

    Attributes:
        host: Host name of the server.
        port: Port of the server.
        database: Name of the database.
        user: User name.
        password: Password of the user.
        ca_file: CA certificates (PEM) to verify the server with; when None, TLS is not used.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    ca_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the server.

    Attributes:
        port: Port to listen on.
        wait_seconds: How long the start, and later each call, waits for an unavailable database.
        sqlite: Path of the SQLite file; None with MySQL.
        mysql: The MySQL database; None with SQLite.
    """

    port: int
    wait_seconds: float
    sqlite: str | None
    mysql: MySql | None

    def database(self) -> str:
        """Return the address of the database, without credentials."""
        if self.mysql is None:
            return f"sqlite:{self.sqlite}"
        return f"mysql://{self.mysql.host}:{self.mysql.port}/{self.mysql.database}"


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise SettingError(f"{name} is {text!r}; allowed: a whole number")
    return int(text)


def _file(environment: Mapping[str, str], name: str) -> str | None:
    path = environment.get(name)
    if path and not Path(path).is_file():
        raise SettingError(f"{name} is {path!r}; the file does not exist")
    return path or None


def _password(environment: Mapping[str, str]) -> str:
    """Return the password from the file METADATA_MYSQL_PASSWORD_FILE, or else from METADATA_MYSQL_PASSWORD."""
    file = environment.get("METADATA_MYSQL_PASSWORD_FILE")
    if not file:
        return environment.get("METADATA_MYSQL_PASSWORD", "")
    try:
        return Path(file).read_text().rstrip("\n")
    except OSError as error:
        raise SettingError(f"METADATA_MYSQL_PASSWORD_FILE: {error}") from None


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings from the environment variables METADATA_*.

    Raises:
        SettingError: A variable is missing or invalid, or two contradict each other.
    """
    sqlite = environment.get("METADATA_SQLITE_PATH")
    host = environment.get("METADATA_MYSQL_HOST")
    if bool(sqlite) == bool(host):
        raise SettingError("set exactly one of METADATA_MYSQL_HOST and METADATA_SQLITE_PATH")
    mysql = None
    if host:
        user = environment.get("METADATA_MYSQL_USER")
        if not user:
            raise SettingError("METADATA_MYSQL_USER is not set; set it to a user of the MySQL server")
        mysql = MySql(
            host=host,
            port=_number(environment, "METADATA_MYSQL_PORT", 3306),
            database=environment.get("METADATA_MYSQL_DATABASE") or "metadb",
            user=user,
            password=_password(environment),
            ca_file=_file(environment, "METADATA_MYSQL_CA_FILE"),
        )
    return Settings(
        port=_number(environment, "METADATA_PORT", 8080),
        wait_seconds=_number(environment, "METADATA_WAIT_SECONDS", 120),
        sqlite=sqlite or None,
        mysql=mysql,
    )
