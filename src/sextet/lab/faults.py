"""Which real fault raises which alarm on a lab of three peers, and what mends it; and what no lab can do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sextet.lab.ask import Failed
from sextet.lab.authority import issue
from sextet.lab.bench import Bench, Fault, Step
from sextet.lab.plan import CLUSTER_NAME

CLOSED_PORT = 9  # discard: nobody listens there on a lab's address
TAKEN_PORT = 5070  # a SIP port that another program has
EXPIRES_DAYS = 5  # of a certificate that is about to expire
LIST = "clustering.peer_{}_address"
TLS_MODE, AT_RESTART = "clustering.tls_verification_mode", "clustering.changes_take_effect"
REFRESH = "protocols.standard_refresh_maximum"
FIRST_REFRESH = 60

CAPACITY = (  # and licences
    *(30001, 30003, 30004, 30010, 30012, 30013, 30014, 30015, 30016, 30017, 30020, 30022),
    *(30026, 30027, 30028, 30029, 30030, 30031),
)
NOT_ON_A_LAB = {
    15009: "a factory reset ends the peer's membership; tests/scenarios/test_lifecycle.py resets one",
    15013: "an armed factory reset ends the peer's membership; tests/scenarios/test_lifecycle.py lets one fail",
    15018: "it takes a release package that does not come up; tests/scenarios/test_upgrade.py installs one",
    20008: "it takes a release package of another version; tests/scenarios/test_upgrade.py installs one",
    15023: "no backup is restored on a member of a cluster; tests/admin/disk/test_safekeeping.py lets one fail",
    25002: "the clock is the host's, and all peers share it; tests/scenarios/test_checks.py shows them a wrong server",
    25020: "the NTP client is the host's; tests/scenarios/test_checks.py follows what the host's kernel says",
    **dict.fromkeys(CAPACITY, "it takes more phones, or days; tests/cluster/capacity/test_judging.py counts them"),
    60902: "a mirror differs only by an error or a bad memory; tests/scenarios/test_one_peer.py makes one differ",
}


def _setting(number: int, path: str, broken: Any, mended: Any) -> tuple[Step, Step]:
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


async def _two_names(bench: Bench) -> None:
    await bench.set(3, "clustering.peer_4_address", bench.address(1))


async def _part_ways(bench: Bench) -> None:
    """Let the primary accept an edit that nobody hears of, while another peer becomes the primary."""
    for other in (2, 3):
        await bench.do("cut", peer=1, other=other)
    await bench.set(1, "protocols.standard_refresh_maximum", 61)
    await bench.run(2, "cluster promote")
    await bench.set(3, "clustering.configuration_primary", 2)
    await bench.do("heal")


async def _settle(bench: Bench) -> None:
    """Deal with the edit, and give the lab back the primary that it had."""
    await bench.set(1, "clustering.configuration_primary", 2)
    for proposal in await bench.run(1, "config set-aside"):
        await bench.run(1, "config dismiss", revision=proposal["revision"]["revision"])
    await bench.run(1, "cluster promote")
    for other in (2, 3):
        await bench.set(other, "clustering.configuration_primary", 1)


async def _away_from_the_list(bench: Bench) -> None:
    await bench.set(3, LIST.format(3), "expc09.apolo.local")


async def _wrong_script(bench: Bench) -> None:
    with contextlib.suppress(Failed):  # it is refused, and the alarm stands
        await bench.set(1, "call_policy.script", "<cpl><taken/></cpl>")


async def _both_off(bench: Bench) -> None:
    await bench.set(1, "protocols.h323_mode", False)
    await bench.set(1, "protocols.sip_mode", False)


async def _both_on(bench: Bench) -> None:
    await bench.set(1, "protocols.sip_mode", True)
    await bench.set(1, "protocols.h323_mode", True)


class _Kept:
    """Files of a peer as they were before a fault."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}

    def change(self, path: Path, change: Callable[[bytes], bytes]) -> None:
        before = self._files.setdefault(path, path.read_bytes())
        path.write_bytes(change(before))  # in place: owner and mode stay

    def put_back(self) -> None:
        while self._files:
            path, data = self._files.popitem()
            path.write_bytes(data)


def _bootstrap(old: str, new: str) -> tuple[Step, Step]:
    """Edit peer 3's bootstrap file while it runs."""
    kept = _Kept()

    async def breaks(bench: Bench) -> None:
        kept.change(bench.file(3, "bootstrap.toml"), lambda text: text.replace(old.encode(), new.encode()))

    async def mends(bench: Bench) -> None:
        kept.put_back()

    return breaks, mends


def _recovery_port() -> tuple[Step, Step]:
    """Let nobody listen on peer 3's port 4371, as with a firewall that is closed there."""
    breaks, mends = _bootstrap("recovery_port = 4371", "recovery_port = 14371")

    async def restarted(bench: Bench, edit: Step) -> None:
        await edit(bench)
        await bench.do("restart", peer=3)
        await bench.whole()
        await bench.check(1)

    return lambda bench: restarted(bench, breaks), lambda bench: restarted(bench, mends)


def _certificate(days: float, common_name: str) -> tuple[Step, Step]:
    """Exchange peer 3's certificate and key for others."""
    kept = _Kept()

    async def breaks(bench: Bench) -> None:
        now = datetime.now(UTC)  # the wall clock, since certificates speak of moments
        made = issue(None, [bench.name(3), CLUSTER_NAME], now, days=days, common_name=common_name)
        kept.change(bench.file(3, "private_key.pem"), lambda _: made.key_pem)
        kept.change(bench.file(3, "certificate.pem"), lambda _: made.pem)

    async def mends(bench: Bench) -> None:
        kept.put_back()
        await bench.whole()

    return breaks, mends


async def _upload_at_restart(bench: Bench) -> None:
    await bench.set(1, AT_RESTART, "At restart")
    await bench.until("peer 3 knows", lambda: _is(bench, 3, AT_RESTART, "At restart"))
    certificate, key = (bench.file(3, name).read_text() for name in ("certificate.pem", "private_key.pem"))
    await bench.run(3, "cert upload", certificate=certificate, private_key=key)


async def _restart_and_at_once(bench: Bench) -> None:
    await bench.do("restart", peer=3)
    await bench.whole()
    await bench.set(1, AT_RESTART, "At once")


async def _full_disk(bench: Bench) -> None:
    """Let peer 3's sextetd write to no file any more, while the primary takes a change."""
    await bench.set(1, REFRESH, FIRST_REFRESH)
    await bench.whole()
    pid = await bench.process(3, "sextetd")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
    await bench.set(1, REFRESH, FIRST_REFRESH + 1)


async def _room_again(bench: Bench) -> None:
    pid = await bench.process(3, "sextetd")
    most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
    await bench.set(1, REFRESH, FIRST_REFRESH)
    await bench.whole()


async def _lose_database(bench: Bench) -> None:
    bench.file(3, "config.db").unlink()


def _damaged_at_start() -> tuple[Step, Step]:
    """Start peer 3 on a damaged database; its start ends when it was recovered."""
    starting: list[asyncio.Task[None]] = []

    async def breaks(bench: Bench) -> None:
        await bench.do("kill", peer=3)
        database = bench.file(3, "config.db")
        with database.open("r+b") as file:
            file.truncate(database.stat().st_size // 3)
        starting.append(asyncio.create_task(bench.do("start", peer=3)))

    async def mends(bench: Bench) -> None:
        await bench.run(3, "database recover")
        await starting.pop()
        await bench.whole()

    return breaks, mends


async def _lose_key(bench: Bench) -> None:
    bench.file(3, "system.key").unlink()


async def _freeze(bench: Bench) -> None:
    os.kill(await bench.process(3, "nats"), signal.SIGSTOP)


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


async def _two_clusters(bench: Bench) -> None:
    """Let peer 3 begin again as a new system that is the first of a cluster of its own, and lists peer 1 in it."""
    host = bench.name(3).partition(".")[0]
    await bench.run(3, "clusterdb-destroy-and-purge-data", system=host)

    async def alone() -> bool:
        return bool((await bench.run(3, "cluster status"))["database"] == "Single peer")

    await bench.until("peer 3 stands alone", alone)
    await bench.set(3, "clustering.cluster_name", CLUSTER_NAME)
    await bench.set(3, LIST.format(1), bench.name(3))
    await bench.set(3, LIST.format(2), bench.name(1))


async def _one_cluster(bench: Bench) -> None:
    """Take peer 3 out of the primary's list and add it again, as any new peer, with the list that the others have."""
    await bench.set(1, LIST.format(3), "")
    await bench.set(1, LIST.format(3), bench.name(3))
    for number in (2, 1, 3):  # in this order no list has a gap or a peer twice
        await bench.set(3, LIST.format(number), bench.name(number))
    await bench.whole()
    await bench.do("restart", peer=3)  # it began with the SIP transports of a new system, and has to restart for ours
    await bench.whole()


async def _is(bench: Bench, number: int, path: str, wanted: str) -> bool:
    found = await bench.run(number, "config show", path=path)
    return bool(found and found[0]["value"] == wanted)


_H323 = _setting(1, "protocols.h323_mode", False, True)
_NAME = _setting(3, "clustering.cluster_name", "", "expc-cluster.apolo.local")
_PRIMARY = _setting(3, "clustering.configuration_primary", 2, 1)
_NOBODY = _setting(3, "clustering.peer_4_address", "nobody.apolo.local", "")
_ACCESS = _setting(1, "default_zone.use_access_rules", True, False)
_PORT = _setting(1, "protocols.sip_udp_port", 5070, 5060)
_EDITED = _bootstrap("https_port = 8443", "https_port = 9443")
_MOVED = _bootstrap('address = "127', 'address = "127.9.9.9" #')
_UNREADABLE = _bootstrap("address", "adress")
_CLOSED = _recovery_port()
_DAMAGED = _damaged_at_start()
_TAKEN = _taken_port()
_NAMELESS = _certificate(365, "")
_EXPIRED = _certificate(-1, CLUSTER_NAME)
_EXPIRES = _certificate(EXPIRES_DAYS, CLUSTER_NAME)

FAULTS: tuple[Fault, ...] = (
    Fault(
        what="The network between peer 1 and peer 2 is cut",
        alarms=((20004, 1), (20006, 1), (20016, 2)),
        breaks=lambda bench: bench.do("cut", peer=1, other=2),
        mends=lambda bench: bench.do("heal"),
    ),
    Fault(
        what="sextetd of peer 3 is killed",
        alarms=((20021, 1), (20004, 2)),
        breaks=lambda bench: bench.do("kill", peer=3),
        mends=lambda bench: bench.do("start", peer=3),
    ),
    Fault(
        what="Kamailio of peer 3 is killed; it is started again by itself",
        alarms=((15010, 3),),
        breaks=lambda bench: bench.do("kill", peer=3, part="kamailio"),
        passing=True,
    ),
    Fault(what="H.323 mode is off", alarms=((20018, 1), (20018, 3)), breaks=_H323[0], mends=_H323[1]),
    Fault(
        what="Peer 3 has no cluster name, unlike the primary",
        alarms=((20019, 3), (20012, 3)),
        breaks=_NAME[0],
        mends=_NAME[1],
    ),
    Fault(
        what="Peer 3 names another configuration primary", alarms=((20017, 3),), breaks=_PRIMARY[0], mends=_PRIMARY[1]
    ),
    Fault(what="Peer 3 lists a name that does not resolve", alarms=((20005, 3),), breaks=_NOBODY[0], mends=_NOBODY[1]),
    Fault(
        what="Peer 3 lists the same system twice",
        alarms=((20003, 3),),
        breaks=_two_names,
        mends=lambda bench: bench.set(3, "clustering.peer_4_address", ""),
    ),
    Fault(
        what="TLS verification mode saved, in force at restart",
        alarms=((20007, 1), (20020, 1), (20007, 2), (20020, 2)),
        breaks=_at_restart,
        mends=_as_before,
    ),
    Fault(
        what="An edit of a cut-off primary, while another peer became the primary",
        alarms=((20011, 1),),
        breaks=_part_ways,
        mends=_settle,
    ),
    Fault(what="A SIP port is changed", alarms=((25008, 1), (25008, 2)), breaks=_PORT[0], mends=_PORT[1]),
    Fault(
        what="A zone leads to an address where nobody listens",
        alarms=((45010, 1), (45010, 2)),
        breaks=_add_zone,
        mends=lambda bench: bench.run(1, "config remove", path="zones[Nobody]"),
    ),
    Fault(
        what="An H.350 directory at an address where nobody listens",
        alarms=((35012, 1), (35012, 3)),
        breaks=_ask_nobody,
        mends=lambda bench: bench.set(1, "h350.mode", False),
    ),
    Fault(
        what="Access rules of the Default Zone, while UDP and TCP are on",
        alarms=((40033, 1), (40033, 3)),
        breaks=_ACCESS[0],
        mends=_ACCESS[1],
    ),
    Fault(
        what="The default links are removed",
        alarms=((45002, 1), (45006, 1), (45007, 2), (45008, 2)),
        breaks=lambda bench: bench.set(1, "links", []),
        mends=lambda bench: bench.run(2, "xcommand", words="DefaultLinksAdd"),
    ),
    Fault(
        what="Diagnostic logging on all peers",
        alarms=((25019, 1), (25019, 3)),
        breaks=lambda bench: bench.run(1, "diagnostics start", all=True),
        mends=lambda bench: bench.run(1, "diagnostics stop", all=True),
    ),
    Fault(
        what="A remote syslog server that does not listen",
        alarms=((60921, 2),),
        breaks=_add_syslog,
        mends=lambda bench: bench.run(2, "config remove", path=f"logging.syslog_servers[{bench.address(2)}]"),
    ),
    Fault(
        what="TLS verification mode Permissive; Enforce mends it",
        alarms=((40049, 1), (40049, 2)),
        before=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
        breaks=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Permissive"),
        mends=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
    ),
    Fault(
        what="Peer 3 is not in its own list",
        alarms=((20015, 3),),
        breaks=_away_from_the_list,
        mends=lambda bench: bench.set(3, LIST.format(3), bench.name(3)),
    ),
    Fault(
        what="A call policy script that is refused",
        alarms=((45001, 1),),
        breaks=_wrong_script,
        mends=lambda bench: bench.set(1, "call_policy.script", ""),
    ),
    Fault(what="SIP and H.323 mode are off", alarms=((45003, 1), (45003, 3)), breaks=_both_off, mends=_both_on),
    Fault(
        what="Maintenance mode on peer 3",
        alarms=((15015, 3),),
        breaks=lambda bench: bench.run(3, "peer maintenance", mode="on"),
        mends=lambda bench: bench.run(3, "peer maintenance", mode="off"),
    ),
    Fault(what="Another program has the SIP port of peer 3", alarms=((25018, 3),), breaks=_TAKEN[0], mends=_TAKEN[1]),
    Fault(
        what="A time server that does not answer",
        alarms=((25021, 1),),
        breaks=_silent_time_server,
        mends=_no_time_server,
    ),
    Fault(
        what="Another web port in peer 3's bootstrap file", alarms=((25026, 3),), breaks=_EDITED[0], mends=_EDITED[1]
    ),
    Fault(what="Another address in peer 3's bootstrap file", alarms=((25010, 3),), breaks=_MOVED[0], mends=_MOVED[1]),
    Fault(
        what="A bootstrap file of peer 3 that cannot be used",
        alarms=((60903, 3),),
        breaks=_UNREADABLE[0],
        mends=_UNREADABLE[1],
    ),
    Fault(
        what="Nobody listens on peer 3's port 4371",
        alarms=((20021, 1),),
        words="on 4371",
        breaks=_CLOSED[0],
        mends=_CLOSED[1],
    ),
    Fault(
        what="The certificate of peer 3 has no common name",
        alarms=((40052, 3),),
        breaks=_NAMELESS[0],
        mends=_NAMELESS[1],
    ),
    Fault(what="The certificate of peer 3 has expired", alarms=((40068, 3),), breaks=_EXPIRED[0], mends=_EXPIRED[1]),
    Fault(
        what=f"The certificate of peer 3 expires in {EXPIRES_DAYS} days",
        alarms=((40069, 3),),
        breaks=_EXPIRES[0],
        mends=_EXPIRES[1],
    ),
    Fault(
        what="A certificate is uploaded while changes wait for the restart",
        alarms=((15028, 3),),
        breaks=_upload_at_restart,
        mends=_restart_and_at_once,
    ),
    Fault(
        what="An error of sextetd's own on peer 3",
        alarms=((15019, 3),),
        breaks=lambda bench: bench.run(3, "lab fail"),
        mends=lambda bench: bench.do("restart", peer=3),
    ),
    Fault(what="The nats-server of peer 3 is frozen", alarms=((20026, 3),), breaks=_freeze),
    Fault(
        what="Peer 3 can write no file, and the primary takes a change",
        alarms=((60901, 3), (20009, 3), (20025, 1), (20025, 3)),
        breaks=_full_disk,
        mends=_room_again,
    ),
    Fault(
        what="The database of peer 3 is deleted while it runs",
        alarms=((15005, 3), (20014, 3)),
        breaks=_lose_database,
        mends=lambda bench: bench.run(3, "database recover"),
    ),
    Fault(what="Peer 3 is started on a damaged database", alarms=((15008, 3),), breaks=_DAMAGED[0], mends=_DAMAGED[1]),
    Fault(
        what="The system key file of peer 3 is deleted",
        alarms=((40055, 3),),
        breaks=_lose_key,
        mends=lambda bench: bench.run(1, "cluster force-system-key-update"),
    ),
    Fault(
        what="Peer 3 begins again as a new system, in a cluster of its own",
        alarms=((20024, 1), (20024, 3), (40005, 3)),
        breaks=_two_clusters,
        mends=_one_cluster,
    ),
)
