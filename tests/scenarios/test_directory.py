"""Devices of an H.350 directory with a real Kamailio and a real LDAP server: let in, refused, told to come again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.h350 import DIRECTORY, H350
from sextet.model.settings.registration import Authentication
from sextet.model.settings.zones import Zone, ZonePeer
from tests.support.ldap_server import BASE, Device, LdapServer
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
NETWORK = "127.64.4"
SERVER, PORT = f"{NETWORK}.81", 6389
CHECKED = replace(
    CONFIG,
    h350=H350(mode=True, server_address=SERVER, server_port=PORT, encryption="Off", base_dn=BASE),
    authentication=Authentication(default_zone="Check credentials"),
)
DEVICES = tuple(Device(name, f"{name}-secret") for name in ("dora", "eric", "frank", "grace", "alice"))
RULES = tuple(
    SearchRule(name=name, priority=priority, behavior="Leave", target=name)
    for name, priority in (("Paris", 40), ("LocalZone", 50))
)


def _state(at: Peers) -> str:
    row = at.hosts[1].zone.get(DIRECTORY)
    return row.state if row else ""


def test_devices_of_the_directory_register_and_call_and_come_again_while_it_is_away() -> None:
    async def go() -> None:
        server = LdapServer(*DEVICES)
        await server.start(SERVER, PORT)
        async with (
            peers(NETWORK, 1, config=CHECKED) as at,
            Phone("Paris", at.address(1), local_ip=f"{NETWORK}.70") as paris,
            phone(at, 1, "dora") as dora,
            phone(at, 1, "eric", "tcp") as eric,
            phone(at, 1, "frank") as frank,
            phone(at, 1, "grace") as grace,
            phone(at, 1, "henry") as henry,
            phone(at, 1, "alice") as alice,
            Phone("dora", at.address(1), password="guessed") as thief,
        ):
            await at.hosts[1].until(lambda: _state(at) == "Active")
            for each in (dora, eric, alice):
                assert (await each.register()).status == 200
                await at.registered(1, f"{each.user}@apolo.local")
            assert server.asked == ["dora", "eric"]  # local names are nothing to it
            assert (await dora.register()).status == 200
            assert (await henry.register()).status == 401
            assert (await thief.register()).status == 401
            assert server.asked == ["dora", "eric", "henry"]  # what it said is kept
            paris.status = 404
            there = Zone(
                name="Paris", sip_port=paris.address[1], sip_transport="UDP", peers=(ZonePeer(address=f"{NETWORK}.70"),)
            )
            await at.apply(1, config=linked(replace(CHECKED, zones=(there,), search_rules=RULES)))
            for caller in (dora, frank):  # registered, and not: both find eric in the second round
                dialog = answered(await caller.call("eric@apolo.local", extra="Route: <sip:192.0.2.66;lr>"))
                assert (await caller.hang_up(dialog)).status == 200
            assert (server.asked[-1], paris.count()) == ("frank", 2)
            known, waited = (message for message in eric.received if message.first.startswith("INVITE"))
            names = sorted(name for name, _ in waited.headers)
            assert names == sorted(name for name, _ in known.headers)
            assert "record-route" in names and {"authorization", "proxy-authorization", "route"}.isdisjoint(names)
            await server.stop()
            answer = await grace.register()
            assert (answer.status, 10 <= int(answer.get("retry-after")) < 20) == (503, True)
            await at.hosts[1].until(lambda: _state(at) == "Failed")
            assert (await dora.register()).status == 200
            await at.apply(1, config=CONFIG)
            assert (await dora.register()).status == 401

    asyncio.run(go())
