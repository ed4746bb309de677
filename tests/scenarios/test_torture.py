"""The torture messages of RFC 4475 to a real Kamailio: each is answered or dropped as the RFC says, and calls go on."""

from __future__ import annotations

import asyncio
import itertools
import uuid

import pytest

from sextet.sip.rpc import command
from tests.support.real_lab import eventually
from tests.support.sip_client import Dialog, Message, Phone
from tests.support.sip_peers import Peers, answered, peers, phone, refused
from tests.support.torture import MESSAGES, Torture

pytestmark = pytest.mark.scenario
NETWORK = "127.61.8"
BOB = "bob@apolo.local"
CONTACTS = (  # of a REGISTER, and the URI that is kept
    ("sip:+19725552222@gw1.example.net;unknownparam", "sip:+19725552222@gw1.example.net"),
    ("<sip:+19725552222@gw1.example.net;unknownparam>", "sip:+19725552222@gw1.example.net;unknownparam"),
    ("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>", "sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
)
PROBE_S = 5.0
_OTHER = (
    "OPTIONS sip:user@example.com %s\r\nVia: SIP/2.0/{transport} {host}:{port};branch=z9hG4bK{nonce}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@example.net>;tag=1\r\nTo: <sip:user@example.com>\r\nCall-ID: {nonce}\r\n"
    "CSeq: 1 OPTIONS\r\n%s\r\n"
)
OTHERS = (  # that the RFC has not
    Torture(name="only the first line of another version", section="", answers=(505,),
            data=(_OTHER % ("SIP/3.0", "Content-Length: 0\r\n")).encode()),
    Torture(name="an unreadable header, and no hop left", section="", answers=(400,),
            data=(_OTHER % ("SIP/2.0", "Two Words: 1\r\nContent-Length: 0\r\n")).replace(": 70", ": 0").encode()),
)  # fmt: skip


class Tormentor:
    """Somebody on the port 5060 of an address of his own: answers reach him whether or not he asks for his port."""

    def __init__(self, transport: str, server: str, host: str) -> None:
        self._transport, self._server, self._host = transport, server, host
        self._count = itertools.count()
        self._spent: list[bytes] = []  # nonces of the messages before

    async def sends(self, message: Torture) -> int:
        """Send a message and, behind it, one that is always answered; gives the status of its answer, 0 for none."""
        nonce, probe = uuid.uuid4().hex, uuid.uuid4().hex
        text = self._filled(message.data, nonce)
        asked = (
            f"OPTIONS sip:{self._server} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self._transport} {self._host}:5060;branch=z9hG4bK{probe}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:probe@{self._host}>;tag=p\r\nTo: <sip:{self._server}>\r\n"
            f"Call-ID: {probe}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        own = nonce.encode() if nonce.encode() in text else b"SIP/2.0"
        send = self._datagrams if self._transport == "UDP" else self._stream
        said = await send(text, asked, probe.encode(), own if 0 not in message.answers else b"")
        self._spent.append(nonce.encode())
        starts = [part for part in said if own in part and probe.encode() not in part and part[8:11] != b"100"]
        return int(starts[0][8:11]) if starts else 0

    def _filled(self, data: bytes, nonce: str) -> bytes:
        known = {"transport": self._transport, "host": self._host, "port": "5060", "nonce": nonce}
        for name, value in known.items():
            data = data.replace(b"{%s}" % name.encode(), value.encode())
        return data

    async def _datagrams(self, text: bytes, asked: bytes, probe: bytes, wanted: bytes) -> list[bytes]:
        """A datagram has one worker of several: the probe is sent more often than there are workers."""
        loop = asyncio.get_running_loop()
        said: list[bytes] = []
        spent = self._spent
        arrived, closed = asyncio.Event(), asyncio.Event()

        class Protocol(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                if not any(nonce in data for nonce in spent):  # an answer that is sent again, to one before
                    said.append(data)
                    arrived.set()

            def connection_lost(self, exc: Exception | None) -> None:
                closed.set()

        transport, _ = await loop.create_datagram_endpoint(
            Protocol, local_addr=(self._host, 5060), remote_addr=(self._server, 5060)
        )
        try:
            transport.sendto(text)
            async with asyncio.timeout(PROBE_S):
                for number in range(12):
                    transport.sendto(asked.replace(probe, probe + b"%d" % number))
                    while not any(probe + b"%d" % number in one for one in said):
                        arrived.clear()
                        await arrived.wait()
                while wanted and not any(wanted in one and probe not in one for one in said):
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            assert any(probe in one for one in said), f"the peer is silent after {text[:60]!r}"
        finally:
            transport.close()
            await closed.wait()
        return said

    async def _stream(self, text: bytes, asked: bytes, probe: bytes, wanted: bytes) -> list[bytes]:
        """A connection may be closed for what cannot be cut into messages; the probe then has a new one."""
        said = b""
        for data in (text + asked, asked):
            reader, writer = await asyncio.open_connection(self._server, 5060, local_addr=(self._host, 0))
            writer.write(data)
            try:
                async with asyncio.timeout(1.0 if data is not asked else PROBE_S):
                    while probe not in said and (more := await reader.read(65536)):
                        said += more
            except (TimeoutError, ConnectionError):
                pass  # it waits for the rest of a body that never comes, or was closed
            finally:
                writer.transport.abort()
            if probe in said:
                return [b"SIP/2.0 " + part for part in said.split(b"SIP/2.0 ")[1:]]
        raise AssertionError(f"the peer is silent after {text[:60]!r}")


async def _goes_on(alice: Phone, bob: Phone, call: Dialog) -> None:
    """A call made before goes on; one after works."""
    assert (await alice.within(call, "INFO", "Signal=1\r\n")).status == 200
    another = answered(await alice.call(BOB))
    assert (await alice.hang_up(another)).status == 200


async def _tormented(at: Peers, transport: str) -> dict[str, int]:
    tormentor = Tormentor(transport, at.address(1), f"{NETWORK}.77")
    return {one.name: await tormentor.sends(one) for one in (*MESSAGES, *OTHERS)}


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_every_torture_message_is_answered_or_dropped_and_calls_go_on(transport: str) -> None:
    async def play() -> None:
        async with peers(NETWORK, 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob", "tcp") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await at.registered(1, BOB)
            call = answered(await alice.call(BOB))
            pids = at.engines[1]._process.record
            got = await _tormented(at, transport)
            wrong = {one.name: got[one.name] for one in (*MESSAGES, *OTHERS) if got[one.name] not in one.answers}
            assert wrong == {}
            await _goes_on(alice, bob, call)
            assert at.engines[1]._process.record == pids, "Kamailio was never started anew"
            assert [line for line in at.notes[1].lines if "script" in line] == [], "and no error left our script"
            await at.hosts[1].until(lambda: set(at.hosts[1].calls) == {call.call_id})  # no row of a torturer is left
            assert (await alice.hang_up(call)).status == 200

    asyncio.run(play())


def test_what_a_proxy_passes_on_and_what_it_cannot_do() -> None:
    """RFC 4475 3.1.1.2, 3.3.5, 3.3.12 to 14, with somebody who may register; RFC 3261 10.3 step 2, 15.1.2."""

    async def play() -> None:
        async with peers(NETWORK, 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob", "tcp") as bob:
            assert (await bob.register()).status == 200
            await at.registered(1, BOB)
            assert (await alice.request("NEWMETHOD", f"sip:{BOB}")).status == 200
            for method in ("BYE", "UPDATE", "PRACK"):
                assert (await alice.request(method, f"sip:{BOB}")).status == 481
            assert [bob.count(method) for method in ("NEWMETHOD", "BYE", "UPDATE", "PRACK")] == [1, 0, 0, 0]
            answer = await alice.call(BOB, extra="Proxy-Require: one, two")
            assert refused(answer).status == 420 and "one" in refused(answer).get("unsupported")
            for required in ("path, other", "path"):  # what was taken without it is not taken by that
                answer = await alice.register(extra=f"Require: {required}")
                assert (answer.status, answer.get("unsupported")) == (
                    (420, "other") if "other" in required else (200, "")
                )
            for contact, kept in CONTACTS:
                await alice.register(0, contact="*")
                answer = await alice.register(contact=contact)
                assert (answer.status, answer.get("contact").partition(">")[0]) == (200, f"<{kept}")

    asyncio.run(play())


def _wrongly(invite: Message, wrong: str) -> bytes:
    """Answer 486 in a way that must not reach the next peer, which cuts what a connection brings into messages."""
    vias = [f"Via: {one}" for value in invite.all("via") for one in value.split(", ")]
    assert len(vias) == 3, "of the peer that sent it, of the one before, of the caller"
    length = "Content-Length: 0"
    if wrong == "without the Vias of others":
        vias = vias[:1]
    elif wrong == "longer than it says, to somebody who hears datagrams":
        vias[1], length = vias[1].replace("/TLS", "/UDP"), "Content-Length: 9999"
    elif wrong == "of no length, to somebody who hears datagrams":
        vias[1], length = vias[1].replace("/TLS", "/UDP"), "X-No-Length: 0"
    elif wrong == "with a folded length":
        length = "Content-Length:\r\n 0\r\nContent-Length: 300"
    else:
        length = "X-Folded: yes\r\n l: 300\r\nContent-Length: 0"
    head = ["SIP/2.0 486 Busy", *vias, *(f"{name}: {invite.get(name)}" for name in ("from", "call-id", "cseq"))]
    return "\r\n".join([*head, f"To: {invite.get('to')};tag=wrong", length, "", ""]).encode()


WRONGS = (
    "without the Vias of others", "longer than it says, to somebody who hears datagrams",
    "of no length, to somebody who hears datagrams", "with a folded length", "with a length in a folded line",
)  # fmt: skip


async def _counted(at: Peers, number: int, name: str) -> int:
    """Read a counter of a peer's workers."""
    rows = await command(at.run_dir(number), "htable.dump", "count")
    return sum(one["value"] for row in rows for one in row["slot"] if one["name"] == name)


async def _between(at: Peers) -> set[tuple[int, str]]:
    """List the TLS connections of the first peer, which are those to the second."""
    return {(one["id"], one["state"]) for one in await command(at.run_dir(1), "core.tcp_list") if one["type"] == "TLS"}


def test_what_a_phone_answers_wrongly_breaks_no_connection_that_others_use() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 2, "bob") as bob,
            phone(at, 2, "carol", "tcp") as carol,
        ):
            for one in (alice, bob, carol):
                assert (await one.register()).status == 200
            await at.registered(2, BOB)
            carol.send(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert (await carol.register()).status == 200, "over the very connection that brought no SIP"
            call = answered(await alice.call(BOB))
            connections = await _between(at)
            bob.status = dropped = 0
            for done, wrong in enumerate(WRONGS, 1):
                calling = asyncio.create_task(alice.call(BOB))
                invite = await bob.rings(after=done)
                bob.send(_wrongly(invite, wrong))
                if "folded" in wrong:
                    dropped += 1
                    await eventually(f"an answer {wrong} is dropped", lambda: _counted(at, 2, "insane"), wanted=dropped)
                    bob.reply(invite, 486)
                busy = refused(await calling)
                assert (busy.status, len(busy.all("via"))) == (486, 1), wrong
                assert (await alice.within(call, "INFO", "Signal=1\r\n")).status == 200, wrong
                assert await _between(at) == connections, wrong
            assert refused(await alice.call(BOB, extra="X-Folded: yes\r\n l: 300")).status == 400
            assert (await alice.hang_up(call)).status == 200
            assert await _between(at) == connections

    asyncio.run(play())


def test_the_messages_are_all_those_of_the_rfc() -> None:
    assert len({one.name for one in MESSAGES}) == len(MESSAGES) == 49
    assert {one.section.rpartition(".")[0] for one in MESSAGES} == {"3.1.1", "3.1.2", "3.2", "3.3", "3.4"}
