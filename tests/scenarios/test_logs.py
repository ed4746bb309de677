"""Logs and diagnostics on a real cluster: the guide's lines on all peers, copies to a server, one click for all."""

from __future__ import annotations

import asyncio
import re
import tarfile

import pytest

from sextet.lab import alarm_proof
from sextet.lab.bench import Bench
from sextet.streams import StreamServer
from tests.support import real_lab
from tests.support.real_lab import PERMISSIVE, Lab, answered, eventually

pytestmark = pytest.mark.scenario

NODE = r'Node="clusterdb@{fqdn}" PID="\d+" '
CHANGED = 'Event="System Configuration Changed" '
MANAGEMENT = r'management: .* Module="developer.management.databasemanager" Level="INFO" CodeLocation="\w+.\d+." '
TLS_CHANGE = (  # the guide's lines about a change of the TLS verification mode, on every peer, in this order
    CHANGED + NODE + 'Detail="xconfiguration clusterConfiguration tls_verify - changed from: Permissive to: Enforcing"',
    MANAGEMENT + 'Detail="Cluster configuration change detected"',
    # Startup is the mode that the peer began with, which depends on what the tests before did with the shared lab.
    MANAGEMENT + 'Detail="TLS Verify change status" Startup="(False|True)" New="True"',
    CHANGED + NODE + 'Detail="xconfiguration alternatesConfiguration - Changed"',
    'alternatesmanager" Level="INFO" ' + NODE + 'Detail="alternate peer changed info recieved"',
)  # fmt: skip
BOTH = {("alice@apolo.local", 2, False), ("bob@apolo.local", 1, False)}
WANTED = (  # of a registration and a call by way of this peer
    'Event="Message Received" Service="SIP" Src-ip="127.',
    'Protocol="TLS" Method="REGISTER" Request-URI="sip:apolo.local"',
    'Event="Message Sent"',
    'Protocol="TLS" Method="INVITE" Reason="200 ',
    'Method="BYE"',
)
SYNCHRONISED = (
    r'replication: .* Level="INFO" CodeLocation="\w+.\d+." Detail="Starting synchronisation"',
    r'ConfigurationMasterIndex="0" LocalPeerIndex="{index}"',
    'Detail="Synchronisation completed successfully"',
)


def in_order(lines: list[str], patterns: tuple[str, ...], **more: object) -> str:
    """Say which pattern does not come after the one before it; empty when all do."""
    place = 0
    for pattern in patterns:
        wanted = re.compile(re.sub(r"\{(fqdn|index)\}", lambda found: str(more[found[1]]), pattern))
        place = next((n for n, line in enumerate(lines[place:], place + 1) if wanted.search(line)), -1)
        if place < 0:
            return pattern
    return ""


def test_a_change_of_the_tls_mode_is_told_as_in_the_guide_on_every_peer(lab: Lab) -> None:
    async def play() -> None:
        before = {number: len(lab.lines(number)) for number in lab.numbers}
        await lab.set(1, "clustering.tls_verification_mode", "Enforce")
        try:
            await lab.whole()
            for number in lab.numbers:
                known = {"fqdn": lab.peer(number).fqdn, "index": number - 1}

                async def missing(number: int = number, known: dict[str, object] = known) -> str:
                    lines = lab.lines(number)[before[number] :]
                    return in_order(lines, TLS_CHANGE, **known) or in_order(lines, SYNCHRONISED, **known)

                await eventually(f"peer {number} says all of it", missing, wanted="")
            by_hand = [line for line in lab.lines(1)[before[1] :] if "configuration/cluster/tls_verify" in line]
            assert len(by_hand) == 1 and " cli: " in by_hand[0] and 'User="' in by_hand[0]
        finally:
            await lab.set(1, "clustering.tls_verification_mode", "Permissive")
        await lab.alarm(1, PERMISSIVE)

        async def told() -> bool:
            found = (await lab.ask(2, "log tail", log="configuration", lines=20))[-2:]
            return any("from: Enforcing to: Permissive" in line for line in found)

        await eventually("peer 2 has it in its configuration log", told, wanted=True)

    asyncio.run(play())


def test_a_syslog_server_gets_the_alarms_of_a_peer(lab: Lab) -> None:
    async def play() -> None:
        heard = bytearray()
        begun, ended = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begun.set()
            while data := await reader.read(65536):
                heard.extend(data)
            ended.set()

        address, server = f"{lab.plan.network}.170", StreamServer(serve)
        server.listen(address, 0)
        port = server.address[1]
        entry = {"address": address, "port": port, "transport": "TCP", "level": "warning"}
        await lab.ask(2, "config add", path="logging.syslog_servers", value=entry)
        try:
            await begun.wait()
            await lab.set(1, "protocols.h323_mode", False)
            await lab.alarm(2, 20018)

            async def told() -> bool:
                return b'Event="Alarm Raised" Id="20018"' in heard

            await eventually("the server has the alarm", told)
            # Each line comes with its length (RFC 6587 3.4.1), without an end of line.
            assert re.search(rb"\d+ <132>1 \S+ expc02 alarm - AlarmRaised - Level", bytes(heard))
        finally:
            await lab.set(1, "protocols.h323_mode", True)
            await lab.ask(2, "config remove", path=f"logging.syslog_servers[{address}]")
            await ended.wait()  # by the peer
            await server.stop()
        await lab.alarm(2, 60921, standing=False)

    asyncio.run(play())


def test_diagnostic_logging_on_all_peers_from_one_peer(lab: Lab) -> None:
    async def play() -> None:
        done = await lab.ask(2, "diagnostics start", all=True)
        try:
            assert [(one["peer"], one["ok"]) for one in done] == [(number, True) for number in lab.numbers]
            for number in lab.numbers:
                assert await lab.alarm(number, 25019) == "Diagnostic logging runs."
            await lab.ask(3, "diagnostics mark", text="a moment")
            assert "runs already" in (await lab.ask(2, "diagnostics start"))[0]["sentence"]
        finally:
            await lab.ask(1, "diagnostics stop", all=True)
        for number in lab.numbers:
            await lab.alarm(number, 25019, standing=False)
        collected = await lab.ask(3, "diagnostics collect")
        with tarfile.open(collected["path"]) as packed:
            (name,) = [name for name in packed.getnames() if name.startswith("loggingsnapshot_expc03")]
            text = (packed.extractfile(name) or pytest.fail()).read().decode()
            everything = b"".join(data.read() for one in packed if (data := packed.extractfile(one)))
        assert 'Event="DEBUG_MARKER" Detail="a moment"' in text
        assert not any(secret.encode() in everything for secret in lab.passwords.values())
        assert b"PRIVATE KEY" not in everything

    asyncio.run(play())


def test_packets_are_captured_on_all_peers_and_are_in_the_archive_of_each(lab: Lab) -> None:
    async def captured(number: int) -> bytes:
        with tarfile.open((await lab.ask(number, "diagnostics collect"))["path"]) as packed:
            files = [one for one in packed if ".pcap" in one.name]
            return b"".join(data.read() for one in files if (data := packed.extractfile(one)))

    async def play() -> None:
        done = await lab.ask(1, "diagnostics start", all=True, capture=True)
        try:
            said = [one["state"]["capture"] for one in done]
            assert said == [f"Packets from and to {peer.address} are captured." for peer in lab.plan.peers]
            async with lab.phone(3, "bob") as bob:
                assert (await bob.register()).status == 200

                async def seen() -> bool:
                    return b"REGISTER sip:" in await captured(3)

                await eventually("the packets of the registration are in the archive of its peer", seen)
                assert b"REGISTER sip:" not in await captured(2), "another peer captures its own packets only"
                assert (await bob.register(0)).status == 200
        finally:
            await lab.ask(1, "diagnostics stop", all=True)

    asyncio.run(play())


def test_at_level_4_every_sip_message_is_in_the_network_log_without_what_proves_who_it_is(lab: Lab) -> None:
    async def play() -> None:
        async def messages(number: int) -> list[str]:
            return [str(line) for line in await lab.ask(number, "log search", text='Service="SIP"', log="network")]

        before = await messages(2)
        await lab.set(2, "logging.log_level", 4)
        try:
            assert await lab.alarm(2, 25019) == "The log level is 4."
            async with lab.phone(2, "alice", "tls") as alice, lab.phone(1, "bob") as bob:

                async def written() -> bool:
                    await alice.request("OPTIONS", f"sip:{lab.peer(2).address}")
                    return any("OPTIONS" in line for line in await messages(2) if line not in before)

                await eventually("messages are written", written, wanted=True)
                assert (await alice.register()).status == 200
                assert (await bob.register()).status == 200
                await eventually("2 knows bob", lambda: lab.registrations(2), wanted=BOTH)
                dialog = answered(await alice.call("bob@apolo.local"))
                assert (await alice.hang_up(dialog)).status == 200

                async def told() -> bool:
                    new = [line for line in await messages(2) if line not in before]
                    return all(any(one in line for line in new) for one in WANTED)

                await eventually("the messages are there", told)
                new = "\n".join([line for line in await messages(2) if line not in before])
                assert 'username=\\"alice\\", (hidden)' in new and "response=" not in new and "mac=" not in new
                await lab.set(2, "logging.log_level", 1)
                await lab.alarm(2, 25019, standing=False)

                async def quiet() -> bool:
                    had = len(await messages(2))
                    assert (await alice.register(0)).status == 200
                    await asyncio.sleep(0)
                    return len(await messages(2)) == had

                await eventually("nothing is written any more", quiet)
        finally:
            await lab.set(2, "logging.log_level", 1)

    asyncio.run(play())


def test_every_alarm_of_the_table_comes_and_goes_with_its_fault() -> None:
    """On a lab of its own: one of the faults takes a peer out of the cluster."""

    async def play(lab: Lab) -> None:
        await lab.whole()
        found = await alarm_proof.prove(Bench(lab.plan.run_dir), lambda fault: None)
        assert [(one.number, one.peer, one.what, one.cause) for one in found if not one.good] == []
        for number in lab.numbers:
            look = lambda number=number: standing(number)
            await eventually(f"it leaves peer {number} as a new one", look, 30.0, wanted={PERMISSIVE})

    async def standing(number: int) -> set[int]:
        return set(await own.raised(number))

    with real_lab.lab() as own:
        asyncio.run(play(own))


def test_an_acknowledged_alarm_is_new_again_after_a_restart(lab: Lab) -> None:
    async def play() -> None:
        async def acknowledged() -> bool:
            lines = await lab.ask(3, "alarm list")
            return any(peer["acknowledged"] for line in lines for peer in line["peers"] if peer["peer"] == 3)

        await lab.alarm(3, PERMISSIVE)
        assert (await lab.run(3, "alarm", "acknowledge", str(PERMISSIVE)))[0] == 0
        await eventually("it is acknowledged", acknowledged)
        await lab.do("restart", peer=3)
        await lab.whole()
        await lab.alarm(3, PERMISSIVE)
        assert not await acknowledged()

    asyncio.run(play())
