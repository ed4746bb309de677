"""A cluster whose peers, phones, DNS and neighbours have IPv6 addresses only does what others do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import pytest

from sextet.lab.plan import HTTPS_PORT, host
from tests.support import private_network, real_lab
from tests.support.real_lab import Lab, answered, eventually
from tests.support.sip_client import Phone

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(bool(why := private_network.why_not()), reason=f"no network namespaces: {why}"),
]
NETWORK, LAST = "fd77::", 160
FAR = host(NETWORK, LAST)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with (
        private_network.apart([f"{NETWORK}/64"] + [f"{host(NETWORK, n)}/128" for n in (1, 2, 3, 53, 150, 151, LAST)]),
        real_lab.lab(network=NETWORK) as lab,
    ):
        asyncio.run(lab.whole())
        yield lab


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_goes_from_any_peer_to_any_other(lab: Lab, transport: str) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice", transport) as alice, lab.phone(3, "bob", transport) as bob:
            assert (await alice.register()).status == 200
            assert (await bob.register()).status == 200
            both = {("alice@apolo.local", 1, False), ("bob@apolo.local", 3, False)}
            for number in lab.numbers:
                await eventually("both are known", lambda number=number: lab.registrations(number), wanted=both)
            call = answered(await alice.call("bob@apolo.local"))
            for number in lab.numbers:
                await eventually(
                    "the call shows", lambda number=number: lab.calls(number), wanted=[("connected", False)]
                )
            assert (await bob.hang_up(bob.dialogs[call.call_id])).status == 200
            await asyncio.wait_for(call.ended.wait(), real_lab.STEP_S)

    asyncio.run(play())


def test_a_neighbour_is_watched_and_called_and_its_calls_come_from_its_zone(lab: Lab) -> None:
    async def play() -> None:
        zone = {"name": "Six", "peers": [{"address": FAR}], "sip_transport": "UDP", "sip_port": 5060}
        rule = {
            "name": "To six", "priority": 10, "pattern_type": "Suffix", "pattern": "@six.test", "target": "Six",
        }  # fmt: skip
        far = Phone("far", lab.peer(1).address, local_ip=FAR, local_port=5060, domain="six.test")
        async with far, lab.phone(2, "alice") as alice:
            await lab.ask(1, "config add", path="zones", value=zone)
            await lab.ask(1, "config add", path="search_rules", value=rule)
            assert (await alice.register()).status == 200

            async def states() -> list[tuple[str, ...]]:
                lines = (await lab.ask(3, "zone show", name="Six"))["lines"]
                return [(line["host"], *(cell["state"] for cell in line["cells"])) for line in lines]

            await eventually("every peer finds it", states, wanted=[(FAR, "active", "active", "active")])
            call = answered(await alice.call("far@six.test"))
            assert (await alice.hang_up(call)).status == 200
            call = answered(await far.call("alice@apolo.local"))

            async def ways() -> list[str]:
                return [one["nodes"].partition(" ")[0] for one in await lab.ask(3, "call list")]

            await eventually("it came from the zone", ways, wanted=["Six"])
            assert (await alice.hang_up(alice.dialogs[call.call_id])).status == 200

    asyncio.run(play())


def test_the_page_is_served(lab: Lab) -> None:
    async def play() -> bytes:
        context = ssl.create_default_context(cafile=str(lab.plan.authority))
        peer = lab.peer(2)
        reader, writer = await asyncio.open_connection(peer.address, HTTPS_PORT, ssl=context, server_hostname=peer.fqdn)
        writer.write(
            f"GET /login HTTP/1.1\r\nHost: [{peer.address}]:{HTTPS_PORT}\r\nConnection: close\r\n\r\n".encode()
        )
        try:
            return await reader.read()
        finally:
            writer.close()

    assert b"200" in asyncio.run(play()).splitlines()[0]
