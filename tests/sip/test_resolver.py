"""What DNS says of zones, from a stand-in server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import dns.resolver
import pytest

from sextet.call.zones import Service
from sextet.lab.dns import NameServer, Records
from sextet.model.settings.zones import BY_SERVICE, Zone, ZonePeer
from sextet.sip.resolver import KEPT_S, Resolver, Unanswered

ADDRESS = "127.64.7.53"
KNOWN: Records = {
    ("a.apolo.local.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("b.apolo.local.", "AAAA"): ["2001:db8::2"],
    ("_sips._tcp.paris.apolo.local.", "SRV"): [
        "20 1 5061 a.apolo.local.",
        "10 1 5071 b.apolo.local.",
        "10 9 5072 a.apolo.local.",
        "30 1 5073 gone.apolo.local.",
    ],
    ("_sips._tcp.none.apolo.local.", "SRV"): ["0 0 0 ."],
    ("paris.apolo.local.", "NAPTR"): [
        '20 0 "s" "SIP+D2T" "" _sip._tcp.paris.apolo.local.',
        '10 0 "s" "SIPS+D2T" "" _sips._tcp.paris.apolo.local.',
    ],
}


@contextlib.asynccontextmanager
async def resolver(known: Records, clock: list[float] | None = None) -> AsyncIterator[tuple[Resolver, NameServer]]:
    _, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer(dict(known)), local_addr=(ADDRESS, 0)
    )
    assert server.transport is not None
    port = server.transport.get_extra_info("sockname")[1]
    made = Resolver(lambda: (clock or [0.0])[0])
    made.use([f"{ADDRESS}:{port}"])
    try:
        yield made, server
    finally:
        await server.stop()


def test_addresses_of_both_kinds_are_found() -> None:
    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            assert await asked.addresses("a.apolo.local") == ("192.0.2.1", "192.0.2.2")
            assert await asked.addresses("b.apolo.local") == ("2001:db8::2",)
            with pytest.raises(Unanswered, match="has no address"):
                await asked.addresses("gone.apolo.local")
            with pytest.raises(
                Unanswered, match=r"a\.paris\.example A: no DNS server could answer"
            ):  # it refuses others' names
                await asked.addresses("a.paris.example")

    asyncio.run(play())


def test_a_service_is_ordered_by_priority_then_weight_and_passes_over_names_without_address() -> None:
    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            found = await asked.service("_sips._tcp.paris.apolo.local")
            assert [(one.host, one.port) for one in found] == [
                ("a.apolo.local", 5072),
                ("b.apolo.local", 5071),
                ("a.apolo.local", 5061),
            ]
            for missing in ("_sips._tcp.none.apolo.local", "_sips._tcp.gone.apolo.local"):
                with pytest.raises(Unanswered, match="has no SRV record"):
                    await asked.service(missing)

    asyncio.run(play())


def test_naptr_records_come_in_their_order() -> None:
    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            assert [one.service for one in await asked.naptr("paris.apolo.local")] == [b"SIPS+D2T", b"SIP+D2T"]
            assert await asked.naptr("a.apolo.local") == ()

    asyncio.run(play())


def test_what_dns_cannot_know_and_a_host_without_dns_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            with pytest.raises(Unanswered, match=r"a\.\.b SRV: cannot be a DNS name, correct it"):
                await asked.records("a..b", "SRV")
            asked.use(())
            with pytest.raises(Unanswered, match=r"a\.x SRV: this host knows no DNS server, enter one on System > DNS"):
                await asked.records("a.x", "SRV")

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", nowhere)
    asyncio.run(play())


def test_zones_keep_their_last_addresses_while_dns_fails_but_not_for_ever() -> None:
    zones = (
        Zone(name="listed", peers=(ZonePeer(address="a.apolo.local"), ZonePeer(address="gone.apolo.local"))),
        Zone(name="srv", look_up=BY_SERVICE, service_domain="paris.apolo.local"),
        Zone(name="off", state="Disabled", peers=(ZonePeer(address="b.apolo.local"),)),
    )

    async def play() -> None:
        clock = [0.0]
        async with resolver(KNOWN, clock) as (asked, server):
            first = await asked.names_of(zones)
            assert first.addresses == {"a.apolo.local": ("192.0.2.1", "192.0.2.2")}
            assert first.services["tls|paris.apolo.local"][0] == Service(
                host="a.apolo.local", port=5072, ips=("192.0.2.1", "192.0.2.2")
            )
            assert "has no address" in asked.failures["gone.apolo.local"]
            server.known.clear()
            assert await asked.names_of(zones) == first
            clock[0] = KEPT_S + 1
            assert (await asked.names_of(zones)).addresses == {}

    asyncio.run(play())
