"""What is answered to requests that Kamailio cannot read."""

from __future__ import annotations

import random

import pytest

from sextet.sip.kemi import unreadable
from sextet.sip.kemi.unreadable import BYTES_MAX, answer
from tests.support.ksr import FakeKSR
from tests.support.torture import MESSAGES

LINE = "OPTIONS sip:bob@example.com SIP/2.0"
HEADERS = (
    "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2", "v: SIP/2.0/TCP 192.0.2.7",
    "Max-Forwards: 70", "f: <sip:alice@example.com>;tag=a", "To: <sip:bob@example.com>", "Call-ID: 1",
    "CSeq: 1 OPTIONS", "User-Agent: one of the usual length",
)  # fmt: skip


def _request(*others: str, first: str = LINE, leave: str = "") -> bytes:
    """Write a request that can be read but for what is said here."""
    kept = [one for one in HEADERS if not leave or not one.startswith(leave)]
    return "\r\n".join([first, *kept, *others, "", ""]).encode()


FAULTS = (
    (_request(first="OPTIONS sip:bob@example.com SIP/3.0"), "505 Version Not Supported"),
    (_request(leave="Call-ID"), "400 Missing Call-ID"),
    (_request(leave="To"), "400 Missing To"),
    (_request("i: 2", "Max-Forwards: 5"), "400 More Than One Call-ID, Max-Forwards"),
    (_request(first="OPTIONS  sip:bob@example.com SIP/2.0"), "400 Unreadable Request Line"),
    (_request(first="OPTIONS sip:bob@example.com; lr SIP/2.0"), "400 Unreadable Request Line"),
    (_request("CSeq: 1\r\n OPTIONS", leave="CSeq"), "400 Folded CSeq"),
    (_request("CSeq: one OPTIONS", leave="CSeq"), "400 Unreadable CSeq"),
    (_request("Content-Length: -5"), "400 Unreadable Content-Length"),
    (_request('To: "Bob <sip:bob@example.com>', leave="To"), "400 Unreadable To"),
    (_request("From: 4\" <sip:alice@example.com>;tag=a", leave="f"), "400 Unreadable From"),
    (_request().replace(b"bK1,", b"bK1;;,"), "400 Unreadable Via"),
    (_request("Two Words: 1"), "400 Unreadable Header Name"),
    (_request("No colon"), "400 Unreadable Header Name"),
    (_request(), "400 Unreadable Header"),
)  # fmt: skip


@pytest.mark.parametrize(("request_", "status"), FAULTS, ids=[status for _, status in FAULTS])
def test_the_answer_names_the_fault(request_: bytes, status: str) -> None:
    assert answer(request_).partition("\r\n")[0] == f"SIP/2.0 {status}"


def test_the_answer_has_the_headers_of_an_answer_and_no_other() -> None:
    request = _request("CSeq: 2\r\n OPTIONS", leave="CSeq")
    lines = answer(request).split("\r\n")
    assert lines[1:6] == [
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK2",
        "Via: SIP/2.0/TCP 192.0.2.7", "From: <sip:alice@example.com>;tag=a", lines[4], "Call-ID: 1",
    ]  # fmt: skip
    assert lines[4].startswith("To: <sip:bob@example.com>;tag=")
    assert lines[6:] == ["CSeq: 2 OPTIONS", "Content-Length: 0", "", ""]
    assert answer(request) == "\r\n".join(lines), "one request has one tag, however often it comes (RFC 3261 8.2.7)"


SILENT = (
    _request(first="SIP/2.0 200 OK"), _request(first="sip/2.0 4294967301 better"), _request(first="GET / HTTP/1.1"),
    _request(first="ACK sip:bob@example.com SIP/3.0"), _request("CSeq: 1 ACK", leave="CSeq"),
    _request(first="OPTIONS SIP/2.0"),
    _request(leave="V").replace(b"v: ", b"x: "), _request("To: \x07", leave="To"), _request("To: a\rb: c", leave="To"),
    _request("To: \x00", leave="To"), _request("To: ä", leave="To").decode().encode("latin-1"),
    _request() + b"a" * BYTES_MAX,
    f"{LINE}\r\nv:a\r\n\r\n".encode(), b"", b"\r\n\r\n", b"\x80" * 60,
)  # fmt: skip


@pytest.mark.parametrize("message", SILENT)
def test_nothing_is_answered_to_what_is_no_request_or_cannot_be_answered(message: bytes) -> None:
    assert answer(message) == ""


def test_no_answer_is_longer_than_what_came_or_answers_an_answer() -> None:
    dice = random.Random(4475)
    for _ in range(2_000):
        message = bytearray(dice.choice(MESSAGES).data)
        for _ in range(dice.randrange(4)):
            where = dice.randrange(len(message))
            message[where : where + dice.randrange(12)] = dice.choice((b"", b"\r\n", b"\x00", b" ", b'"', b":"))
        said = answer(bytes(message))
        assert len(said.encode()) <= len(message)
        assert answer(said.encode()) == ""
        assert not (said and message.lstrip(b"\r\n").startswith((b"SIP/", b"ACK ")))


@pytest.mark.parametrize(("here", "there"), [("192.0.2.1", "192.0.2.9"), ("[2001:db8::1]", "2001:db8::9")])
def test_the_answer_goes_back_to_where_the_request_came_from(here: str, there: str) -> None:
    ksr = FakeKSR()
    ksr.values |= {"$proto": "udp", "$si": there, "$sp": 5062, "$Ri": here, "$Rp": 5060}
    ksr.values["$(mb{s.encode.hexa})"] = _request(leave="CSeq").hex()
    assert unreadable.refuse(ksr)
    bracketed = there if "." in there else f"[{there}]"
    assert [one[:2] for one in ksr.thrown] == [(f"sip:{bracketed}:5062;transport=udp", f"udp:{here}:5060")]
    assert ksr.htables["count"]["unreadable"] == 1
    ksr.values["$(mb{s.encode.hexa})"] = b"\x80".hex()
    assert not unreadable.refuse(ksr)
    assert len(ksr.thrown) == 1
