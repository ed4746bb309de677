"""A crowd of phones on one UDP socket: they register by the thousand, call each other, and leave (RFC 3261).

The lab's phones hear and speak (phone.py); these are only counted. They know no password, so their peer has to take
them as they are.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sextet.lab.ask import Failed
from sextet.lab.plan import DOMAIN, SIP_PORT

AT_ONCE = 50  # requests without an answer; more only fill the socket's buffer
ANSWER_S = 10.0
AGAIN_S = 0.5  # T1 of RFC 3261 17.1.1.1
LIFETIME_S = 3600
T = TypeVar("T")
_SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
_ROUTE = re.compile(r"<[^>]+>[^,]*")
SDP = (
    "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
)


class Refused(Failed):
    """The peer said no."""


@dataclass(frozen=True, slots=True)
class _Message:
    first: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    def one(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0


class Crowd(asyncio.DatagramProtocol):
    """Phones at one address and port, all at one peer; they answer every call at once, with sound and picture."""

    def __init__(self, ip: str, peer: str) -> None:
        self._ip, self._peer = ip, peer
        self._port = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._answers: dict[tuple[str, str], asyncio.Future[_Message]] = {}
        self._registered: dict[str, str] = {}  # alias and user agent
        self._calls: list[_Message] = []  # the answers that made them
        self._numbers = itertools.count(1)

    async def open(self) -> Crowd:
        """Bind a port."""
        made = asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(self._ip, 0))
        self._transport, _ = await made
        bound: socket.socket = self._transport.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._port = bound.getsockname()[1]
        return self

    def close(self) -> None:
        """Close the port, whoever still calls."""
        if self._transport is not None:
            self._transport.close()

    async def register(self, users: Iterable[str], agent: str = "crowd") -> None:
        """Register these users, all of them. Raises Failed with the first refusal."""
        aliases = [f"{user}@{DOMAIN}" for user in users]
        self._registered |= dict.fromkeys(aliases, agent)
        await _each(aliases, lambda alias: self._register(alias, LIFETIME_S))

    async def call(self, callers: Sequence[tuple[str, str]]) -> None:
        """Let each of these call the other, and stay in the call. Raises Failed with the first refusal."""
        await _each(callers, lambda pair: self._call(*pair))

    async def leave(self) -> None:
        """End every call, then every registration."""
        calls, self._calls = self._calls, []
        await _each(calls, self._hang_up)
        await _each(self._registered, lambda alias: self._register(alias, 0))
        self._registered.clear()

    async def _register(self, alias: str, lifetime_s: int) -> None:
        head = [f"Contact: <sip:{alias.partition('@')[0]}@{self._ip}:{self._port}>", f"Expires: {lifetime_s}"]
        head.append(f"User-Agent: {self._registered[alias]}")
        await self._let_in(lambda: self._request("REGISTER", f"sip:{DOMAIN}", alias, f"<sip:{alias}>", head))

    async def _call(self, caller: str, called: str) -> None:
        uri, head = f"sip:{called}@{DOMAIN}", [f"Contact: <sip:{caller}@{self._ip}:{self._port}>"]
        answer = await self._let_in(lambda: self._request("INVITE", uri, f"{caller}@{DOMAIN}", f"<{uri}>", head))
        self._send(self._within(answer, "ACK"))
        self._calls.append(answer)

    async def _let_in(self, ask: Callable[[], Awaitable[_Message]]) -> _Message:
        """Ask again after a refusal: near a limit a peer has to borrow from the others what is left of it."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                return await ask()
            except Refused:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_S)

    async def _hang_up(self, answer: _Message) -> None:
        await self._answered(self._within(answer, "BYE"), answer.one("call-id"), "2 BYE")

    async def _request(self, method: str, uri: str, alias: str, to: str, more: Sequence[str]) -> _Message:
        call_id = uuid.uuid4().hex
        head = [f"From: <sip:{alias}>;tag=1", f"To: {to}", f"Call-ID: {call_id}", *more]
        return await self._answered(self._text(method, uri, head, 1), call_id, f"1 {method}")

    def _within(self, answer: _Message, method: str) -> str:
        target = _ROUTE.findall(answer.one("contact"))[0].strip("<>")
        routes = [route.strip() for value in answer.all("record-route") for route in _ROUTE.findall(value)]
        head = [f"Route: {route}" for route in reversed(routes)]
        head += [f"{name.title()}: {answer.one(name)}" for name in ("from", "to", "call-id")]
        return self._text(method, target, head, 1 if method == "ACK" else 2)

    def _text(self, method: str, uri: str, head: Sequence[str], cseq: int) -> str:
        via = f"Via: SIP/2.0/UDP {self._ip}:{self._port};branch=z9hG4bK{next(self._numbers)};rport"
        return self._whole(
            [f"{method} {uri} SIP/2.0", via, "Max-Forwards: 70", f"CSeq: {cseq} {method}", *head], method == "INVITE"
        )

    def _whole(self, lines: Sequence[str], body: bool) -> str:
        sdp = SDP.format(ip=self._ip) if body else ""
        more = ["Content-Type: application/sdp"] if body else []
        return "\r\n".join([*lines, *more, f"Content-Length: {len(sdp)}", "", sdp])

    async def _answered(self, text: str, call_id: str, cseq: str) -> _Message:
        """Send until a final answer comes, and give it; raises Failed for any but a 2xx."""
        future: asyncio.Future[_Message] = asyncio.get_running_loop().create_future()
        self._answers[call_id, cseq] = future
        try:
            async with asyncio.timeout(ANSWER_S):
                while not future.done():
                    self._send(text)
                    await asyncio.wait([future], timeout=AGAIN_S)
        except TimeoutError:
            raise Failed(f"{self._peer} does not answer {cseq.split()[1]}.") from None
        finally:
            del self._answers[call_id, cseq]
        answer = future.result()
        if answer.status >= 300:
            if cseq.endswith("INVITE"):  # RFC 3261 17.1.1.3: the same but for the tag
                given = [
                    line for line in text.partition("\r\n\r\n")[0].split("\r\n")[:-2] if not line.startswith("To:")
                ]
                acknowledged = [line.replace("INVITE", "ACK") for line in given]
                self._send(self._whole([*acknowledged, f"To: {answer.one('to')}"], False))
            raise Refused(f"{self._peer} answers {cseq.split()[1]} with {answer.first.partition(' ')[2]}.")
        return answer

    def _send(self, text: str) -> None:
        assert self._transport is not None
        self._transport.sendto(text.encode(), (self._peer, SIP_PORT))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take an answer, or answer a request."""
        message = _parsed(data)
        if message.status >= 200:
            waiting = self._answers.get((message.one("call-id"), message.one("cseq")))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif message.first.startswith(("INVITE ", "BYE ", "OPTIONS ")):
            self._send(self._accepted(message))

    def _accepted(self, request: _Message) -> str:
        invited = request.first.startswith("INVITE ")
        lines = ["SIP/2.0 200 OK", *(f"Via: {via}" for via in request.all("via"))]
        lines += [f"Record-Route: {route}" for route in request.all("record-route")]
        lines += [f"{name.title()}: {request.one(name)}" for name in ("from", "call-id", "cseq")]
        tag = "" if ";tag=" in request.one("to") else ";tag=2"
        lines += [f"To: {request.one('to')}{tag}", *([f"Contact: <sip:{self._ip}:{self._port}>"] if invited else [])]
        return self._whole(lines, invited)


def _parsed(data: bytes) -> _Message:
    first, *lines = data.decode(errors="replace").partition("\r\n\r\n")[0].split("\r\n")
    pairs = (line.partition(":") for line in lines)
    named = ((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return _Message(first, tuple((_SHORT.get(name, name), value) for name, value in named))


async def _each(things: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    """Do something for each, a few at the same time; raises what the first failure raises, after all of them."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(thing: T) -> None:
        async with free:
            await act(thing)

    results = await asyncio.gather(*(one(thing) for thing in list(things)), return_exceptions=True)
    for failure in results:
        if isinstance(failure, BaseException):
            raise failure
