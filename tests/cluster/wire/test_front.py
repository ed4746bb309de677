"""Who comes in the moment of the end is let go with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from sextet.cluster.trust import certificates, tls
from sextet.cluster.wire.dial import Credentials, Observer, reach
from sextet.cluster.wire.enrolment import Enrolment, Facts, FirstContact
from sextet.cluster.wire.front import Front, Rules
from sextet.cluster.wire.link import Target
from sextet.cluster.wire.nats_server import Access
from sextet.cluster.wire.session import Gate
from sextet.lab.authority import issue, new_authority

ADDRESS, CALLER, PORT = "127.63.9.11", "127.63.9.12", 4372


class Silent:
    """A journal that nobody reads."""

    def module(self, *what: str, **more: str) -> None: ...


@pytest.mark.parametrize("cable", ["whole", "cut"])
@pytest.mark.parametrize("turns", range(6))
def test_a_caller_that_comes_in_the_moment_of_the_end_is_let_go(turns: int, cable: str) -> None:
    gate = Gate()
    if cable == "cut":
        gate.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    rules = Rules(
        name="one", members={2: ("two", CALLER)}, enforce=False, context=context, fingerprint="", key=b"of the cluster"
    )

    async def play() -> None:
        front = Front(
            address=ADDRESS, port=PORT, journal=cast(Any, Silent()), enrolment=cast(Any, None), gate=lambda _: gate
        )
        await front.start()
        front.follow(rules)
        with socket.create_connection((ADDRESS, PORT), timeout=5, source_address=(CALLER, 0)) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            await front.stop()
            await asyncio.sleep(0)  # in which transports close their sockets
            with contextlib.suppress(ConnectionResetError):  # nobody had accepted it
                assert caller.recv(1) == b""

    asyncio.run(play())


def nobody() -> Enrolment:
    facts = Facts(number=1, primary=1, members=frozenset({1, 2}), holds_key=True, bound={}, window_s=0)
    return FirstContact(lambda: facts, lambda: (b"", ""), lambda *_: None, lambda *_: None)


def identity(directory: Path) -> tuple[Rules, Credentials]:
    """Make what peers "one" and "two" need to believe each other; they share a certificate."""
    now = datetime.now(UTC)  # OpenSSL looks at the wall clock
    certificate, key = directory / "server.pem", directory / "server.key"
    issue(new_authority("Test authority", now), ["one"], now).write(certificate, key)
    der = certificates.leaf(certificate.read_bytes(), "one")
    server, client = (
        tls.context(server=end, certificate=certificate, private_key=key, trusted=None) for end in (True, False)
    )
    rules = Rules(
        name="one", members={2: ("two", CALLER)}, enforce=False, context=server, key=b"of the cluster",
        fingerprint=certificates.fingerprint(der),
    )  # fmt: skip
    own = Credentials(
        name="two", address=CALLER, port=PORT, permissive=client, enforcing=client, certificate=der,
        private_key=key.read_bytes(), key=b"of the cluster",
    )  # fmt: skip
    return rules, own


def test_what_was_opened_to_the_store_ends_with_a_connection_that_ends_before_its_first_byte(tmp_path: Path) -> None:
    rules, own = identity(tmp_path)
    unheard: Callable[..., None] = lambda *_: None
    observer = Observer(stage=unheard, chain=unheard, line=unheard, lost=unheard)

    async def play() -> None:
        ended = asyncio.get_running_loop().create_future()

        async def store(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                ended.set_result(await reader.read())
            finally:
                writer.close()

        def gate(_: int) -> Gate:
            asked.append(front.connected())
            if len(asked) == 2:  # the store is open, and nothing moves yet
                asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in front._acceptor.tasks])
            return Gate()

        asked: list[frozenset[int]] = []
        front = Front(address=ADDRESS, port=PORT, journal=cast(Any, Silent()), enrolment=nobody(), gate=gate)
        async with asyncio.timeout(5), await asyncio.start_server(store, "127.0.0.1", 0) as server:
            await front.start()
            try:
                front.store(Access(port=server.sockets[0].getsockname()[1], own_password="", peer_password="secret"))
                front.follow(rules)
                target = Target(name="one", ip=ADDRESS, verify=False, credentials="")
                _, writer, password = await reach(1, target, False, own, nobody(), Gate(), observer)
                assert password == "secret"
                assert await ended == b""
                assert asked == [frozenset(), {2}]
                writer.transport.abort()
            finally:
                await front.stop()

    asyncio.run(play())
