"""Server certificate with its own CA, issued once and kept in the stack's state."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pulumi import dynamic
from typing_extensions import override

VALID_DAYS = 1825
"""Validity: five years, as the certificate job of Envoy Gateway issues."""

RENEW_DAYS = 365
"""Days before expiry in which an update issues a new certificate: one `up` a year keeps it valid."""

SECRET_OUTPUTS = ["private_key"]


@dataclass(frozen=True)
class Issued:
    """A serving certificate in PEM, its key, its CA, and when it expires (ISO 8601, UTC)."""

    certificate: str
    private_key: str
    ca: str
    not_after: str


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _builder(
    subject: str, issuer: str, public_key: ec.EllipticCurvePublicKey, end: datetime.datetime, days: int
) -> Any:  # noqa: ANN401
    start = end - datetime.timedelta(days=days, hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def issue(dns_names: Sequence[str], *, now: datetime.datetime, days: int = VALID_DAYS) -> Issued:
    """Return a P-256 server certificate for `dns_names`, signed by a new CA whose key is discarded.

    Args:
        dns_names: Names in the certificate; the first is its common name.
        now: Start of validity, minus one hour for clocks that are behind.
        days: Validity in days.
    """
    end = (now + datetime.timedelta(days=days)).replace(microsecond=0)
    issuer = f"{dns_names[0][:50]} CA"
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder(issuer, issuer, ca_key.public_key(), end, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _builder(dns_names[0][:64], issuer, key.public_key(), end, days)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Issued(_pem(leaf), private.decode(), _pem(ca), end.isoformat())


def is_due(not_after: str, *, now: datetime.datetime, renew_days: int = RENEW_DAYS) -> bool:
    """Return whether a certificate that expires at `not_after` must be issued again."""
    return datetime.datetime.fromisoformat(not_after) - now < datetime.timedelta(days=renew_days)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class ServingCertificateProvider(dynamic.ResourceProvider):
    """Issues the certificate on create, and again when its names change or it has entered its last year."""

    def _outputs(self, props: Mapping[str, Any]) -> dict[str, Any]:
        issued = issue(props["dns_names"], now=_now())
        return {
            "dns_names": list(props["dns_names"]),
            "certificate": issued.certificate,
            "private_key": issued.private_key,
            "ca": issued.ca,
            "ca_bundle": base64.b64encode(issued.ca.encode()).decode(),
            "not_after": issued.not_after,
        }

    @override
    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Issue the certificate."""
        return dynamic.CreateResult(id_=props["dns_names"][0], outs=self._outputs(props))

    @override
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change when names differ or the certificate is due."""
        changed = list(_olds["dns_names"]) != list(_news["dns_names"]) or is_due(_olds["not_after"], now=_now())
        return dynamic.DiffResult(changes=changed)

    @override
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Issue again."""
        return dynamic.UpdateResult(outs=self._outputs(_news))


class ServingCertificate(dynamic.Resource, module="certificates", name="ServingCertificate"):
    """A server certificate for some DNS names.

    Attributes:
        certificate: The certificate, PEM.
        private_key: Its key, PEM, a secret.
        ca: The CA's certificate, PEM.
        ca_bundle: The same in base64, the form of webhook configurations.
        not_after: Expiry, ISO 8601.
    """

    certificate: pulumi.Output[str]
    private_key: pulumi.Output[str]
    ca: pulumi.Output[str]
    ca_bundle: pulumi.Output[str]
    not_after: pulumi.Output[str]

    def __init__(self, name: str, dns_names: Sequence[str], opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = dict.fromkeys(["certificate", "private_key", "ca", "ca_bundle", "not_after"])
        merged = pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(additional_secret_outputs=SECRET_OUTPUTS), opts or pulumi.ResourceOptions()
        )
        super().__init__(ServingCertificateProvider(), name, {"dns_names": list(dns_names), **outputs}, merged)
