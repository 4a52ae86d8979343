"""Issues the certificates of the embedded cluster: three authorities, and a separate key pair for each role.

The layout follows kubeadm (`/etc/kubernetes/pki`): one authority for the cluster, one for the aggregation layer and one
for etcd, so that a client certificate of the cluster is valid neither for aggregated APIs nor for etcd.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node import addresses

AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
LEAF_LIFETIME = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=30)
"""Remaining validity below which a start renews a certificate."""

CLOCK_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One certificate to issue.

    Attributes:
        authority: File stem of the authority that signs it.
        common_name: Common name; the user name in a client certificate of Kubernetes.
        organization: Organization; the group in a client certificate of Kubernetes.
        names: DNS names and IP addresses of the server; empty for a client certificate.
        client: Whether a server certificate is also valid for a client.
    """

    authority: str
    common_name: str
    organization: str | None = None
    names: tuple[str, ...] = field(default=())
    client: bool = False


AUTHORITIES: dict[str, str] = {
    "ca": "mlplatform-cluster",
    "front-proxy-ca": "mlplatform-front-proxy",
    "etcd-ca": "mlplatform-etcd",
}

LEAVES: dict[str, Leaf] = {
    "apiserver": Leaf(
        authority="ca",
        common_name="kube-apiserver",
        names=(
            str(addresses.NODE),
            str(addresses.API_SERVICE),
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{addresses.DOMAIN}",
        ),
    ),
    "apiserver-kubelet-client": Leaf(authority="ca", common_name="kube-apiserver-kubelet-client"),
    "apiserver-etcd-client": Leaf(authority="etcd-ca", common_name="kube-apiserver"),
    "etcd": Leaf(authority="etcd-ca", common_name="etcd", names=("127.0.0.1", "localhost"), client=True),
    "front-proxy-client": Leaf(authority="front-proxy-ca", common_name="front-proxy-client"),
    "admin": Leaf(authority="ca", common_name="mlp-admin", organization="system:masters"),
    "controller-manager": Leaf(authority="ca", common_name="system:kube-controller-manager"),
    "scheduler": Leaf(authority="ca", common_name="system:kube-scheduler"),
    "kube-proxy": Leaf(authority="ca", common_name="system:kube-proxy"),
    "kubelet": Leaf(authority="ca", common_name=f"system:node:{addresses.NODE_NAME}", organization="system:nodes"),
    "kubelet-serving": Leaf(
        authority="ca",
        common_name=f"system:node:{addresses.NODE_NAME}",
        organization="system:nodes",
        names=(str(addresses.NODE), addresses.NODE_NAME),
    ),
    "metrics-server": Leaf(authority="ca", common_name="metrics-server", names=("metrics-server.kube-system.svc",)),
}


def ensure(folder: Path, now: datetime.datetime | None = None) -> list[str]:
    """Issue certificates and keys that are missing, damaged, about to expire or different from their declaration.

    Args:
        folder: Folder for `NAME.crt` and `NAME.key`; created with mode 0700.
        now: Time that expiry is compared with; the current time when None.

    Returns:
        Names of the issued certificates and keys.
    """
    moment = now or datetime.datetime.now(datetime.UTC)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    issued: list[str] = []
    for name, common_name in AUTHORITIES.items():
        if not _valid(folder, name, moment, None):
            _issue_authority(folder, name, common_name, moment)
            issued.append(name)
    for name, leaf in LEAVES.items():
        if leaf.authority in issued or not _valid(folder, name, moment, leaf):
            _issue_leaf(folder, name, leaf, moment)
            issued.append(name)
    if not (folder / "service-account.key").is_file() or not (folder / "service-account.pub").is_file():
        _service_account(folder)
        issued.append("service-account")
    return issued


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically; other users can never read it."""
    temporary = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _valid(folder: Path, name: str, now: datetime.datetime, leaf: Leaf | None) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        key = _load_key(folder / f"{name}.key")
        if certificate.public_key() != key.public_key() or certificate.not_valid_after_utc - RENEW_BEFORE < now:
            return False
        if leaf is None:
            return True
        authority = x509.load_pem_x509_certificate((folder / f"{leaf.authority}.crt").read_bytes())
        certificate.verify_directly_issued_by(authority)
    except Exception:  # every kind of damage has the same remedy: issue the certificate again
        return False
    return certificate.subject == _subject(leaf.common_name, leaf.organization) and _names(certificate) == set(
        leaf.names
    )


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(entry.value) for entry in extension}


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic curve key")
    return key


def _subject(common_name: str, organization: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _store(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    write_private(folder / f"{name}.key", _pem(key))
    write_private(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _issue_authority(folder: Path, name: str, common_name: str, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(common_name, None)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _store(folder, name, key, certificate)


def _issue_leaf(folder: Path, name: str, leaf: Leaf, now: datetime.datetime) -> None:
    authority = x509.load_pem_x509_certificate((folder / f"{leaf.authority}.crt").read_bytes())
    authority_key = _load_key(folder / f"{leaf.authority}.key")
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if leaf.names else []
    if leaf.client or not leaf.names:
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(leaf.common_name, leaf.organization))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if leaf.names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(entry) for entry in leaf.names]), critical=False
        )
    _store(folder, name, key, builder.sign(authority_key, hashes.SHA256()))


def _general_name(entry: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(entry))
    except ValueError:
        return x509.DNSName(entry)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _service_account(folder: Path) -> None:
    # Use RSA, because some verifiers of service account tokens only support RS256.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_private(folder / "service-account.key", _pem(key))
    write_private(folder / "service-account.pub", public)
