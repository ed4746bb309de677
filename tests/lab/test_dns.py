"""The lab's DNS answers for its peers, for nobody else, and survives anything."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import dns.message
import dns.rcode
import dns.resolver
import pytest

from sextet.lab.dns import answer, records, serve
from sextet.lab.plan import plan

PEERS = plan(3, Path("/s"), Path("/r")).peers
KNOWN = records(PEERS)


def ask(name: str, kind: str) -> tuple[str, list[str]]:
    reply = answer(KNOWN, dns.message.make_query(name, kind).to_wire())
    assert reply is not None
    message = dns.message.from_wire(reply)
    return dns.rcode.to_text(message.rcode()), sorted(item.to_text() for rrset in message.answer for item in rrset)


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("expc02.apolo.local", "A", ["127.77.0.2"]),
        ("EXPC02.Apolo.Local", "A", ["127.77.0.2"]),
        ("expc-cluster.apolo.local", "A", ["127.77.0.1", "127.77.0.2", "127.77.0.3"]),
        ("3.0.77.127.in-addr.arpa", "PTR", ["expc03.apolo.local."]),
        ("_sips._tcp.apolo.local", "SRV", [f"10 10 5061 expc0{n}.apolo.local." for n in (1, 2, 3)]),
        ("expc02.apolo.local", "AAAA", []),
    ],
)
def test_names_of_the_lab_are_answered(name: str, kind: str, values: list[str]) -> None:
    assert ask(name, kind) == ("NOERROR", values)


def test_a_name_that_does_not_exist_is_told_from_one_of_others() -> None:
    assert ask("expc04.apolo.local", "A") == ("NXDOMAIN", [])
    assert ask("4.0.77.127.in-addr.arpa", "PTR") == ("NXDOMAIN", [])
    assert ask("example.org", "A") == ("REFUSED", [])


def test_garbage_and_answers_are_dropped() -> None:
    query = dns.message.make_query("expc01.apolo.local", "A").to_wire()
    assert answer(KNOWN, answer(KNOWN, query) or b"") is None
    dice = random.Random(1)
    for _ in range(2000):
        broken = bytearray(query)
        broken[dice.randrange(len(broken))] = dice.randrange(256)
        answer(KNOWN, bytes(broken[: dice.randrange(len(broken) + 1)]))


def test_the_server_answers_a_real_resolver() -> None:
    async def play() -> list[str]:
        server = await serve(PEERS, "127.77.9.53", 5399)
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.77.9.53"], 5399
        try:
            found = await asyncio.to_thread(resolver.resolve, "expc01.apolo.local", "A", lifetime=2)
            return [item.to_text() for item in found]
        finally:
            await server.stop()

    assert asyncio.run(play()) == ["127.77.0.1"]
