"""The crowd of phones: all register, call and leave; a refusal near a limit is asked again, another one is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from sextet.lab import crowd
from sextet.lab.crowd import Crowd, Refused


class PlayedPeer(asyncio.DatagramProtocol):
    """A peer at a port of its own: it grants what it is asked, and sends calls on to where they came from."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()  # method and Call-ID: what is sent again counts once
        self.refusals = 0  # how many requests it refuses first
        self.deaf = 0  # how many datagrams it loses first
        self.transport: asyncio.DatagramTransport

    @property
    def seen(self) -> Counter[str]:
        return Counter(method for method, _ in self._seen)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        method = text.split()[0]
        if self.deaf:
            self.deaf -= 1
            return
        if method == "SIP/2.0":
            self.transport.sendto(data, addr)  # the answer of who is called, to who calls
            return
        self._seen.add((method, text.lower().partition("call-id: ")[2].partition("\r")[0]))
        if method != "ACK" and self.refusals:
            self.refusals -= 1
            self.transport.sendto(answer(text, "503 No room"), addr)
        elif method == "INVITE":
            self.transport.sendto(data, addr)
        elif method != "ACK":
            self.transport.sendto(answer(text, "200 OK"), addr)


def answer(request: str, status: str) -> bytes:
    kept = ("via", "from", "to", "call-id", "cseq")
    lines = [line for line in request.split("\r\n") if line.partition(":")[0].lower() in kept]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""]).encode()


def played(
    play: Callable[[Crowd, PlayedPeer], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, answer_s: float = 10.0
) -> PlayedPeer:
    peer = PlayedPeer()

    async def run() -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: peer, ("127.0.0.1", 0))
        peer.transport = transport
        monkeypatch.setattr(crowd, "SIP_PORT", transport.get_extra_info("sockname")[1])
        phones = await Crowd("127.0.0.1", "127.0.0.1").open()
        try:
            await play(phones, peer)
        finally:
            phones.close()
            transport.close()

    monkeypatch.setattr(crowd, "AGAIN_S", 0.01)
    monkeypatch.setattr(crowd, "ANSWER_S", answer_s)
    asyncio.run(run())
    return peer


def test_a_crowd_registers_calls_and_takes_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(phones: Crowd, _: PlayedPeer) -> None:
        await phones.register(f"user{number}" for number in range(200))
        await phones.call([("user1", "user2"), ("user3", "user4")])
        await phones.leave()

    seen = played(play, monkeypatch).seen
    assert (seen["REGISTER"], seen["INVITE"], seen["ACK"], seen["BYE"]) == (400, 2, 2, 2)


def test_who_is_refused_for_a_moment_asks_again_and_acknowledges_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(phones: Crowd, peer: PlayedPeer) -> None:
        peer.refusals = 2
        await phones.call([("user1", "user2")])

    seen = played(play, monkeypatch).seen
    assert (seen["INVITE"], seen["ACK"]) == (3, 3)


def test_a_datagram_that_is_lost_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(phones: Crowd, peer: PlayedPeer) -> None:
        peer.deaf = 1
        await phones.register(["user1"])

    assert played(play, monkeypatch).seen["REGISTER"] == 1


def test_a_refusal_that_stays_and_silence_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(phones: Crowd, peer: PlayedPeer) -> None:
        peer.refusals = 10_000
        with pytest.raises(Refused, match="REGISTER with 503 No room"):
            await phones.register(["user1"])
        peer.deaf = 10_000
        with pytest.raises(Exception, match="does not answer REGISTER"):
            await phones.register(["user2"])

    played(play, monkeypatch, answer_s=0.5)
