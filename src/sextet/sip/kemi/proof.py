"""How a peer recognises a request of another peer: one header, proved with the cluster's secret.

    X-Sextet-Peer: n=2;tag=6fa1...;from=4465666175...;mac=9c0e...

`n` is the sender's place in the peer list, `tag` names the call on all peers, `from` is the subzone or zone that the
call comes from, in hexadecimal digits. The proof covers what makes this
request this one, so that it is worth nothing in another; a replay of the very same request is absorbed by the
transaction layer (RFC 3261 17.2.3).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Any

HEADER = "X-Sextet-Peer"
_FORM = re.compile(r"n=([1-6]);tag=([0-9a-f]{32});from=((?:[0-9a-f]{2}){0,300});mac=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What makes one request: the parts that a relay does not change."""

    call_id: str
    cseq: str
    from_tag: str
    uri: str


def identity_of(ksr: Any) -> Identity:
    """Read it from the request, or branch, at hand."""
    get = ksr.pv.get
    return Identity(call_id=str(get("$ci")), cseq=str(get("$cs")), from_tag=str(get("$ft") or ""), uri=str(get("$ru")))


def prove(secret: bytes, number: int, tag: str, identity: Identity, node: str = "") -> str:
    """Write the header's value for a request that this peer sends to another."""
    digits = node.encode().hex()
    return f"n={number};tag={tag};from={digits};mac={_mac(secret, number, tag, digits, identity)}"


def proven(secret: bytes, value: str, identity: Identity) -> tuple[int, str, str] | None:
    """Read the sender's number, the call's tag and where it comes from; None when the value proves nothing."""
    form = _FORM.fullmatch(value)
    if not secret or form is None:
        return None
    number, tag, digits, mac = int(form[1]), form[2], form[3], form[4]
    if not hmac.compare_digest(mac, _mac(secret, number, tag, digits, identity)):
        return None
    return number, tag, bytes.fromhex(digits).decode(errors="replace")


def new_tag(secret: bytes, identity: Identity) -> str:
    """Name a call; the same for a request that comes back through another system, so that a loop shows."""
    return hmac.digest(secret, f"tag\n{identity.call_id}\n{identity.from_tag}".encode(), "sha256").hex()[:32]


def _mac(secret: bytes, number: int, tag: str, digits: str, identity: Identity) -> str:
    parts = (str(number), tag, digits, identity.call_id, identity.cseq, identity.from_tag, identity.uri)
    text = "\n".join(part.replace("\n", " ") for part in parts)
    return hmac.digest(secret, text.encode(), "sha256").hex()
