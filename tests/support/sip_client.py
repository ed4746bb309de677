"""A small real SIP phone for tests: UDP, TCP or TLS, digest, registers, calls and is called (RFC 3261)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import re
import socket
import ssl
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sextet.model.ip import in_uri
from sextet.streams import connect

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
ANSWER_S = 8.0
LEAVE_S = 2.0
T1_S = 0.5  # RFC 3261 17.1.1.1
_SHORT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "k": "supported",
}


@dataclass(slots=True)
class Message:
    """One request or response as it came."""

    first: str
    headers: list[tuple[str, str]]
    body: str = ""
    source: tuple[str, int] | None = None

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.get("cseq").split()[-1]

    def get(self, name: str) -> str:
        return next((value for header, value in self.headers if header == name), "")

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]


@dataclass(slots=True)
class Dialog:
    """A call that was answered, as the phone that keeps its end of it sees it."""

    call_id: str
    local: str  # From or To with our tag
    remote: str
    target: str
    routes: list[str]
    answer: Message
    cseq: int = 1
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Phone:
    """One user agent on one socket."""

    def __init__(
        self, user: str, server: str, *, transport: str = "udp", port: int = 0, domain: str = "apolo.local",
        password: str = "", local_ip: str = "127.0.0.1", local_port: int = 0, instance: str = "",
        reg_id: str = "", outbound: bool = False,
    ) -> None:  # fmt: skip
        self.user, self.domain, self.password = user, domain, password
        self.server = (server, port or (5061 if transport == "tls" else 5060))
        self.transport, self.local_ip = transport, local_ip
        self._own = (local_ip, local_port)
        self.instance, self.reg_id, self.outbound = instance, reg_id, outbound
        self.sdp = SDP  # what an INVITE is answered with
        self.scheme = "sip"  # by which it calls
        self.status = 200  # what an INVITE is answered with; 0 = it rings on
        self.leaves = False  # whether it takes its registration with it, where peers live on for other tests
        self.gruu = ""  # by which others reach this phone, where the registrar gave it one; it is its Contact then
        self.headers: list[str] = []  # that a final answer to an INVITE or UPDATE has besides
        self.received: list[Message] = []
        self.replies: list[Message] = []
        self.dialogs: dict[str, Dialog] = {}
        self.address: tuple[str, int] = (local_ip, 0)
        self._register_id = uuid.uuid4().hex
        self._registered = False
        self._cseq = itertools.count(1)
        self._waiting: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._said: dict[tuple[str, str, str], bytes] = {}  # the newest answer to each request
        self._newest_invite: list[str] = []
        self._arrived = asyncio.Event()
        self._datagrams: asyncio.DatagramTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reader_task: asyncio.Task[None] | None = None

    async def open(self) -> Phone:
        """Bind, and connect where the transport has connections."""
        loop = asyncio.get_running_loop()
        if self.transport == "udp":
            phone = self

            class Protocol(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                    if data.strip():
                        phone._take(_parsed(data, addr))

            self._datagrams, _ = await loop.create_datagram_endpoint(Protocol, local_addr=self._own)
            self.address = self._datagrams.get_extra_info("sockname")
        else:
            context = None
            if self.transport == "tls":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            reader, self._writer = await connect(*self.server, context, source=self.local_ip)
            self.address = self._writer.get_extra_info("sockname")
            self._reader_task = asyncio.create_task(self._read(reader))
        return self

    async def close(self) -> None:
        """Drop the socket, as a phone does that loses its power."""
        self._registered = False
        if self._reader_task is not None:
            self._reader_task.cancel()
        writer, self._writer = self._writer, None
        if writer is not None:
            if connection := writer.get_extra_info("socket"):  # none where TLS ended already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        datagrams, self._datagrams = self._datagrams, None
        if datagrams is not None:
            datagrams.close()

    async def __aenter__(self) -> Phone:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        if self.leaves and self._registered:
            with contextlib.suppress(OSError, TimeoutError):  # its peer may be dead
                async with asyncio.timeout(LEAVE_S):
                    await self.register(0)
        await self.close()

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def place(self) -> str:
        """Its own address and port, as they stand in a URI."""
        return f"{in_uri(self.address[0])}:{self.address[1]}"

    @property
    def target(self) -> str:
        """Its Contact outside of REGISTER."""
        return f"<{self.gruu}>" if self.gruu else self.contact

    @property
    def contact(self) -> str:
        more = f";transport={self.transport}" if self.transport != "udp" else ""
        parameters = f';+sip.instance="<urn:uuid:{self.instance}>"' if self.instance else ""
        parameters += f";reg-id={self.reg_id}" if self.reg_id else ""
        return f"<sip:{self.user}@{self.place}{more}>{parameters}"

    async def register(self, expires: int | None = 3600, contact: str | None = None, extra: str = "") -> Message:
        """Register, with digest where it is asked for; gives the final answer."""
        headers = [f"Contact: {self.contact if contact is None else contact}"] if contact != "" else []
        headers += [f"Expires: {expires}"] if expires is not None else []
        headers += ["Supported: outbound, path"] if self.outbound else []
        uri = f"sip:{self.domain}"
        answer = await self.request("REGISTER", uri, to=self.uri, call_id=self._register_id, extra=[*headers, extra])
        self._registered = answer.status == 200 and expires != 0
        given = [one for one in _split(answer.get("contact")) if self.place in one and "pub-gruu" in one]
        self.gruu = re.findall(r'pub-gruu="([^"]*)"', given[0])[0] if given and self._registered else ""
        return answer

    async def call(
        self, alias: str, extra: str = "", wait_s: float = ANSWER_S, body: str = SDP, acknowledged: bool = True
    ) -> Dialog | Message:
        """Call an alias: the dialog when it was answered, else the refusal."""
        call_id, tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        uri = f"{self.scheme}:{alias}"
        headers = [f"Contact: {self.target}", extra]
        answer = await self.request("INVITE", uri, call_id=call_id, tag=tag, extra=headers, body=body, wait_s=wait_s)
        if answer.status >= 300:
            return answer
        dialog = self.dialog_of(answer)
        self.dialogs[call_id] = dialog
        if acknowledged:
            self.acknowledge(dialog)
        return dialog

    def dialog_of(self, answer: Message) -> Dialog:
        """Give the dialog that an answer to an INVITE of ours makes, early or not (RFC 3261 12.1.2)."""
        routes = [route for value in reversed(answer.all("record-route")) for route in reversed(_split(value))]
        target = re.findall(r"<([^>]+)>", answer.get("contact"))[0]
        cseq = int(answer.get("cseq").split()[0])
        return Dialog(answer.get("call-id"), answer.get("from"), answer.get("to"), target, routes, answer, cseq)

    def acknowledge(self, dialog: Dialog, body: str = "") -> None:
        """Acknowledge the newest answer to an INVITE within a call."""
        self._send_within(dialog, "ACK", dialog.cseq, body)

    def give_up(self) -> None:
        """Cancel the newest call while it rings (RFC 3261 9.1); said again over UDP, as 17.1.2.2 asks for."""
        invite = self._newest_invite
        cancel = _text([line.replace("INVITE", "CANCEL") for line in (invite[0], *invite[1:6], invite[6])], "")
        self.send(cancel)
        if self.transport == "udp":
            asyncio.get_running_loop().call_later(0.5, self.send, cancel)

    async def offer(self, dialog: Dialog, body: str) -> Message:
        """Offer another session within a call (RFC 3261 14); gives the final answer, acknowledged."""
        return await self.within(dialog, "INVITE", body)

    async def within(self, dialog: Dialog, method: str, body: str = "", extra: Sequence[str] = ()) -> Message:
        """Send a request within a call; gives the final answer, an INVITE's acknowledged."""
        dialog.cseq += 1
        queue = self._queue(dialog.call_id, f"{dialog.cseq} {method}")
        self._send_within(dialog, method, dialog.cseq, body, extra)
        answer = await self._final(queue, ANSWER_S)
        if method == "INVITE" and answer.status < 300:
            self.acknowledge(dialog)
        return answer

    async def hang_up(self, dialog: Dialog) -> Message:
        """End a call from either end."""
        return await self.within(dialog, "BYE")

    async def request(
        self, method: str, uri: str, *, to: str = "", call_id: str = "", tag: str = "", extra: list[str] | None = None,
        body: str = "", wait_s: float = ANSWER_S,
    ) -> Message:  # fmt: skip
        """Send a request outside a dialog and wait for its final answer; digest is done once."""
        call_id, tag = call_id or uuid.uuid4().hex, tag or uuid.uuid4().hex[:8]
        credentials: list[str] = []
        while True:
            cseq, branch = next(self._cseq), f"z9hG4bK{uuid.uuid4().hex}"
            queue = self._queue(call_id, f"{cseq} {method}")
            head = [
                f"{method} {uri} SIP/2.0", self._via(branch), "Max-Forwards: 70", f"From: <{self.uri}>;tag={tag}",
                f"To: <{to or uri}>", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}", *(extra or []), *credentials,
            ]  # fmt: skip
            if method == "INVITE":
                self._newest_invite = head
            self.send(_text(head, body))
            answer = await self._final(queue, wait_s, again=_text(head, body))
            if method == "INVITE" and answer.status >= 300:
                self.send(
                    _text(
                        [f"ACK {uri} SIP/2.0", *head[1:4], f"To: {answer.get('to')}", head[5], f"CSeq: {cseq} ACK"], ""
                    )
                )
            if answer.status not in (401, 407) or credentials or not self.password:
                return answer
            credentials = [self._digest(answer, method, uri)]

    async def rings(self, method: str = "INVITE", after: int = 0, wait_s: float = ANSWER_S) -> Message:
        """Wait until a request arrives (the first after so many others)."""
        async with asyncio.timeout(wait_s):
            while True:
                found = [message for message in self.received if message.first.startswith(method + " ")]
                if len(found) > after:
                    return found[after]
                self._arrived.clear()
                await self._arrived.wait()

    async def hears(self, status: int, after: int = 0, method: str = "INVITE", wait_s: float = ANSWER_S) -> Message:
        """Wait until an answer arrives (the first after so many others of the same status)."""
        async with asyncio.timeout(wait_s):
            while True:
                found = [one for one in self.replies if one.status == status and one.method == method]
                if len(found) > after:
                    return found[after]
                self._arrived.clear()
                await self._arrived.wait()

    def count(self, method: str = "INVITE") -> int:
        return sum(message.first.startswith(method + " ") for message in self.received)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self._datagrams is not None:
            self._datagrams.sendto(data, self.server)
        elif self._writer is not None:
            self._writer.write(data)

    def reply(self, request: Message, status: int, reason: str = "", body: str = "", extra: Sequence[str] = ()) -> None:
        """Answer a request."""
        within = ";tag=" in request.get("to")
        to = request.get("to")
        if status > 100 and ";tag=" not in to:
            to += f";tag={hashlib.md5((request.get('call-id') + self.user).encode()).hexdigest()[:8]}"
        head = [f"SIP/2.0 {status} {reason or 'Test'}", *(f"Via: {value}" for value in request.all("via"))]
        head += [f"Record-Route: {value}" for value in request.all("record-route")]
        head += [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.get('call-id')}"]
        more = [*extra, *(self.headers if status >= 200 and request.method in ("INVITE", "UPDATE") else ())]
        if request.method in ("INVITE", "UPDATE") and not any(line.startswith("Contact:") for line in more):
            more.append(f"Contact: {self.target}")
        head += [f"CSeq: {request.get('cseq')}", *more]
        if status == 200 and request.method == "INVITE" and not within:
            routes = [route for value in request.all("record-route") for route in _split(value)]
            target = re.findall(r"<([^>]+)>", request.get("contact"))[0]
            dialog = Dialog(request.get("call-id"), to, request.get("from"), target, routes, request, 100)
            self.dialogs[dialog.call_id] = dialog
        data = _text(head, body)
        self._said[_transaction(request)] = data
        if self._datagrams is not None and request.source is not None:
            self._datagrams.sendto(data, request.source)
        else:
            self.send(data)

    def _take(self, message: Message) -> None:
        if message.status:
            self.replies.append(message)
            self._arrived.set()
            queue = self._waiting.get((message.get("call-id"), message.get("cseq")))
            if queue is not None:
                queue.put_nowait(message)
            return
        if self._datagrams is not None and message.source and (said := self._said.get(_transaction(message))):
            self._datagrams.sendto(said, message.source)  # asked again since we were slow: no other request (17.2)
            return
        self.received.append(message)
        self._arrived.set()
        answer: dict[str, Callable[[Message], None]] = {
            "INVITE": self._ring,
            "CANCEL": self._cancelled,
            "ACK": lambda _: None,
        }
        answer.get(message.first.split()[0], self._accept)(message)

    def _ring(self, message: Message) -> None:
        self.reply(message, 180, "Ringing")
        if self.status:
            self.reply(message, self.status, body=self.sdp if self.status == 200 else "")

    def _cancelled(self, message: Message) -> None:
        self.reply(message, 200)
        for invite in self.received:
            if invite.first.startswith("INVITE") and invite.get("call-id") == message.get("call-id"):
                self.reply(invite, 487, "Request Terminated")

    def _accept(self, message: Message) -> None:
        self.reply(message, 200)
        if message.method == "BYE" and message.get("call-id") in self.dialogs:
            self.dialogs[message.get("call-id")].ended.set()

    def _send_within(self, dialog: Dialog, method: str, cseq: int, body: str = "", extra: Sequence[str] = ()) -> None:
        head = [f"{method} {dialog.target} SIP/2.0", self._via(f"z9hG4bK{uuid.uuid4().hex}"), "Max-Forwards: 70"]
        head += [f"Route: {route}" for route in dialog.routes]
        head += [
            f"From: {dialog.local}",
            f"To: {dialog.remote}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: {self.target}" if method in ("INVITE", "UPDATE", "REFER") else "",
            *extra,
        ]
        self.send(_text(head, body))

    def _via(self, branch: str) -> str:
        return f"Via: SIP/2.0/{self.transport.upper()} {self.place};branch={branch};rport"

    def _digest(self, challenge: Message, method: str, uri: str) -> str:
        """RFC 2617 3.2.2 with qop=auth."""
        www = challenge.get("www-authenticate")
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', www or challenge.get("proxy-authenticate")))
        digest: Callable[[str], str] = lambda text: hashlib.md5(text.encode()).hexdigest()
        first, second = digest(f"{self.user}:{given['realm']}:{self.password}"), digest(f"{method}:{uri}")
        cnonce = uuid.uuid4().hex[:8]
        response = digest(f"{first}:{given['nonce']}:00000001:{cnonce}:auth:{second}")
        name = "Authorization" if www else "Proxy-Authorization"
        return (
            f'{name}: Digest username="{self.user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"'
        )

    def _queue(self, call_id: str, cseq: str) -> asyncio.Queue[Message]:
        return self._waiting.setdefault((call_id, cseq), asyncio.Queue())

    async def _final(self, queue: asyncio.Queue[Message], wait_s: float, again: bytes = b"") -> Message:
        """Wait for a final answer; a datagram is sent again until something comes (RFC 3261 17.1.1.2)."""
        interval = T1_S
        async with asyncio.timeout(wait_s):
            while True:
                try:
                    async with asyncio.timeout(interval if again and self.transport == "udp" else None):
                        answer = await queue.get()
                except TimeoutError:
                    interval *= 2
                    self.send(again)
                    continue
                again = b""
                if answer.status >= 200:
                    return answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                message = _parsed(head.lstrip(b"\r\n"), None)
                message.body = (await reader.readexactly(int(message.get("content-length") or 0))).decode()
            except (asyncio.IncompleteReadError, OSError):
                return
            if message.first:
                self._take(message)


def _transaction(request: Message) -> tuple[str, str, str]:
    """By what a request that is sent again is known (RFC 3261 17.2.3)."""
    branch = re.search(r"branch=([^;,\s]+)", request.get("via"))
    return branch[1] if branch else "", request.get("call-id"), request.get("cseq")


def _text(head: list[str], body: str) -> bytes:
    lines = [line for line in head if line]
    lines += ["Content-Type: application/sdp"] if body else []
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + f"\r\n\r\n{body}").encode()


def _parsed(data: bytes, source: tuple[str, int] | None) -> Message:
    head, _, body = data.decode(errors="replace").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    return Message(first, [(_SHORT.get(name, name), value) for name, value in headers], body, source)


def _split(value: str) -> list[str]:
    return [part.strip() for part in re.split(r",(?=\s*<)", value)]
