"""What pages and commands show of certificates: decoded, compared with every name that counts, with what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.trust import certificates, revocation
from sextet.cluster.trust.certificate_files import fingerprint_of
from sextet.cluster.trust.revocation import Revocations
from sextet.cluster.trust.signing_request import names_in

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One certificate for people."""

    subject: str
    issuer: str
    serial: str
    fingerprint: str
    key: str
    signed_with: str
    valid_from: str
    valid_until: str
    days_left: int
    expired: bool
    common_name: str
    names: tuple[str, ...]
    usage: tuple[str, ...]  # extended key usage; empty: not limited
    authority: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCheck:
    """Whether the certificate is for one of the names that counts."""

    what: str  # "Cluster name", "Peer 2 address"
    name: str
    good: bool
    own: bool  # it has to be: this peer's address or the cluster's name


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """One revocation list."""

    issuer: str
    updated: str
    next_update: str
    old: bool
    revoked: int
    trusted: bool  # an authority that is trusted signed it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The pending signing request."""

    common_name: str
    names: tuple[str, ...]
    key: str
    signed_with: str
    subject: str
    pem: str


def shown(certificate: x509.Certificate, now: datetime) -> Shown:
    """Decode a certificate."""
    facts = certificates.read(certificate.public_bytes(Encoding.DER), now)
    used = certificate.signature_hash_algorithm
    usages = (("server authentication", facts.server_use), ("client authentication", facts.client_use))
    return Shown(
        subject=certificate.subject.rfc4514_string() or "(empty)",
        issuer=facts.issuer,
        serial=f"{certificate.serial_number:x}",
        fingerprint=facts.fingerprint,
        key=key_words(certificate.public_key()),
        signed_with=used.name.upper() if used else "its own method",
        valid_from=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
        valid_until=f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        days_left=int(facts.expires_in_s // DAY_S),
        expired=facts.expires_in_s < 0,
        common_name=facts.common_name,
        names=(*facts.names, *facts.addresses),
        usage=tuple(name for name, there in usages if there),
        authority=certificates.is_authority(certificate),
    )


def name_checks(
    certificate: x509.Certificate, cluster: str, peers: Sequence[str], number: int, own: str, now: datetime
) -> tuple[NameCheck, ...]:
    """Compare with the cluster's name and every peer's address; alone, with this system's own name."""
    facts = certificates.read(certificate.public_bytes(Encoding.DER), now)
    wanted = [("Cluster name", cluster, True)] if cluster else []
    listed = [(f"Peer {n} address", name, n == number) for n, name in enumerate(peers, 1) if name]
    wanted += listed
    if not number and own:
        wanted.append(("This system", own, True))
    return tuple(NameCheck(what=what, name=name, good=facts.is_for(name), own=mine) for what, name, mine in wanted)


def lists(revocations: Revocations, now: datetime) -> tuple[List, ...]:
    """Show revocation lists."""
    return tuple(
        List(
            issuer=one.issuer.rfc4514_string(),
            updated=f"{one.last_update_utc:%Y-%m-%d %H:%M} UTC",
            next_update=f"{one.next_update_utc:%Y-%m-%d %H:%M} UTC" if one.next_update_utc else "not announced",
            old=revocation.is_old(one, now),
            revoked=len(one),
            trusted=revocation.signer(one, revocations.authorities) is not None,
        )
        for one in revocations.lists
    )


def request(asked: x509.CertificateSigningRequest, pem: bytes) -> Request:
    """Decode a signing request."""
    common = asked.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    used = asked.signature_hash_algorithm
    return Request(
        common_name=str(common[0].value) if common else "",
        names=tuple(names_in(asked)),
        key=key_words(asked.public_key()),
        signed_with=used.name.upper() if used else "its own method",
        subject=asked.subject.rfc4514_string(),
        pem=pem.decode(),
    )


def key_words(key: object) -> str:
    """Name a kind of key with its size."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC P-{key.key_size}" if key.curve.name.startswith("secp") else f"EC {key.curve.name}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")


def digits(certificate: x509.Certificate) -> str:
    """Give the fingerprint by which a certificate is named."""
    return fingerprint_of(certificate)
