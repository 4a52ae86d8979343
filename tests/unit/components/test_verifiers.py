"""Test password verifiers with the examples of the standard and of MySQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest

from components.substrates.verifiers import mysql_native, scram


def test_the_example_of_rfc_7677() -> None:
    """The server's and the client's proof of the example's exchange follow from the verifier."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    found = scram("user", "pencil", salt=salt, iterations=4096)
    head, keys = found.rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored, server = (base64.b64decode(part) for part in keys.split(":"))
    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    assert base64.b64encode(hmac.digest(server, message, "sha256")) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored, message, "sha256")
    client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored


def test_a_verifier_is_the_same_in_every_run_and_another_for_every_login_and_password() -> None:
    made = scram("mlflow", "secret")
    assert made == scram("mlflow", "secret")
    assert re.fullmatch(r"SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=", made)
    others = {scram("feast", "secret"), scram("mlflow", "another")}
    assert (
        len({made.partition(":")[2].partition("$")[0], *(item.partition(":")[2].partition("$")[0] for item in others)})
        == 3
    )
    assert "secret" not in made


@pytest.mark.parametrize("password", ["", "naïve", "a\nb"])
def test_what_saslprep_might_change_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        scram("login", password)


def test_the_example_of_mysql() -> None:
    """`SELECT PASSWORD('password')` returns this on servers that still have the function."""
    assert mysql_native("anybody", "password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
