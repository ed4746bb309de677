"""What a peer's certificate says, whether it is good for the name it is configured with, and the line that tells so."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sextet.cluster.trust.revocation import NONE, Revocations

NOT_CHECKED = "Not checked"
CHAIN_MAX = 8  # certificates from a peer's to a trusted one; OpenSSL's own limit is 100, real chains have 2 to 4
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)


class CertificateError(Exception):
    """A certificate or private key could not be read or used; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The facts that peers and administrators look at."""

    common_name: str
    names: tuple[str, ...]  # DNS names of the SAN, lower case
    addresses: tuple[str, ...]  # IP addresses of the SAN
    issuer: str
    server_use: bool
    client_use: bool
    valid_in_s: float  # until it becomes valid; negative: it is
    expires_in_s: float  # negative: it has expired
    fingerprint: str  # SHA-256, hexadecimal

    def is_for(self, name: str) -> bool:
        """Compare as the original does: the SAN, or the common name where there is none; no case, no wildcards."""
        wanted = name.lower().rstrip(".")
        if self.names or self.addresses:
            return wanted in self.names or _address(wanted) in self.addresses
        return wanted == self.common_name.lower()

    def said_names(self) -> str:
        return ", ".join((*self.names, *self.addresses)) or self.common_name or "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A certificate looked at from every side, each by itself: `line_for` tells only the first thing that is wrong."""

    certificate: Certificate
    is_for: bool
    trusted: bool


def read(der: bytes, now: datetime) -> Certificate:
    """Read one certificate. Raises CertificateError."""
    return _facts(_load(der), now)


def mismatch(der: bytes, name: str) -> str:
    """Say whom the certificate is for when it is not for this name; an empty text when it is."""
    try:
        facts = _facts(_load(der), datetime.fromtimestamp(0, UTC))
    except CertificateError:
        return "certificate cannot be read"
    return "" if facts.is_for(name) else f"certificate is for {facts.said_names()}, not {name}"


def line_for(
    chain: Sequence[bytes],
    name: str,
    trusted: Sequence[x509.Certificate],
    now: datetime,
    revocations: Revocations = NONE,
) -> tuple[str, bool]:
    """Say what the guide's certificate line says of the chain (DER, the peer's own first), and whether that is good.

    Under Enforce OpenSSL decides, in the handshake; this line explains it, and shows what it would do.
    """
    if not chain:
        return NOT_CHECKED, False
    try:
        certificates = [_load(der) for der in chain[:CHAIN_MAX]]
        facts = _facts(certificates[0], now)
    except CertificateError:
        return "Invalid (certificate cannot be read)", False
    if not facts.is_for(name):
        return "Invalid (Common Name in certificate does not match)", False
    if facts.valid_in_s > 0:
        return "Invalid (not yet valid)", False
    if facts.expires_in_s < 0:
        return "Invalid (expired)", False
    if not is_trusted(certificates, trusted, now):
        return "Invalid (issuer not trusted)", False
    if revocations.why(chain[:CHAIN_MAX]):
        return "Invalid (revoked)", False
    if not facts.client_use:
        return "Invalid (no clientAuth usage)", False
    if not facts.server_use:
        return "Invalid (no serverAuth usage)", False
    return "Valid", True


def inspect(chain: Sequence[bytes], name: str, trusted: Sequence[x509.Certificate], now: datetime) -> Inspection:
    """Look at a chain (DER, the peer's own first; at least that). Raises CertificateError."""
    certificates = [_load(der) for der in chain[:CHAIN_MAX]]
    facts = _facts(certificates[0], now)
    return Inspection(certificate=facts, is_for=facts.is_for(name), trusted=is_trusted(certificates, trusted, now))


def fingerprint(der: bytes) -> str:
    return sha256(der).hexdigest()


def read_pem(pem: bytes, what: str) -> list[x509.Certificate]:
    """Read all certificates of a PEM file's content; `what` names it. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError(f"{what} holds no readable certificate") from error


def leaf(pem: bytes, what: str) -> bytes:
    """Give the first certificate of a PEM file's content as DER."""
    return read_pem(pem, what)[0].public_bytes(Encoding.DER)


def sign(private_key_pem: bytes, text: bytes) -> bytes:
    """Sign with the private key of a certificate. Raises CertificateError."""
    try:
        key = load_pem_private_key(private_key_pem, None)
    except (ValueError, TypeError) as error:
        raise CertificateError("the private key cannot be read") from error
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(text, _PSS, hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            return key.sign(text, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            return key.sign(text)
    raise CertificateError(f"a private key of the kind {type(key).__name__} cannot sign")


def signed_by(der: bytes, signature: bytes, text: bytes) -> bool:
    """Check a signature of `sign` against the certificate of the key."""
    try:
        key = _load(der).public_key()
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, text, _PSS, hashes.SHA256())
            case ec.EllipticCurvePublicKey():
                key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, text)
            case _:
                return False
    except (InvalidSignature, CertificateError, ValueError):
        return False
    return True


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise CertificateError("the certificate cannot be read") from error


def _facts(certificate: x509.Certificate, now: datetime) -> Certificate:
    try:
        names, addresses = _alternative_names(certificate)
        usages = _usages(certificate)
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return Certificate(
            common_name=str(common[-1].value) if common else "",
            names=names,
            addresses=addresses,
            issuer=certificate.issuer.rfc4514_string(),
            server_use=usages is None or ExtendedKeyUsageOID.SERVER_AUTH in usages,
            client_use=usages is None or ExtendedKeyUsageOID.CLIENT_AUTH in usages,
            valid_in_s=(certificate.not_valid_before_utc - now).total_seconds(),
            expires_in_s=(certificate.not_valid_after_utc - now).total_seconds(),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise CertificateError("the certificate cannot be read") from error


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    names = tuple(name.lower() for name in san.get_values_for_type(x509.DNSName))
    return names, tuple(str(address) for address in san.get_values_for_type(x509.IPAddress))


def _usages(certificate: x509.Certificate) -> x509.ExtendedKeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None


def is_trusted(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], now: datetime) -> bool:
    """Walk from the peer's certificate to a trusted one, in whatever order the peer sent the others."""
    current, others = chain[0], list(chain[1:])
    for _ in range(CHAIN_MAX):
        if any(current == anchor or (issued(current, anchor) and _in_time(anchor, now)) for anchor in trusted):
            return True
        issuer = next((other for other in others if issued(current, other) and _in_time(other, now)), None)
        if issuer is None:
            return False
        others.remove(issuer)
        current = issuer
    return False


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether a certificate was issued by this one, which must be an authority's."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return is_authority(issuer)


def is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False


def _in_time(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
