"""What is answered to a request that Kamailio cannot read and so not answer itself (RFC 4475; RFC 3261 8.2.6, 8.2.7).

The answer is made of the bytes: what was sent must surely be a request, no ACK, and with a Via. It goes back to where
the request came from, without a connection of its own, repeats the headers that an answer has (the first of each), and
is never longer than the request: who sends in another's name gains nothing, and nobody answers an answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sextet.model.ip import in_uri

BYTES_MAX = 16 << 10  # of a message that is looked at; {s.encode.hexa} has room for 32 KiB
_COMPACT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id", b"l": b"content-length"}
_REPEATED = {b"via": "Via", b"from": "From", b"to": "To", b"call-id": "Call-ID", b"cseq": "CSeq"}
_SINGLE = {b"from": "From", b"to": "To", b"call-id": "Call-ID", b"cseq": "CSeq", b"max-forwards": "Max-Forwards",
           b"content-length": "Content-Length"}  # fmt: skip
_TOKEN = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+")
_VERSION = re.compile(rb"SIP/\d+\.\d+", re.IGNORECASE)
_ENDED = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE = re.compile(rb"\r?\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CSEQ = re.compile(rb"\d+[ \t]+[^ \t]+")
_VIA = re.compile(
    rb"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*\w+[ \t]+[\w.:\[\]-]+[ \t]*(;[ \t]*[^;, \t]+[ \t]*)*", re.IGNORECASE
)
_TAG = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE)
_Headers = Mapping[bytes, Sequence[bytes]]


def refuse(ksr: Any) -> bool:
    """Answer the message that is being handled, of which nothing needs to be parsed; says whether it was answered."""
    get = ksr.pv.get
    text = answer(bytes.fromhex(str(get("$(mb{s.encode.hexa})") or "")))
    if not text:
        return False
    ksr.htable.sht_inc("count", "unreadable")
    transport = get("$proto")
    there, here = (in_uri(str(get(name))) for name in ("$si", "$Ri"))
    socket = f"{transport}:{here}:{get('$Rp')}"
    ksr.corex.sendx(f"sip:{there}:{get('$sp')};transport={transport}", socket, text)
    return True


def answer(message: bytes) -> str:
    """Write the answer to a message, "" where none may be given."""
    if len(message) > BYTES_MAX:
        return ""
    first, *lines = _LINE.split(_ENDED.split(message.lstrip(b"\r\n"), maxsplit=1)[0].replace(b"\x00", b"\x01"))
    words = first.split()
    if len(words) < 3 or not _TOKEN.fullmatch(words[0]) or not _VERSION.fullmatch(words[-1]):
        return ""
    headers = _headers(lines)
    if b"ACK" in (words[0], *headers.get(b"cseq", (b"",))[0].split()[-1:]) or b"via" not in headers:
        return ""
    status, phrase = _fault(first, headers)
    kept = [(name, _FOLD.sub(b" ", one)) for name in _REPEATED for one in _repeated(headers, name)]
    if any(_CONTROL.search(one) for _, one in kept):
        return ""
    tag = hashlib.sha256(b"\n".join(one for _, one in kept)).hexdigest()[:16].encode()
    said = [f"SIP/2.0 {status} {phrase}".encode()]
    for name, one in kept:
        tagged = one + b";tag=" + tag if name == b"to" and not _TAG.search(one) else one
        said.append(_REPEATED[name].encode() + b": " + tagged)
    text = b"\r\n".join((*said, b"Content-Length: 0", b"", b""))
    try:
        return text.decode() if len(text) <= len(message) else ""
    except UnicodeDecodeError:
        return ""


def _headers(lines: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """Sort header lines by name, small and in full; what goes on in the next line keeps its line ends."""
    whole: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and whole:
            whole[-1] += b"\n" + line
        else:
            whole.append(line)
    headers: dict[bytes, list[bytes]] = {}
    for line in whole:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return headers


def _repeated(headers: _Headers, name: bytes) -> Sequence[bytes]:
    found = headers.get(name, ())
    return found if name == b"via" else found[:1]


def _fault(first: bytes, headers: _Headers) -> tuple[int, str]:
    """Name what is wrong, as far as that can be seen; something is, or Kamailio would have read it."""
    if first.split()[-1].upper() != b"SIP/2.0":
        return 505, "Version Not Supported"
    if missing := [name for key, name in _REPEATED.items() if key not in headers]:
        return 400, f"Missing {', '.join(missing)}"
    if double := [name for key, name in _SINGLE.items() if len(headers.get(key, ())) > 1]:
        return 400, f"More Than One {', '.join(double)}"
    if len(first.split(b" ")) != 3:
        return 400, "Unreadable Request Line"
    if b"\n" in headers[b"cseq"][0]:
        return 400, "Folded CSeq"
    wrong = {
        "CSeq": not _CSEQ.fullmatch(headers[b"cseq"][0]),
        "Content-Length": not all(one.isdigit() for one in headers.get(b"content-length", ())),
        "To": _open(headers[b"to"][0]),
        "From": _open(headers[b"from"][0]),
        "Via": not _VIA.fullmatch(_FOLD.sub(b" ", headers[b"via"][0]).partition(b",")[0]),
        "Header Name": not all(_TOKEN.fullmatch(name) for name in headers),
    }
    return 400, f"Unreadable {next((name for name, is_wrong in wrong.items() if is_wrong), 'Header')}"


def _open(value: bytes) -> bool:
    """Say whether a quoted string does not end."""
    return re.sub(rb"\\.", b"", value).count(b'"') % 2 == 1
