"""Why does an address not answer? Tries the way to it once, as far as that goes, and says where it ended."""

from __future__ import annotations

import asyncio
import errno
import ssl
from pathlib import Path

from sextet.streams import connect

CONNECT_S = 3.0
MUTE = "the connection can be made, but nobody answers over it"
_WORDS = {
    errno.ECONNREFUSED: "the connection is refused",
    errno.EHOSTUNREACH: "there is no way to it",
    errno.ENETUNREACH: "there is no way to its network",
    errno.ECONNRESET: "the connection is reset",
}


async def cause_of(uri: str, address: str, trusted: Path | None, name: str) -> str:
    """Say why nothing comes from a SIP URI, connecting from our address; empty where the way itself is free.

    With `trusted`, the certificate must come from one of these authorities, as in Kamailio; and as there the other side
    hears which `name` is meant.
    """
    where, _, transport = uri.removeprefix("sip:").partition(";transport=")
    host, _, port = where.rpartition(":")
    if transport == "udp":
        return ""  # nobody can tell a lost datagram from one that is not answered
    try:
        context = _context(trusted) if transport == "tls" else None
        async with asyncio.timeout(CONNECT_S):
            _, writer = await connect(host.strip("[]"), int(port), context, name=name, source=address.strip("[]"))
    except TimeoutError:
        return f"no connection within {CONNECT_S:.0f} s"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted ({error.verify_message})"
    except ssl.SSLError as error:
        return f"TLS fails ({error.reason or error})"
    except OSError as error:
        return _WORDS.get(error.errno or 0, error.strerror or str(error))
    writer.transport.abort()  # close() would wait for the other side's end of TLS
    return MUTE


def _context(trusted: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # of the name, Kamailio's own answer is judged
    context.verify_mode = ssl.CERT_NONE
    if trusted is not None and trusted.is_file():
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusted)
    return context
