"""How do several peers' links run in one process? Each with a nats-server, certificates and an address of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.wire.enrolment import Facts, FirstContact
from sextet.cluster.wire.link import State
from sextet.cluster.wire.links import Links, Membership
from sextet.cluster.wire.peer_link import Callbacks
from sextet.lab.authority import Issued, issue, new_authority

# Certificates are checked by OpenSSL against the wall clock.
NOW = datetime.now(UTC)
ROOT = new_authority("Test authority", NOW)
KEY = b"k" * 32
NET = 10 + os.getpid() % 200  # so that two runs on one machine do not take each other's addresses, nor unit tests'


def ip_of(number: int) -> str:
    return f"127.63.{NET}.{number}"


def name_of(number: int) -> str:
    return f"expc0{number}.apolo.local"


class Lines:
    """A journal that keeps what is written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, event: str, /, **fields: str) -> None:
        self.lines.append(f"{event} {fields}")

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        self.lines.append(f"{module} {level} {detail} {fields}")


class Peer:
    """One peer's links, with everything that they told."""

    def __init__(self, number: int, peers: int, directory: Path) -> None:
        self.number = number
        self.address = ip_of(number)
        self.directory = directory / f"p{number}"
        self.directory.mkdir(mode=0o711)
        self.journal = Lines()
        self.states: dict[int, list[tuple[float, State, str]]] = {}
        self.heard: list[tuple[int, str, bytes | None]] = []
        self.differed: list[str] = []
        self.troubles: list[str] = []
        self.window_s = 0.0
        self.primary = 1
        self.bound: dict[int, str] = {}
        self.given: list[tuple[int, bytes, str, str]] = []
        self.membership = Membership(
            number=number,
            peers=tuple(name_of(n) for n in range(1, peers + 1)),
            enforce=False,
            key=KEY,
            certificate=self.directory / "server.pem",
            private_key=self.directory / "server.key",
            trusted=self.directory / "trusted.pem",
            mapping={name_of(n): ip_of(n) for n in range(1, peers + 1)},
        )
        self.certify(issue(ROOT, [name_of(number)], NOW))
        self.membership.trusted.write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))
        self.links: Links

    def certify(self, certificate: Issued) -> None:
        certificate.write(self.membership.certificate, self.membership.private_key)

    def facts(self) -> Facts:
        return Facts(
            number=self.number,
            primary=self.primary,
            members=frozenset(range(1, len(self.membership.peers) + 1)),
            holds_key=bool(self.membership.key),
            bound=self.bound,
            window_s=self.window_s,
        )

    async def start(self) -> None:
        self.links = Links(
            address=self.address,
            name=f"p{self.number}",
            run_dir=self.directory,
            journal=self.journal,
            enrolment=FirstContact(
                self.facts, lambda: (KEY, "cluster-1"), self.bound.__setitem__, lambda *given: self.given.append(given)
            ),
            callbacks=Callbacks(
                row=lambda *what: self.heard.append(what),
                state=lambda n, state, why: self.states.setdefault(n, []).append((time.monotonic(), state, why)),
                differs=lambda n, sentence: self.differed.append(sentence),
            ),
            trouble=self.troubles.append,
            user="nobody" if os.getuid() == 0 else None,
        )
        await self.links.start()
        await self.links.configure(self.membership)

    async def change(self, **values: Any) -> None:
        self.membership = replace(self.membership, **values)
        await self.links.configure(self.membership)

    def state(self, number: int) -> State:
        link = self.links.link(number)
        return link.state if link is not None else State.DISABLED

    def reason(self, number: int) -> str:
        link = self.links.link(number)
        return link.reason if link is not None else ""

    def reasons(self, number: int) -> list[str]:
        return [why for _, state, why in self.states.get(number, []) if state is State.DOWN]


@asynccontextmanager
async def lab(peers: int = 3, *, prepare: Callable[[Peer], None] | None = None) -> AsyncIterator[list[Peer]]:
    """Run peers 1 to `peers`, all configured for each other; index 0 is not used."""
    directory = Path(tempfile.mkdtemp(prefix="links", dir="/tmp"))
    directory.chmod(0o711)
    everyone = [Peer(number, peers, directory) for number in range(1, peers + 1)]
    try:
        for peer in everyone:
            if prepare is not None:
                prepare(peer)
        started = await asyncio.gather(*(peer.start() for peer in everyone), return_exceptions=True)
        for problem in started:
            if problem is not None:
                raise problem
        yield [everyone[0], *everyone]
    finally:
        await asyncio.gather(*(peer.links.stop() for peer in everyone if hasattr(peer, "links")))
        shutil.rmtree(directory)


async def until(condition: Callable[[], bool], limit_s: float = 8.0, what: str = "") -> float:
    """Wait for a condition; gives how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + limit_s, f"not within {limit_s} s: {what}"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def all_live(everyone: list[Peer], limit_s: float = 8.0) -> float:
    pairs = [(one, other) for one in everyone[1:] for other in everyone[1:] if one is not other]
    return await until(
        lambda: all(one.state(other.number) is State.LIVE for one, other in pairs),
        limit_s,
        "all live",
    )


def same_rows(everyone: list[Peer]) -> bool:
    return all(
        dict(one.links.rows(other.number)) == dict(other.links.own.rows)
        for one in everyone[1:]
        for other in everyone[1:]
        if one is not other
    )
