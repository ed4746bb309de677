"""Level 4: what is written of a SIP message, and what never is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sextet.sip import message_log
from sextet.sip.message_log import WRITTEN_MAX, MessageLog, described, redacted
from tests.support.fake_peer import Lines

ABOUT = "7|rcv|192.0.2.9|5070|127.61.1.1|5061"
INVITE = "\r\n".join(
    [
        "INVITE sip:bob@apolo.local SIP/2.0",
        "Via: SIP/2.0/TLS 192.0.2.9:5070;branch=z9hG4bK1",
        "Route: <sip:127.61.1.1:5061;transport=tls;lr;sx=0123456789abcdef0123456789abcdef>",
        "f: <sip:alice@apolo.local>;tag=a",
        "t: <sip:bob@apolo.local>",
        "i: 4711",
        "CSeq: 2 INVITE",
        'Proxy-Authorization: Digest username="alice", realm="apolo.local", nonce="n0nce",',
        ' response="5ec2e7", uri="sip:bob@apolo.local"',
        "X-Sextet-Peer: n=1;tag=00;mac=c0ffee",
        "Content-Type: application/sdp",
        "Content-Length: 99",
        "",
        "v=0",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "a=sendrecv",
        "",
    ]
)


def test_a_request_is_told_with_the_fields_of_the_original_and_whole() -> None:
    event, fields = described(ABOUT, INVITE)
    assert event == "Message Received"
    assert list(fields.items())[:10] == [
        ("Service", "SIP"), ("Src-ip", "192.0.2.9"), ("Src-port", "5070"), ("Dst-ip", "127.61.1.1"),
        ("Dst-port", "5061"), ("Protocol", "TLS"), ("Method", "INVITE"), ("Request-URI", "sip:bob@apolo.local"),
        ("To", "<sip:bob@apolo.local>"), ("Call-id", "4711"),
    ]  # fmt: skip
    assert fields["Num-bytes"] == str(len(INVITE)) and fields["Level"] == "4"
    assert fields["Detail"].startswith("INVITE sip:bob") and "a=sendrecv" in fields["Body"]


def test_an_answer_is_told_with_its_status_and_the_method_that_it_answers() -> None:
    text = "SIP/2.0 486 Busy Here\r\nv: SIP / 2.0 / udp x;branch=y\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
    event, fields = described(ABOUT.replace("rcv", "snd"), text)
    assert (event, fields["Method"], fields["Reason"]) == ("Message Sent", "INVITE", "486 Busy Here")
    assert fields["Protocol"] == "UDP"
    assert "Body" not in fields and "Request-URI" not in fields


def test_whose_credentials_they_are_stays_and_what_proves_it_does_not() -> None:
    text = redacted(INVITE)
    for secret in ("5ec2e7", "n0nce", "c0ffee", "0123456789abcdef", "WVNfX19"):
        assert secret not in text, secret
    assert 'Proxy-Authorization: Digest username="alice", (hidden)' in text
    assert "inline:(hidden)" in text and ";sx=(hidden)" in text and "X-Sextet-Peer: (hidden)" in text
    basic = redacted("AUTHORIZATION : Basic YWxpY2U6c2VjcmV0\r\n")
    assert "YWxpY2U6" not in basic


@pytest.mark.parametrize("text", ["", "\r\n\r\n", "\x00\xff|", "INVITE", "SIP/2.0", "x" * 70_000, ":\n:\n\n:"])
@pytest.mark.parametrize("about", ["", "|||", "x|y|z", ABOUT])
def test_whatever_was_on_the_wire_makes_a_line(text: str, about: str) -> None:
    event, fields = described(about, text)
    assert event.startswith("Message ") and fields["Level"] == "4"


class Kamailio:
    """Keeps messages while it is told to; stands for the agent's line and the command."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.kept: list[tuple[str, str]] = []
        self.lines = Lines()
        monkeypatch.setattr(message_log, "command", self._command)
        self.log = MessageLog(Path("/nowhere"), self, self.lines)  # type: ignore[arg-type]

    async def _command(self, run_dir: Path, method: str, *parameters: Any) -> None:
        self.said.append(f"{method} {parameters[0]}")

    async def messages(self) -> list[tuple[str, str]]:
        kept, self.kept = self.kept, []
        return kept

    def keep(self, turns: range) -> None:
        self.kept = [(f"{turn}|rcv||||", "OPTIONS sip:x SIP/2.0") for turn in turns]

    def round(self) -> None:
        asyncio.run(self.log.round())

    @property
    def warnings(self) -> list[str]:
        return [fields["Detail"] for event, fields in self.lines.lines if event == "network.sip"]


def test_kamailio_is_told_once_what_is_wanted_and_again_when_another_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    kamailio = Kamailio(monkeypatch)
    kamailio.round()
    kamailio.round()
    kamailio.log.wanted = True
    kamailio.keep(range(1, 4))
    kamailio.round()
    assert [event for event, _ in kamailio.lines.lines] == ["Message Received"] * 3
    kamailio.log.forget()
    kamailio.round()
    assert kamailio.said == ["sipdump.enable 0", "sipdump.enable 1", "sipdump.enable 1"]


def test_what_came_too_fast_to_be_kept_or_written_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    kamailio = Kamailio(monkeypatch)
    kamailio.log.wanted = True
    kamailio.keep(range(1, 11))
    kamailio.round()
    kamailio.keep(range(16, 21))
    kamailio.round()
    assert kamailio.warnings == ["5 messages came too fast to be logged"]
    kamailio.keep(range(21, 21 + WRITTEN_MAX + 9))
    kamailio.round()
    assert kamailio.warnings[1:] == ["9 messages came too fast to be logged"]
    assert sum(event == "Message Received" for event, _ in kamailio.lines.lines) == 15 + WRITTEN_MAX
