"""How is this peer's own certificate? The line that the others will show, its alarms, and whether its files changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.trust import certificates, revocation
from sextet.cluster.trust.certificate_checks import validity
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType

LOOK_S = 60.0  # dates pass
RESTART_REASON = "server certificate and key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was found at the last look."""

    line: tuple[str, bool] = (certificates.NOT_CHECKED, False)
    fingerprint: str = ""
    alarms: Mapping[AlarmType, str]
    material: str = ""  # changes with the content of any of the files
    crl: Path = Path()  # for engines that check as OpenSSL does; none where that would refuse what is good


class OwnCertificate:
    """Looks at the files when one of them changed, and each minute; `clock` is the peer's monotonic one."""

    def __init__(
        self,
        *,
        certificate: Path,
        private_key: Path,
        trusted: Path,
        crl: Path,
        waiting: Path,
        clock: Callable[[], float],
    ) -> None:
        self.seen = Seen(alarms={})
        self._certificate, self._private_key, self._trusted, self._crl = certificate, private_key, trusted, crl
        self._waiting = waiting
        self._clock = clock
        self._looked: object = None

    @property
    def stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Tell these files from the same ones after a change."""
        return tuple(_stamp(path) for path in (self._certificate, self._private_key, self._trusted, self._crl))

    @property
    def alarms(self) -> dict[AlarmType, str]:
        """Name every alarm about this peer's certificate that stands."""
        waits = {types.CERTIFICATE_CHANGED: "A new server certificate was uploaded; it is used after the restart."}
        return {**self.seen.alarms, **(waits if self._waits() else {})}

    @property
    def restart_reasons(self) -> tuple[str, ...]:
        return (RESTART_REASON,) if self._waits() else ()

    def look(self, name: str) -> None:
        """Judge the certificate as the others will, who know this peer by that name."""
        looked = name, self.stamps, int(self._clock() / LOOK_S)
        if looked != self._looked:
            self._looked = looked
            # The wall clock, since certificates speak of moments.
            self.seen = self._look(name, datetime.now(UTC))

    def _look(self, name: str, now: datetime) -> Seen:
        try:
            paths = (self._certificate, self._private_key, self._trusted)
            chain_pem, key_pem, trusted_pem = (path.read_bytes() for path in paths)
            crl_pem = self._crl.read_bytes() if self._crl.is_file() else b""
            chain = certificates.read_pem(chain_pem, str(self._certificate))
            trusted = certificates.read_pem(trusted_pem, str(self._trusted)) if trusted_pem.strip() else []
            revocations = revocation.load(crl_pem, trusted)
            der = [certificate.public_bytes(Encoding.DER) for certificate in chain]
            facts = certificates.read(der[0], now)
        except (OSError, certificates.CertificateError, revocation.RevocationError) as error:
            return Seen(line=(f"Invalid ({error})", False), alarms={})
        return Seen(
            line=certificates.line_for(der, name, trusted, now, revocations),
            fingerprint=certificates.fingerprint(der[0]),
            alarms=validity(facts, now),
            material=sha256(b"\0".join((chain_pem, key_pem, trusted_pem, crl_pem))).hexdigest(),
            crl=self._crl if crl_pem and not uncovered(revocations, trusted, chain[1:], now) else Path(),
        )

    def _waits(self) -> bool:
        return self._waiting != Path() and self._waiting.exists()


def uncovered(
    revocations: revocation.Revocations,
    trusted: list[x509.Certificate],
    between: list[x509.Certificate],
    now: datetime,
) -> tuple[x509.Certificate, ...]:
    """List the authorities, trusted ones and those of our own chain, that have no list of today."""
    return revocation.uncovered(revocations, tuple(dict.fromkeys((*trusted, *between))), now)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0  # what is wrong with it is said where it is read
    return found.st_mtime_ns, found.st_ino, found.st_size
