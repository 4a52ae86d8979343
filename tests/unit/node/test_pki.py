"""Certificates of the node: chains verify, keys are private, and only what must be renewed is renewed."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from node import pki

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pki.ensure(tmp_path / "pki", NOW)
    return tmp_path / "pki"


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def test_every_file_is_the_owners_only(folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {f"{name}.key" for name in (*pki.AUTHORITIES, *pki.LEAVES, "service-account")} <= set(modes)


@pytest.mark.parametrize(("name", "host"), [("apiserver", "kubernetes.default.svc"), ("etcd", "localhost")])
def test_server_certificates_verify_for_their_names_only(folder: Path, name: str, host: str) -> None:
    store = Store([certificate(folder, pki.LEAVES[name].authority)])

    def verify(subject: str) -> None:
        builder = PolicyBuilder().store(store).time(NOW)
        builder.build_server_verifier(x509.DNSName(subject)).verify(certificate(folder, name), [])

    verify(host)
    with pytest.raises(VerificationError):
        verify("example.invalid")


def test_an_authority_does_not_verify_certificates_of_another(folder: Path) -> None:
    for name, leaf in pki.LEAVES.items():
        for authority in pki.AUTHORITIES:
            issued = certificate(folder, name)
            if authority == leaf.authority:
                issued.verify_directly_issued_by(certificate(folder, authority))
            else:
                with pytest.raises(ValueError, match=r".*"):
                    issued.verify_directly_issued_by(certificate(folder, authority))


def test_only_the_administrator_is_master(folder: Path) -> None:
    groups = {
        name: [
            entry.value for entry in certificate(folder, name).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        ]
        for name in pki.LEAVES
    }
    assert [name for name, found in groups.items() if "system:masters" in found] == ["admin"]


def test_client_certificates_cannot_serve(folder: Path) -> None:
    for name, leaf in pki.LEAVES.items():
        usage = certificate(folder, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) is bool(leaf.names), name


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert pki.ensure(folder, NOW) == []
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_leaves_are_renewed_before_they_expire(folder: Path) -> None:
    later = NOW + pki.LEAF_LIFETIME - pki.RENEW_BEFORE + datetime.timedelta(hours=1)
    assert set(pki.ensure(folder, later)) == set(pki.LEAVES)
    assert pki.ensure(folder, later) == []


@pytest.mark.parametrize("damage", ["missing key", "empty certificate", "another's key"])
def test_damaged_files_are_issued_again_and_others_are_kept(folder: Path, damage: str) -> None:
    match damage:
        case "missing key":
            (folder / "kubelet.key").unlink()
        case "empty certificate":
            (folder / "kubelet.crt").write_text("")
        case _:
            (folder / "kubelet.key").write_bytes((folder / "scheduler.key").read_bytes())
    assert pki.ensure(folder, NOW) == ["kubelet"]


def test_a_new_authority_reissues_what_it_had_signed(folder: Path) -> None:
    (folder / "etcd-ca.key").unlink()
    assert set(pki.ensure(folder, NOW)) == {"etcd-ca", "etcd", "apiserver-etcd-client"}


def test_a_changed_declaration_reissues(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = pki.Leaf(authority="ca", common_name="kube-apiserver", names=("10.0.0.1",))
    monkeypatch.setitem(pki.LEAVES, "apiserver", changed)
    assert pki.ensure(folder, NOW) == ["apiserver"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x.key"
    pki.write_private(target, b"old")

    def crash(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pki.os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        pki.write_private(target, b"new")
    assert target.read_bytes() == b"old"
    monkeypatch.undo()
    pki.write_private(target, b"new")
    assert target.read_bytes() == b"new"
