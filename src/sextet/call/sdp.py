"""How much bandwidth does a session description ask for, and how is it told to ask for less (RFC 4566, RFC 3890)?

A description says what its writer is willing to receive. What counts is the rate of the media, without the headers of
lower layers: `b=TIAS` says just that, `b=AS` and `b=CT` are taken as if they did, as the original's figures do (our
choice). Audio without `b=` counts as its codecs, video without `b=` makes the whole session count as the configured
default. A medium that is refused (port 0) counts nothing; one on hold keeps what it has, so that it can be resumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

BYTES_MAX = 64 << 10  # larger than any datagram
LINES_MAX = 2000
MEDIA_MAX = 64  # a description with more is somebody's attempt to keep us busy
KBPS_MAX = 100_000_000  # facts appendix A: the largest bandwidth that can be configured
AUDIO_KBPS = 64  # of a codec that is not known here
_LINE = re.compile(r"[a-z]=")
_BANDWIDTH = re.compile(r"b=(AS|CT|TIAS):([0-9]{1,12})\s*\Z")
_STATIC = {"0": "pcmu", "3": "gsm", "4": "g723", "8": "pcma", "9": "g722", "15": "g728", "18": "g729"}  # RFC 3551 6
_CODECS = {  # kbit/s at most; codecs with a choice of rates say theirs in a=fmtp
    "pcmu": 64, "pcma": 64, "g722": 64, "g728": 16, "g729": 8, "g723": 7, "gsm": 13, "ilbc": 16, "g719": 128,
    "g7221": 48, "siren14": 48, "opus": 64, "amr": 13, "amr-wb": 24, "speex": 28, "mp4a-latm": 128,
    "mpeg4-generic": 128, "evs": 128, "telephone-event": 0, "cn": 0,
}  # fmt: skip
_RTPMAP = re.compile(r"a=rtpmap:([0-9]{1,3}) +([A-Za-z0-9._-]+)/")
_FMTP = re.compile(r"a=fmtp:([0-9]{1,3}) .*?\b(?:bitrate|maxaveragebitrate)=([0-9]{4,8})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One medium; `stated_kbps` is its `b=`, None without one, the codecs' rates are of audio only."""

    kind: str
    active: bool
    stated_kbps: int | None
    most_kbps: int = 0
    least_kbps: int = 0

    @property
    def kbps(self) -> int | None:
        """Give what it counts; None where that cannot be known."""
        if not self.active:
            return 0
        if self.stated_kbps is not None:
            return self.stated_kbps
        return {"audio": self.most_kbps, "video": None}.get(self.kind, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A description that was read."""

    stated_kbps: int | None
    media: tuple[Media, ...]

    @property
    def audio_only(self) -> bool:
        """Say whether one audio medium is asked for and nothing else (facts 8.1); without media it says nothing."""
        return self._active == ["audio"]

    @property
    def more_than_audio(self) -> bool:
        """Say whether it makes an audio call one that counts as video."""
        return bool(self._active) and not self.audio_only

    @property
    def _active(self) -> list[str]:
        return [medium.kind for medium in self.media if medium.active]

    @property
    def has_video(self) -> bool:
        return any(medium.active and medium.kind == "video" for medium in self.media)

    def needs(self, default_kbps: int) -> int:
        """Give what the session counts, as far as this description says."""
        return _total(self.stated_kbps, [medium.kbps for medium in self.media], default_kbps)

    @property
    def least(self) -> int | None:
        """Give what an audio call needs at the very least; None where there is video, which can do with anything."""
        if self.has_video:
            return None
        return sum(min(medium.least_kbps, medium.kbps or 0) for medium in self.media if medium.active)


def read(text: str) -> Session | None:
    """Read a description; None for what is none, which counts as a call that does not say what it needs."""
    lines = _lines(text)
    if lines is None:
        return None
    parts = _parts(lines)
    if len(parts) > MEDIA_MAX + 1:
        return None
    media = [_medium(part) for part in parts[1:]]
    if any(medium is None for medium in media):
        return None
    return Session(stated_kbps=_stated(parts[0]), media=tuple(medium for medium in media if medium is not None))


def agreed_kbps(offer: Session, answer: Session, default_kbps: int) -> int:
    """Give what a session counts once it is answered: of both directions the larger (RFC 3264)."""
    rates = [_both(one, other) for one, other in zip(offer.media, answer.media, strict=False)]
    stated = [session.stated_kbps for session in (offer, answer) if session.stated_kbps is not None]
    return _total(max(stated, default=None), rates, default_kbps)


def capped(text: str, kbps: int) -> str:
    """Write a description that asks for no more than this; audio keeps its rate, video gets the rest.

    What `read` does not understand comes back as it is.
    """
    session, lines = read(text), _lines(text)
    if session is None or lines is None:
        return text
    parts = _parts(lines)
    audio = sum(min(medium.kbps or 0, kbps) for medium in session.media if medium.kind == "audio")
    out = _lowered(parts[0], kbps, insert=True, before="trzka")
    for medium, part in zip(session.media, parts[1:], strict=True):
        if medium.kind == "audio" or not medium.active:
            out += _lowered(part, kbps, insert=False)
        else:
            out += _lowered(part, max(0, kbps - audio), insert=medium.kind == "video", before="bka")
    ending = "\r\n" if "\r\n" in text else "\n"
    return ending.join(out) + ending


def _total(stated: int | None, rates: Sequence[int | None], default_kbps: int) -> int:
    known = sum(rate for rate in rates if rate is not None)
    if None not in rates:
        return min(known, KBPS_MAX if stated is None else stated)
    return stated if stated is not None else max(default_kbps, known)


def _both(offer: Media, answer: Media) -> int | None:
    if not (offer.active and answer.active):
        return 0
    if answer.kind == "audio":
        mine, theirs = answer.kbps or 0, offer.kbps or 0
        return max(mine, min(theirs, answer.most_kbps))
    rates = [rate for rate in (offer.kbps, answer.kbps) if rate is not None]
    return max(rates, default=None)


def _lines(text: str) -> list[str] | None:
    """Split it; None where it is no description: every line has a type, the first is `v=0` (RFC 4566 5)."""
    if len(text) > BYTES_MAX:
        return None
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0].strip() != "v=0" or len(lines) > LINES_MAX:
        return None
    return lines if all(_LINE.match(line) for line in lines) else None


def _parts(lines: Sequence[str]) -> list[list[str]]:
    """The session's own lines, then those of each medium."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def _medium(lines: Sequence[str]) -> Media | None:
    words = lines[0][2:].split()
    port = words[1].partition("/")[0] if len(words) >= 4 else ""
    if not (port.isascii() and port.isdigit() and len(port) < 6):
        return None
    rates = list(_rates(words[3:], lines)) if words[0] == "audio" else []
    return Media(
        kind=words[0],
        active=int(port) > 0,
        stated_kbps=_stated(lines),
        most_kbps=max(rates, default=0),
        least_kbps=min((rate for rate in rates if rate), default=0),
    )


def _rates(formats: Sequence[str], lines: Sequence[str]) -> Iterator[int]:
    names = dict(_STATIC)
    own: dict[str, int] = {}
    for line in lines:
        if found := _RTPMAP.match(line):
            names[found[1]] = found[2].lower()
        elif found := _FMTP.match(line):
            own[found[1]] = -(-int(found[2]) // 1000)
    for format in formats[:MEDIA_MAX]:
        yield own.get(format, _CODECS.get(names.get(format, ""), AUDIO_KBPS))


def _stated(lines: Sequence[str]) -> int | None:
    """TIAS is more exact than AS where both are there (RFC 3890 6.2); of one kind the last line counts."""
    found = {match[1]: int(match[2]) for line in lines if (match := _BANDWIDTH.match(line))}
    if "TIAS" in found:
        return min(-(-found["TIAS"] // 1000), KBPS_MAX)
    rate = found.get("AS", found.get("CT"))
    return None if rate is None else min(rate, KBPS_MAX)


def _lowered(lines: Sequence[str], kbps: int, *, insert: bool, before: str = "") -> list[str]:
    """Lower every `b=` that is above; `insert` adds one where there is none, before lines of these types."""
    out, stated = [], False
    for line in lines:
        found = _BANDWIDTH.match(line)
        if found:
            stated = True
            most = kbps * 1000 if found[1] == "TIAS" else kbps
            line = f"b={found[1]}:{min(int(found[2]), most)}"
        out.append(line)
    if insert and not stated:
        place = next((n for n, line in enumerate(out) if n and line[0] in before), len(out))
        out.insert(place, f"b=AS:{kbps}")
    return out
