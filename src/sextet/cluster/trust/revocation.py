"""Which certificates did their authorities take back? Revocation lists, read and asked.

A list counts where the authority that issued the certificate signed it, however old it is: what was revoked stays so.
An authority without a list revokes nothing. OpenSSL's own check would refuse every certificate of such an authority,
and all of them on the day a list is not renewed in time; that would take a cluster apart by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

LISTS_MAX = 1000  # as many as there may be trusted authorities
_BEGIN = b"-----BEGIN X509 CRL-----"
_END = b"-----END X509 CRL-----"


class RevocationError(Exception):
    """A revocation list cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Revocations:
    """The lists of this peer, and the authorities that may have signed them."""

    lists: tuple[x509.CertificateRevocationList, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()

    def why(self, chain: Sequence[bytes]) -> str:
        """Say which certificate of a chain (DER, the peer's own first) is revoked; an empty text when none is."""
        if not self.lists:
            return ""
        try:
            certificates = [x509.load_der_x509_certificate(der) for der in chain]
        except ValueError:
            return "certificate cannot be read"
        for certificate in certificates:
            if self._revoked(certificate, certificates):
                whose = certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}"
                return f"certificate is revoked ({whose}, by {certificate.issuer.rfc4514_string()})"
        return ""

    def _revoked(self, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
        for one in self.lists:
            if one.issuer != certificate.issuer:
                continue
            if one.get_revoked_certificate_by_serial_number(certificate.serial_number) is None:
                continue
            if signer(one, (*self.authorities, *chain)) is not None:
                return True
        return False


NONE = Revocations()


def read(data: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    """Read lists from PEM, one or many, or one from DER. Raises RevocationError."""
    try:
        if _BEGIN not in data:
            return (x509.load_der_x509_crl(data),)
        parts = [_BEGIN + part.partition(_END)[0] + _END + b"\n" for part in data.split(_BEGIN)[1:]]
        lists = tuple(x509.load_pem_x509_crl(part) for part in parts)
        for one in lists:
            _ = one.issuer, one.next_update_utc, len(one)  # what is read late must be readable too
    except ValueError as error:
        raise RevocationError("it holds no readable revocation list, neither PEM nor DER") from error
    if len(lists) > LISTS_MAX:
        raise RevocationError(f"it holds {len(lists)} revocation lists, at most {LISTS_MAX}")
    return lists


def load(data: bytes, authorities: Sequence[x509.Certificate]) -> Revocations:
    """Make what is asked from a file's content; an empty one holds no lists. Raises RevocationError."""
    return Revocations(read(data), tuple(authorities)) if data.strip() else Revocations((), tuple(authorities))


def signer(one: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Find the authority that signed a list."""
    for authority in authorities:
        if authority.subject == one.issuer and _signed(one, authority):
            return authority
    return None


def is_old(one: x509.CertificateRevocationList, now: datetime) -> bool:
    """Say whether a newer list should be there by now."""
    return one.next_update_utc is not None and one.next_update_utc < now


def uncovered(
    revocations: Revocations, authorities: Sequence[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...]:
    """List the authorities without a list of today: OpenSSL, once told to check, refuses all that they issued."""
    current = [one for one in revocations.lists if not is_old(one, now)]
    covered = {id(found) for one in current if (found := signer(one, authorities)) is not None}
    return tuple(authority for authority in authorities if id(authority) not in covered)


def digest(data: bytes) -> str:
    """Tell one file's content from another."""
    return hashlib.sha256(data).hexdigest()


def _signed(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # other kinds: TypeError
    except (TypeError, ValueError):
        return False
