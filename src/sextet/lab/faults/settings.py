"""What is saved on a lab and cannot be well: settings of all peers that an administrator would have to mend."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from sextet.lab.ask import Failed
from sextet.lab.bench import Bench, Fault, Step

CLOSED_PORT = 9  # discard: nobody listens there on a lab's address
TAKEN_PORT = 5070  # a SIP port that another program has


def setting(number: int, path: str, broken: Any, mended: Any) -> tuple[Step, Step]:
    """Save a value that cannot be well, and the one from before."""
    return lambda bench: bench.set(number, path, broken), lambda bench: bench.set(number, path, mended)


async def _at_restart(bench: Bench) -> None:
    await bench.set(1, "clustering.changes_take_effect", "At restart")
    await bench.set(1, "clustering.tls_verification_mode", "Enforce")


async def _as_before(bench: Bench) -> None:
    await bench.set(1, "clustering.tls_verification_mode", "Permissive")
    await bench.set(1, "clustering.changes_take_effect", "At once")


async def _add_syslog(bench: Bench) -> None:
    server = {"address": bench.address(2), "port": CLOSED_PORT, "transport": "TCP"}
    await bench.run(2, "config add", path="logging.syslog_servers", value=server)


async def _add_zone(bench: Bench) -> None:
    value = {"name": "Nobody", "sip_port": 5999, "peers": [{"address": bench.address(3)}]}
    await bench.run(1, "config add", path="zones", value=value)


async def _ask_nobody(bench: Bench) -> None:
    await bench.set(1, "h350.server_address", bench.address(3))
    await bench.set(1, "h350.server_port", CLOSED_PORT)
    await bench.set(1, "h350.encryption", "Off")
    await bench.set(1, "h350.base_dn", "dc=nobody")
    await bench.set(1, "h350.mode", True)


async def _wrong_script(bench: Bench) -> None:
    with contextlib.suppress(Failed):  # it is refused, and the alarm stands
        await bench.set(1, "call_policy.script", "<cpl><taken/></cpl>")


async def _both_off(bench: Bench) -> None:
    await bench.set(1, "protocols.h323_mode", False)
    await bench.set(1, "protocols.sip_mode", False)


async def _both_on(bench: Bench) -> None:
    await bench.set(1, "protocols.sip_mode", True)
    await bench.set(1, "protocols.h323_mode", True)


def _taken_port() -> tuple[Step, Step]:
    """Let another program have the port that SIP is to use on peer 3."""
    held: list[socket.socket] = []

    async def breaks(bench: Bench) -> None:
        held.append(socket.create_server((bench.address(3), TAKEN_PORT)))
        await bench.set(1, "protocols.sip_tcp_port", TAKEN_PORT)

    async def mends(bench: Bench) -> None:
        await bench.set(1, "protocols.sip_tcp_port", 5060)
        while held:
            held.pop().close()

    return breaks, mends


async def _silent_time_server(bench: Bench) -> None:
    await bench.set(1, "system.ntp_servers", [{"address": f"{bench.address(2)}:{CLOSED_PORT}"}])
    await bench.check(1)


async def _no_time_server(bench: Bench) -> None:
    await bench.set(1, "system.ntp_servers", [])
    await bench.check(1)


_H323 = setting(1, "protocols.h323_mode", False, True)
_ACCESS = setting(1, "default_zone.use_access_rules", True, False)
_PORT = setting(1, "protocols.sip_udp_port", TAKEN_PORT, 5060)
_TAKEN = _taken_port()

H323_OFF = Fault(what="H.323 mode is off", alarms=((20018, 1), (20018, 3)), breaks=_H323[0], mends=_H323[1])
BOTH_OFF = Fault(what="SIP and H.323 mode are off", alarms=((45003, 1), (45003, 3)), breaks=_both_off, mends=_both_on)
MODE_AT_RESTART = Fault(
    what="TLS verification mode saved, in force at restart",
    alarms=((20007, 1), (20020, 1), (20007, 2), (20020, 2)),
    breaks=_at_restart,
    mends=_as_before,
)
PERMISSIVE = Fault(
    what="TLS verification mode Permissive; Enforce mends it",
    alarms=((40049, 1), (40049, 2)),
    before=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
    breaks=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Permissive"),
    mends=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
)
PORT_CHANGED = Fault(what="A SIP port is changed", alarms=((25008, 1), (25008, 2)), breaks=_PORT[0], mends=_PORT[1])
PORT_TAKEN = Fault(
    what="Another program has the SIP port of peer 3", alarms=((25018, 3),), breaks=_TAKEN[0], mends=_TAKEN[1]
)
ZONE_DEAD = Fault(
    what="A zone leads to an address where nobody listens",
    alarms=((45010, 1), (45010, 2)),
    breaks=_add_zone,
    mends=lambda bench: bench.run(1, "config remove", path="zones[Nobody]"),
)
DIRECTORY_DEAD = Fault(
    what="An H.350 directory at an address where nobody listens",
    alarms=((35012, 1), (35012, 3)),
    breaks=_ask_nobody,
    mends=lambda bench: bench.set(1, "h350.mode", False),
)
ACCESS_RULES = Fault(
    what="Access rules of the Default Zone, while UDP and TCP are on",
    alarms=((40033, 1), (40033, 3)),
    breaks=_ACCESS[0],
    mends=_ACCESS[1],
)
NO_LINKS = Fault(
    what="The default links are removed",
    alarms=((45002, 1), (45006, 1), (45007, 2), (45008, 2)),
    breaks=lambda bench: bench.set(1, "links", []),
    mends=lambda bench: bench.run(2, "xcommand", words="DefaultLinksAdd"),
)
DIAGNOSTICS = Fault(
    what="Diagnostic logging on all peers",
    alarms=((25019, 1), (25019, 3)),
    breaks=lambda bench: bench.run(1, "diagnostics start", all=True),
    mends=lambda bench: bench.run(1, "diagnostics stop", all=True),
)
SYSLOG_DEAD = Fault(
    what="A remote syslog server that does not listen",
    alarms=((60921, 2),),
    breaks=_add_syslog,
    mends=lambda bench: bench.run(2, "config remove", path=f"logging.syslog_servers[{bench.address(2)}]"),
)
WRONG_POLICY = Fault(
    what="A call policy script that is refused",
    alarms=((45001, 1),),
    breaks=_wrong_script,
    mends=lambda bench: bench.set(1, "call_policy.script", ""),
)
MAINTENANCE = Fault(
    what="Maintenance mode on peer 3",
    alarms=((15015, 3),),
    breaks=lambda bench: bench.run(3, "peer maintenance", mode="on"),
    mends=lambda bench: bench.run(3, "peer maintenance", mode="off"),
)
NTP_SILENT = Fault(
    what="A time server that does not answer",
    alarms=((25021, 1),),
    breaks=_silent_time_server,
    mends=_no_time_server,
)
