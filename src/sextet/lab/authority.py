"""How a lab gets certificates: a private authority of its own that issues one for every peer and client."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

BACKDATED = timedelta(hours=1)  # peers whose clocks are a little behind accept it
USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)  # peers are both to each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its private key; `chain` holds the issuers below the root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, certificate: Path, key: Path) -> None:
        """Store both; the key can be read by its owner only."""
        certificate.write_bytes(self.pem)
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(self.key_pem)


def new_authority(name: str, now: datetime, *, days: float = 3650, parent: Issued | None = None) -> Issued:
    """Make an authority: a root, or one below `parent`."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, now, days, parent).add_extension(x509.BasicConstraints(True, None), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return _signed(builder.add_extension(usage, critical=True), key, parent)


def issue(
    authority: Issued | None,
    names: Sequence[str],
    now: datetime,
    *,
    days: float = 825,
    common_name: str | None = None,
    uses: Sequence[ObjectIdentifier] = USES,
) -> Issued:
    """Issue a certificate for names and IP addresses: without any there is no SAN; self-signed without authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(common_name if common_name is not None else names[0], key, now, days, authority)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return _signed(builder, key, authority)


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, now: datetime, days: float, issuer: Issued | None
) -> x509.CertificateBuilder:
    # RFC 5280 appendix A: ub-common-name; there need not be one.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])] if name else [])
    end = now + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.issuer_name(issuer.certificate.subject if issuer else subject)
    builder = builder.not_valid_before(min(now, end) - BACKDATED).not_valid_after(end)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    of = (issuer.key if issuer else key).public_key()
    return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(of), critical=False)


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer: Issued | None) -> Issued:
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    below_root = issuer is not None and issuer.certificate.issuer != issuer.certificate.subject
    chain = (issuer.certificate, *issuer.chain) if issuer is not None and below_root else ()
    return Issued(certificate=certificate, key=key, chain=chain)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
