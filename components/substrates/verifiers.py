"""What database servers keep of a password: enough to recognise it, and not the password.

Statements that make logins carry these instead of passwords: servers log statements that fail or are slow, and clients
print them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096
"""Of Postgres itself (`scram_iterations`). Passwords here are 32 random characters, which no number makes safer."""

SALT_BYTES = 16


def scram(login: str, password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return what Postgres' `ALTER ROLE ... PASSWORD` takes in place of a password: `SCRAM-SHA-256$...`.

    The form is that of RFC 5803, the mechanism that of RFC 7677.

    Args:
        login: Login, from which the salt is made unless one is given: the same password at two logins differs.
        password: Printable ASCII, in which SASLprep changes nothing.
        salt: Salt; one that is the same in every run when None, so that an update without a change changes nothing.
        iterations: Rounds of PBKDF2.

    Raises:
        ValueError: The password has other characters.
    """
    if not (password and password.isascii() and password.isprintable()):
        raise ValueError("a password of printable ASCII characters is needed")
    if salt is None:
        salt = hmac.digest(password.encode(), f"salt of {login}".encode(), "sha256")[:SALT_BYTES]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def mysql_native(_login: str, password: str) -> str:
    """Return what `mysql_native_password` keeps (`*` and 40 hex digits; MySQL's documentation, "Native Pluggable
    Authentication"). It has no salt, which 32 random characters do not need.
    """
    stage = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return f"*{hashlib.sha1(stage, usedforsecurity=False).hexdigest().upper()}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
