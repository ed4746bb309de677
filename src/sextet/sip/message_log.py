"""Log level 4: every SIP message as it was on the wire, without what proves who somebody is.

How it works. Kamailio's module sipdump keeps the last messages in its memory while it is enabled; the keeper of the
engine takes them once a second. What came too fast to be kept or written is counted and said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sextet.engine import Journal
from sextet.sip.agent_line import AgentLine
from sextet.sip.rpc import command

WRITTEN_MAX = 500  # of a second: 1.5 MB of log, which the files hold for half a minute
EVENTS = {"rcv": "Message Received", "snd": "Message Sent"}  # sipdump's tags (facts 11.6)
HIDDEN = "(hidden)"
_CREDENTIALS = re.compile(r"(?im)^((?:Proxy-)?Authorization|(?:Proxy-)?Authentication-Info|X-Sextet-[\w-]+)[ \t]*:.*$")
_USER = re.compile(r'(\w+)\s.*?username="([^"]*)"', re.DOTALL)
_KEYS = re.compile(r"(?im)^(a=crypto:\d+ \S+ inline:|a=key-mgmt:\S+ |k=\w+:)\S+")
_ROUTE_PROOF = re.compile(r"(?i)(;sx=)[0-9a-f]+")
_VIA = re.compile(r"(?im)^(?:Via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*(\w+)")
_FOLDED = re.compile(r"\r?\n[ \t]+")  # RFC 3261 7.3.1


class MessageLog:
    """Follows what is wanted; `round` is called once a second while Kamailio runs."""

    def __init__(self, run_dir: Path, line: AgentLine, journal: Journal) -> None:
        self.wanted = False
        self._run_dir, self._line, self._journal = run_dir, line, journal
        self._enabled: bool | None = None  # not known of a Kamailio that was just started or adopted
        self._turn = 0

    def forget(self) -> None:
        """Another Kamailio runs now."""
        self._enabled, self._turn = None, 0

    async def round(self) -> None:
        """Turn it on or off, and write what was kept. Raises EngineError."""
        if self._enabled is not self.wanted:
            await command(self._run_dir, "sipdump.enable", int(self.wanted))
            before, self._enabled = self._enabled, self.wanted
            if before is None or self.wanted:
                self._turn = 0
        if self.wanted:
            self._write(sorted((_turn(about), about, text) for about, text in await self._line.messages()))

    def _write(self, messages: Sequence[tuple[int, str, str]]) -> None:
        if not messages:
            return
        missed = max(0, messages[-1][0] - self._turn - len(messages)) if self._turn else 0
        self._turn = max(self._turn, messages[-1][0])
        for _, about, text in messages[:WRITTEN_MAX]:
            event, fields = described(about, text)
            self._journal.event(event, **fields)
        missed += max(0, len(messages) - WRITTEN_MAX)
        if missed:
            self._journal.module("network.sip", "WARN", f"{missed} messages came too fast to be logged")


def described(about: str, text: str) -> tuple[str, dict[str, str]]:
    """Give the event and its fields for one message; `about` is what kamailio.cfg.j2 writes of it."""
    _, tag, src_ip, src_port, dst_ip, dst_port, *_ = [*about.split("|"), *[""] * 6]
    head, _, body = redacted(text).replace("\r\n", "\n").partition("\n\n")
    start = head.partition("\n")[0].split(" ", 2)
    answer = start[0].startswith("SIP/")
    via = _VIA.search(head)  # the first is of this very hop, in requests and in answers
    cseq = _header(head, "CSeq").split()
    fields = {
        "Service": "SIP",
        "Src-ip": src_ip,
        "Src-port": src_port,
        "Dst-ip": dst_ip,
        "Dst-port": dst_port,
        "Protocol": via[1].upper() if via else "",
        "Method": cseq[-1] if cseq else start[0],
        **({"Reason": " ".join(start[1:])} if answer else {"Request-URI": start[1] if len(start) > 1 else ""}),
        "To": _header(head, "To"),
        "Call-id": _header(head, "Call-ID"),
        "Num-bytes": str(len(text.encode(errors="replace"))),
        "Detail": head,
        **({"Body": body.strip()} if body.strip() else {}),
        "Level": "4",
    }
    return EVENTS.get(tag, EVENTS["rcv"]), fields


def redacted(text: str) -> str:
    """Take out digests, proofs and media keys; whose they are stays."""
    unfolded = _FOLDED.sub(" ", text) if _FOLDED.search(text) else text
    return _ROUTE_PROOF.sub(rf"\1{HIDDEN}", _KEYS.sub(rf"\1{HIDDEN}", _CREDENTIALS.sub(_hidden, unfolded)))


def _hidden(found: re.Match[str]) -> str:
    name, _, value = found[0].partition(":")
    user = _USER.match(value.strip())
    whose = f'{user[1]} username="{user[2]}", ' if user else ""
    return f"{name}: {whose}{HIDDEN}"


def _header(head: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}[ \t]*:[ \t]*(.*)$", head)
    short = {"To": "t", "Call-ID": "i"}.get(name)  # RFC 3261 7.3.3
    if found is None and short:
        found = re.search(rf"(?im)^{short}[ \t]*:[ \t]*(.*)$", head)
    return found[1].strip() if found else ""


def _turn(about: str) -> int:
    number = about.partition("|")[0]
    return int(number) if number.isdecimal() else 0
