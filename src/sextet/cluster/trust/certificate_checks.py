"""May this file be the server certificate of this peer? The original's checks and messages, before anything is stored.

What would make a peer useless is refused; what only others might not like is a warning (facts 9.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sextet.cluster.trust import certificates
from sextet.cluster.trust.certificates import CHAIN_MAX, Certificate, CertificateError
from sextet.cluster.trust.revocation import Revocations
from sextet.cluster.trust.signing_request import Key, Names, is_fqdn
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType
from sextet.model.schema import Problem, Refused

FAILED = "File upload failed."
COMMON_NAME = f"{FAILED}: Common name must be a valid FQDN"
ALTERNATIVE_NAME = f"{FAILED}: Subject alternative name must be a valid FQDN"
AUTHORITIES_MAX = 1000  # facts 9.1
EXPIRES_DAYS = 21  # facts 4.3: the first warning
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 4096  # facts 9.1: 8192 bits break SIP TLS zones
EC_BITS_MIN = 256
WEAK_HASHES = ("md5", "sha1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A certificate that may be used, with the issuers that are known, and what to think of it."""

    chain: tuple[x509.Certificate, ...]
    key: Key
    facts: Certificate
    warnings: tuple[str, ...]

    @property
    def pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.chain)


def review(
    data: bytes,
    keys: Sequence[Key],
    names: Names,
    trusted: Sequence[x509.Certificate],
    revocations: Revocations,
    now: datetime,
) -> Review:
    """Look at an uploaded certificate; one of the keys must be its own. Raises Refused with every problem."""
    try:
        given = certificates.read_pem(data, "the file")
        facts = certificates.read(given[0].public_bytes(Encoding.DER), now)
    except CertificateError as error:
        raise Refused(Problem("certificate", f"{FAILED}: {error}; upload a certificate in Base64 (PEM).")) from error
    problems = _name_problems(facts)
    key = next((one for one in keys if _same(one, given[0])), None)
    if key is None:
        sentence = f"{FAILED}: the private key does not belong to this certificate; upload it on the peer that made the"
        problems.append(Problem("certificate", f"{sentence} signing request, or give its private key as well."))
    if problems or key is None:
        raise Refused(*problems)
    chain = completed(given, trusted)
    warnings = (
        *_about_names(facts, names),
        *_about_strength(given[0]),
        *_about_trust(chain, facts, trusted, revocations, now),
    )
    return Review(chain=chain, key=key, facts=facts, warnings=warnings)


def completed(given: Sequence[x509.Certificate], known: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Put the issuers behind a certificate, so that others find the way to the root, which is left out."""
    chain = [given[0]]
    pool = [*given[1:], *known]
    while len(chain) < CHAIN_MAX:
        issuer = next((one for one in pool if one not in chain and certificates.issued(chain[-1], one)), None)
        if issuer is None or issuer.subject == issuer.issuer:
            break
        chain.append(issuer)
    return tuple(chain)


def with_root(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Put the trusted root behind a chain, where there is one."""
    whole = completed(chain, trusted)
    root = next((one for one in trusted if one not in whole and certificates.issued(whole[-1], one)), None)
    return (*whole, root) if root is not None else whole


def authorities(data: bytes, now: datetime) -> tuple[x509.Certificate, ...]:
    """Read CA certificates that shall be trusted. Raises Refused with every problem."""
    try:
        found = certificates.read_pem(data, "the file")
    except CertificateError as error:
        sentence = f"{FAILED}: {error}; upload CA certificates in Base64 (PEM)."
        raise Refused(Problem("certificates", sentence)) from error
    problems = []
    for one in found:
        name = one.subject.rfc4514_string()
        if not certificates.is_authority(one):
            problems.append(Problem("certificates", f"{FAILED}: {name} is no CA certificate (BasicConstraints)."))
        elif one.not_valid_after_utc < now:
            problems.append(Problem("certificates", f"{FAILED}: {name} has expired."))
    if problems:
        raise Refused(*problems)
    return tuple(dict.fromkeys(found))


def validity(facts: Certificate, now: datetime) -> dict[AlarmType, str]:
    """Name the alarms that this peer's own certificate raises, with what was measured."""
    found = {}
    ends = now + timedelta(seconds=facts.expires_in_s)
    days = (ends.date() - now.date()).days
    if facts.expires_in_s <= 0:
        found[types.CERTIFICATE_EXPIRED] = f"The server certificate has expired on {ends:%Y-%m-%d %H:%M} UTC."
    elif days <= 0:
        found[types.CERTIFICATE_EXPIRED] = f"The server certificate expires today at {ends:%H:%M} UTC."
    elif days <= EXPIRES_DAYS:
        unit = "day" if days == 1 else "days"
        found[types.CERTIFICATE_EXPIRES] = f"The server certificate expires in {days} {unit}, on {ends:%Y-%m-%d}."
    if not facts.common_name:
        found[types.NO_COMMON_NAME] = "The server certificate has no common name (CN)."
    return found


def _name_problems(facts: Certificate) -> list[Problem]:
    found = []
    if facts.common_name and not is_fqdn(facts.common_name):
        found.append(Problem("certificate", f"{COMMON_NAME} ({facts.common_name})."))
    found += [
        Problem("certificate", f"{ALTERNATIVE_NAME} ({name}).")
        for name in (*facts.names, *facts.addresses)
        if not is_fqdn(name)
    ]
    return found


def _same(key: Key, certificate: x509.Certificate) -> bool:
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def _about_names(facts: Certificate, names: Names) -> list[str]:
    found = []
    if not facts.common_name:
        found.append("The certificate has no common name (CN); alarm 40052 stays until another one is uploaded.")
    if names.peer and not facts.is_for(names.peer):
        sentence = f"The certificate is for {facts.said_names()}, not for this peer, {names.peer}"
        found.append(f"{sentence}: under Enforce the others refuse it." if names.clustered else f"{sentence}.")
    if names.clustered and names.cluster and not facts.is_for(names.cluster):
        found.append(f"The certificate is not for the cluster name, {names.cluster}.")
    return found


def _about_strength(certificate: x509.Certificate) -> list[str]:
    found = []
    match certificate.public_key():
        case rsa.RSAPublicKey(key_size=bits) if bits < RSA_BITS_MIN:
            found.append(f"Weak security level: an RSA key of {bits} bits; use {RSA_BITS_MIN} or more.")
        case rsa.RSAPublicKey(key_size=bits) if bits > RSA_BITS_MAX:
            found.append(f"An RSA key of {bits} bits: SIP over TLS to zones fails with more than {RSA_BITS_MAX}.")
        case ec.EllipticCurvePublicKey() as key if key.curve.key_size < EC_BITS_MIN:
            found.append(f"Weak security level: an EC key of {key.curve.key_size} bits; use {EC_BITS_MIN} or more.")
    used = certificate.signature_hash_algorithm
    if used is not None and used.name in WEAK_HASHES:
        found.append(f"Weak security level: signed with {used.name.upper()}; use SHA-256 or better.")
    return found


def _about_trust(
    chain: Sequence[x509.Certificate],
    facts: Certificate,
    trusted: Sequence[x509.Certificate],
    revocations: Revocations,
    now: datetime,
) -> list[str]:
    found = []
    if facts.expires_in_s < 0:
        found.append("The certificate has expired: under Enforce the others refuse it; alarm 40068.")
    if facts.valid_in_s > 0:
        found.append("The certificate is not valid yet; look whether the clock of this system is right.")
    if not certificates.is_trusted(chain, trusted, now):
        issuer = facts.issuer or "nobody"
        found.append(f"Unknown CA: no trusted CA certificate leads to {issuer}; add it under Trusted CA certificate.")
    missing = [name for name, there in (("server", facts.server_use), ("client", facts.client_use)) if not there]
    if missing:
        found.append(f"Extended key usage lacks {' and '.join(missing)} authentication; peers are both to each other.")
    if why := revocations.why([one.public_bytes(Encoding.DER) for one in chain]):
        found.append(f"The {why}.")
    return found
