"""Where a peer's certificates live: server certificate and key, trusted authorities, revocation lists, pending request.

How it works. A new certificate is first written, with its key, into one file of its own: that write is the moment it is
accepted. Then it is put in its two places; a peer that dies in between does so at its next start. Where changes take
effect at restart, that is all there is to it: the file waits for the start. Private keys are readable by their owner
only, and never leave this peer.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.trust import certificates, revocation, signing_request, tls
from sextet.cluster.trust.certificate_checks import AUTHORITIES_MAX, FAILED, Review, authorities, review
from sextet.cluster.trust.certificates import CertificateError
from sextet.cluster.trust.revocation import RevocationError, Revocations
from sextet.cluster.trust.signing_request import Key, Names, Wish
from sextet.model.schema import Problem, Refused

NO_REQUEST = "No signing request is pending."
_KEY_END = b"-----END PRIVATE KEY-----\n"  # what signing_request.key_pem writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files; the first three as the bootstrap file names them."""

    certificate: Path
    private_key: Path
    trusted: Path
    state_dir: Path

    @property
    def crl(self) -> Path:
        return self.state_dir / "crl.pem"

    @property
    def request(self) -> Path:
        """The pending request behind its private key, so that both come and go at once."""
        return self.state_dir / "certificate_request.pem"

    @property
    def waiting(self) -> Path:
        """A private key and its new certificate, accepted and not in place yet."""
        return self.state_dir / "certificate_waiting.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A request that waits for its certificate."""

    request: x509.CertificateSigningRequest
    pem: bytes
    key: Key = field(repr=False)


class CertificateFiles:
    """Everything of it that administrators may look at and change; `now` is the wall clock."""

    def __init__(self, places: Places, now: Callable[[], datetime]) -> None:
        self.places = places
        self._now = now

    def install_waiting(self) -> bool:
        """Put a certificate that waits in its place; says whether there was one. Raises Refused."""
        try:
            data = self.places.waiting.read_bytes()
        except FileNotFoundError:
            return False
        key, end, chain = data.partition(_KEY_END)
        write_private(self.places.private_key, key + end)
        write_private(self.places.certificate, chain)
        self.places.waiting.unlink()
        return True

    def is_waiting(self) -> bool:
        return self.places.waiting.exists()

    def chain(self, *, waiting: bool = False) -> list[x509.Certificate]:
        """Read the server certificate and its issuers. Raises CertificateError."""
        path = self.places.waiting if waiting else self.places.certificate
        return certificates.read_pem(_content(path), str(path))

    def upload(self, data: bytes, key: bytes, names: Names, *, at_restart: bool, dry_run: bool = False) -> Review:
        """Take a new server certificate, its key being the one given, the request's or the present one's.

        Raises Refused with every problem; nothing is changed then.
        """
        found = review(data, self._keys(key), names, self.trusted(), self.revocations(), self._now())
        text = signing_request.key_pem(found.key) + found.pem
        _demand_usable(text, self.places.state_dir)
        if dry_run:
            return found
        write_private(self.places.waiting, text)
        pending = self.pending()
        if pending is not None and found.key.public_key() == pending.key.public_key():
            self.places.request.unlink()
        if not at_restart:
            self.install_waiting()
        return found

    # The pending request

    def pending(self) -> Pending | None:
        """Read the pending request; None where there is none, or where it cannot be read any more."""
        try:
            key, end, pem = self.places.request.read_bytes().partition(_KEY_END)
            request = x509.load_pem_x509_csr(pem)
            return Pending(request=request, pem=pem, key=signing_request.read_key(key + end))
        except (OSError, ValueError, TypeError):
            return None

    def request(self, wish: Wish, names: Names) -> Pending:
        """Make a key and a request; raises Refused, also while another one is pending. Takes a second for RSA."""
        if self.pending() is not None:
            sentence = "A signing request is pending; upload its certificate, or discard it first."
            raise Refused(Problem("", sentence))
        reused = self._own_key() if wish.reuse_key else None
        if wish.reuse_key and reused is None:
            raise Refused(Problem("reuse_key", "The private key in use cannot be read; make a new one."))
        key, pem = signing_request.make(wish, names, reused)
        write_private(self.places.request, key + pem)
        made = self.pending()
        assert made is not None
        return made

    def demand_request(self) -> None:
        """Raise Refused where no request is pending; one that cannot be read any more can still be discarded."""
        if not self.places.request.exists():
            raise Refused(Problem("", NO_REQUEST))

    def discard(self) -> None:
        """Forget the pending request and its key; raises Refused where there is none."""
        self.demand_request()
        self.places.request.unlink()

    # Who is trusted

    def trusted(self) -> tuple[x509.Certificate, ...]:
        """List the trusted CA certificates; none where the file cannot be read."""
        with contextlib.suppress(Refused):
            return self._known()
        return ()

    def trust(self, data: bytes) -> tuple[x509.Certificate, ...]:
        """Trust more authorities; gives those that are new. Raises Refused with every problem."""
        known = self._known()
        new = tuple(one for one in authorities(data, self._now()) if one not in known)
        if len(known) + len(new) > AUTHORITIES_MAX:
            sentence = f"{FAILED}: {len(known)} CA certificates are trusted; with these there were more than"
            raise Refused(Problem("certificates", f"{sentence} {AUTHORITIES_MAX}. Remove some first."))
        if new:
            self._write_trusted((*known, *new))
        return new

    def distrust(self, fingerprint: str) -> x509.Certificate:
        """Trust an authority no more; the beginning of its SHA-256 fingerprint will do. Raises Refused."""
        wanted = fingerprint.replace(":", "").lower()
        known = self._known()
        found = [one for one in known if fingerprint_of(one).startswith(wanted)] if len(wanted) >= 8 else []
        if len(found) != 1:
            sentence = f"{fingerprint!r} is not the fingerprint of one trusted CA certificate; `cert trust list` shows"
            raise Refused(Problem("fingerprint", f"{sentence} them, eight digits are enough."))
        self._write_trusted([one for one in known if one != found[0]])
        return found[0]

    # Revocation lists

    def revocations(self) -> Revocations:
        """Read the revocation lists; none where the file cannot be read."""
        try:
            return revocation.load(_content(self.places.crl), self.trusted())
        except (RevocationError, CertificateError):
            return Revocations((), self.trusted())

    def upload_crl(self, data: bytes) -> tuple[Revocations, tuple[str, ...]]:
        """Use these revocation lists in place of the others; gives them, with warnings. Raises Refused."""
        try:
            lists = revocation.read(data)
        except RevocationError as error:
            raise Refused(Problem("crl", f"{FAILED}: {error}; upload a CRL in Base64 (PEM) or DER.")) from error
        trusted = self.trusted()
        warnings = []
        for one in lists:
            issuer = one.issuer.rfc4514_string()
            if revocation.signer(one, trusted) is None:
                warnings.append(f"Unknown CRL: {issuer} is no trusted CA, or did not sign it; it may have no effect.")
            if revocation.is_old(one, self._now()):
                warnings.append(f"The CRL of {issuer} is out of date; what it revokes stays revoked.")
        write_private(self.places.crl, b"".join(one.public_bytes(Encoding.PEM) for one in lists))
        return Revocations(lists, trusted), tuple(warnings)

    def demand_crl(self) -> None:
        """Raise Refused where there are no revocation lists."""
        if not self.places.crl.exists():
            raise Refused(Problem("", "There is no CRL."))

    def remove_crl(self) -> None:
        """Use no revocation lists any more; raises Refused where there are none."""
        self.demand_crl()
        write_private(self.places.crl, b"")
        self.places.crl.unlink()

    def _keys(self, given: bytes) -> Sequence[Key]:
        if given.strip():
            try:
                return [signing_request.read_key(given)]
            except TypeError as error:
                sentence = f"{FAILED}: the private key is protected by a password; upload it without."
                raise Refused(Problem("private_key", sentence)) from error
            except ValueError as error:
                sentence = f"{FAILED}: the private key cannot be read; upload an RSA or EC key in Base64 (PEM)."
                raise Refused(Problem("private_key", sentence)) from error
        pending, own = self.pending(), self._own_key()
        return [key for key in (pending.key if pending else None, own) if key is not None]

    def _own_key(self) -> Key | None:
        try:
            return signing_request.read_key(self.places.private_key.read_bytes())
        except (OSError, ValueError, TypeError):
            return None

    def _known(self) -> tuple[x509.Certificate, ...]:
        """Read the trusted list to change it: what cannot be read is not written over."""
        try:
            data = _content(self.places.trusted)
            return tuple(certificates.read_pem(data, str(self.places.trusted))) if data.strip() else ()
        except CertificateError as error:
            raise Refused(Problem("", f"Nothing was changed: {error}. Put that file right first.")) from error

    def _write_trusted(self, wanted: Sequence[x509.Certificate]) -> None:
        write_private(self.places.trusted, b"".join(one.public_bytes(Encoding.PEM) for one in wanted))


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, on disk when this returns, readable by its owner only. Raises Refused."""
    path = path.resolve()  # a link stays one
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        sentence = f"Nothing was changed: {path} cannot be written ({error.strerror}). Put that right and try again."
        raise Refused(Problem("", sentence)) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error


def _demand_usable(text: bytes, folder: Path) -> None:
    """Have OpenSSL load key and certificate, in the file mode 0600 of tempfile, before they replace what works."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".certificate") as file:
        file.write(text)
        file.flush()
        path = Path(file.name)
        try:
            tls.context(server=True, certificate=path, private_key=path, trusted=None)
        except ssl.SSLError as error:
            sentence = f"{FAILED}: the certificate cannot be used: {tls.sentence(error)}."
            raise Refused(Problem("certificate", sentence)) from error
