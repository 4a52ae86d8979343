"""Settings of the server, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SettingError(Exception):
    """A variable is missing or holds what it may not."""


@dataclass(frozen=True, kw_only=True)
class MySql:
    """A MySQL or MariaDB database, which must exist.

    Attributes:
        host: Its server.
        port: The server's port.
        database: Its name.
        user: Login.
        password: Password of the login.
        ca_file: Certificates (PEM) that the server's is verified with; without TLS when None.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    ca_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the server is told.

    Attributes:
        port: Where it listens.
        wait_seconds: How long a start, and later a call, waits for a database that is away.
        sqlite: Path of the SQLite file; None with MySQL.
        mysql: The MySQL database; None with SQLite.
    """

    port: int
    wait_seconds: float
    sqlite: str | None
    mysql: MySql | None

    def database(self) -> str:
        """Return where the records are, without credentials."""
        if self.mysql is None:
            return f"sqlite:{self.sqlite}"
        return f"mysql://{self.mysql.host}:{self.mysql.port}/{self.mysql.database}"


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise SettingError(f"{name} is {text!r}; it must be a whole number")
    return int(text)


def _file(environment: Mapping[str, str], name: str) -> str | None:
    path = environment.get(name)
    if path and not Path(path).is_file():
        raise SettingError(f"{name} is {path!r}; there is no such file")
    return path or None


def _password(environment: Mapping[str, str]) -> str:
    """Return the content of the file that METADATA_MYSQL_PASSWORD_FILE names, else METADATA_MYSQL_PASSWORD."""
    file = environment.get("METADATA_MYSQL_PASSWORD_FILE")
    if not file:
        return environment.get("METADATA_MYSQL_PASSWORD", "")
    try:
        return Path(file).read_text().rstrip("\n")
    except OSError as error:
        raise SettingError(f"METADATA_MYSQL_PASSWORD_FILE: {error}") from None


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings that the environment variables METADATA_* hold.

    Raises:
        SettingError: One is missing or wrong, or two contradict each other.
    """
    sqlite = environment.get("METADATA_SQLITE_PATH")
    host = environment.get("METADATA_MYSQL_HOST")
    if bool(sqlite) == bool(host):
        raise SettingError("exactly one of METADATA_MYSQL_HOST and METADATA_SQLITE_PATH must be set")
    mysql = None
    if host:
        user = environment.get("METADATA_MYSQL_USER")
        if not user:
            raise SettingError("METADATA_MYSQL_USER is not set; it must name a login of the MySQL server")
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
