"""Password verifiers of database servers, which let a server check a password without storing it.

Statements that create logins contain verifiers instead of passwords, because servers log failed and slow statements and
clients print them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096
"""Postgres' default (`scram_iterations`). Passwords are 32 random characters, so more iterations add no security."""

SALT_BYTES = 16


def scram(login: str, password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the verifier that Postgres' `ALTER ROLE ... PASSWORD` takes instead of a password: `SCRAM-SHA-256$...`.

    RFC 5803 defines the form, RFC 7677 the mechanism.

    Args:
        login: Login; the default salt depends on it, so that equal passwords of two logins have different verifiers.
        password: Printable ASCII, which SASLprep leaves unchanged.
        salt: Salt; by default derived from login and password, so that repeated runs return the same verifier.
        iterations: Rounds of PBKDF2.

    Raises:
        ValueError: The password is empty or contains other characters.
    """
    if not (password and password.isascii() and password.isprintable()):
        raise ValueError("a password must be printable ASCII characters and not empty")
    if salt is None:
        salt = hmac.digest(password.encode(), f"salt of {login}".encode(), "sha256")[:SALT_BYTES]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def mysql_native(_login: str, password: str) -> str:
    """Return the verifier of MySQL's `mysql_native_password`: `*` and 40 hex digits.

    Source: MySQL's documentation, "Native Pluggable Authentication". The verifier has no salt; random passwords of 32
    characters do not need one.
    """
    stage = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return f"*{hashlib.sha1(stage, usedforsecurity=False).hexdigest().upper()}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
