"""How TLS between peers is set up, so that both sides learn why a certificate is not accepted."""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from pathlib import Path

complaints: ContextVar[list[ssl.SSLError]] = ContextVar("complaints")  # set for each connection that is accepted


class OutspokenTLS(ssl.SSLObject):
    """A TLS connection that gives up one step later: asyncio would drop OpenSSL's alert, which holds the reason."""

    _failed: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failed is not None:
            raise self._failed
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            if not isinstance(error, ssl.SSLCertVerificationError) and error.reason != _NO_CERTIFICATE:
                raise
            self._failed = error
            complaints.get([]).append(error)
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the alert is sent first") from error


_NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


def context(*, server: bool, certificate: Path, private_key: Path, trusted: Path | None) -> ssl.SSLContext:
    """Make the context of one side; with `trusted` authorities the other side is verified. Raises OSError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False  # the rules of certificates.py: no wildcards, the CN only without SAN
    made.load_cert_chain(certificate, private_key, password="")  # never ask on a terminal
    made.verify_mode = ssl.CERT_NONE if trusted is None else ssl.CERT_REQUIRED
    if server:
        made.sslobject_class = OutspokenTLS
    if trusted is not None and trusted.read_bytes().strip():
        made.load_verify_locations(trusted)
    return made


def sentence(error: ssl.SSLError) -> str:
    """Say what OpenSSL says, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate is not accepted: {error.verify_message}"
    return (error.reason or str(error)).lower().replace("_", " ")
