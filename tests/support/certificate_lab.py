"""How do tests get a peer's certificates? Files in a folder, an authority to sign with, and a desk in front of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.admin.door import Door
from sextet.admin.trust.certificates import CertificateDesk
from sextet.cluster.face import Face
from sextet.cluster.trust.certificate_files import CertificateFiles, Places
from sextet.engine import Journal
from sextet.lab.authority import Issued


def places(folder: Path) -> Places:
    return Places(
        certificate=folder / "certificate.pem",
        private_key=folder / "key.pem",
        trusted=folder / "trusted.pem",
        state_dir=folder,
    )


def certificate_desk(folder: Path, face: Face, door: Door, journal: Journal) -> CertificateDesk:
    """Put a desk in front of a folder; nothing else follows its changes."""

    async def nobody() -> None:
        return None

    return CertificateDesk(CertificateFiles(places(folder), wall_clock), face, door, journal, wall_clock, nobody)


def wall_clock() -> datetime:
    return datetime.now(UTC)


def signed(
    authority: Issued, request: bytes, now: datetime, *, names: tuple[str, ...] | None = None, days: float = 365
) -> bytes:
    """Answer a signing request as an authority does: its subject and its extensions, or other names."""
    asked = x509.load_pem_x509_csr(request)
    builder = x509.CertificateBuilder().subject_name(asked.subject).issuer_name(authority.certificate.subject)
    builder = builder.public_key(asked.public_key()).serial_number(x509.random_serial_number())
    end = now + timedelta(days=days)
    builder = builder.not_valid_before(min(now, end) - timedelta(days=1)).not_valid_after(end)
    for extension in asked.extensions:
        if names is None or not isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def crl(authority: Issued, now: datetime, *revoked: x509.Certificate, days: float = 30) -> bytes:
    """Have an authority take certificates back."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    builder = builder.last_update(now - timedelta(days=60)).next_update(now + timedelta(days=days))
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)
