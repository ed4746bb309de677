"""The ways of calls between subzones and zones, row by row: what each is given, and `bandwidth check` foresees it.

Callers are at peers 1 and 3, devices at 1, 2 and 3: the limits are the cluster's, whichever peers a call passes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from sextet.model.config import to_document
from sextet.model.settings.bandwidth import DEFAULT_LINKS
from tests.support.real_lab import Lab, answered, eventually, refused, save, standard
from tests.support.sip_client import SDP, Dialog, Phone

pytestmark = pytest.mark.scenario
AT = {"alice": (1, "Site"), "bob": (1, "DefaultSubZone"), "carol": (2, "Office"), "dave": (3, "Site")}
PARIS = 163
VIDEO = "m=video 40002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"


def limited(what: str, kbps: int) -> dict[str, Any]:
    return {f"{what}_mode": "Limited", f"{what}_limit": kbps}


def link(node1: str, node2: str, *pipes: str) -> dict[str, Any]:
    more = {f"pipe{number}": pipe for number, pipe in enumerate(pipes, 1)}
    return {"name": f"{node1} to {node2}", "node1": node1, "node2": node2, **more}


LINKS = [
    *to_document(DEFAULT_LINKS),
    link("Site", "DefaultSubZone", "Line"),
    link("Site", "Office", "Line", "Trunk"),
    link("Office", "DefaultSubZone", "Trunk"),
    link("Office", "Paris"),
]
SETTINGS: dict[str, Any] = {
    "subzones": [
        {"name": "Site", **limited("intra", 256)},
        {"name": "Office", **limited("inter", 700)},
    ],
    "membership_rules": [
        {"name": name, "type": "Alias pattern match", "pattern": f"{name}@", "subzone": subzone}
        for name, (_, subzone) in AT.items()
        if subzone != "DefaultSubZone"
    ],
    "pipes": [{"name": "Line", **limited("total", 1000), **limited("per_call", 512)},
              {"name": "Trunk", **limited("per_call", 768)}],
    "search_rules": [*standard("search_rules"), {"name": "Out", "target": "Paris", "priority": 60}],
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One call: what is asked for and given, or refused in these words; `kbps` 0 is a session that does not say."""

    by: str = "alice"
    to: str
    kbps: int
    given: int = 0
    words: str = ""


ROWS = (
    Row(to="bob", kbps=384, given=384),
    Row(to="bob", kbps=0, given=384),  # the default call bandwidth
    Row(to="bob", kbps=600, given=512),  # by the pipe
    Row(by="bob", to="alice", kbps=600, given=512),
    Row(to="dave", kbps=600, given=256),  # within the subzone, at two peers
    Row(to="carol", kbps=900, given=512),  # the lower of two pipes of one link
    Row(by="bob", to="carol", kbps=900, given=700),  # the subzone's, below its pipe's
    Row(by="dave", to="carol", kbps=300, given=300),
    Row(to="Paris", kbps=384, given=384),  # over the office: the fewest links
    Row(by="bob", to="Paris", kbps=384, given=384),
    Row(by="carol", to="Paris", kbps=1000, given=700),
)
STRICT = (
    Row(to="bob", kbps=600, words="Exceeds Call Capacity: 600 kbit/s asked for, pipe Line allows 512 for one call"),
    Row(
        to="dave",
        kbps=300,
        words="Exceeds Call Capacity: 300 kbit/s asked for, the subzone Site allows 256 for one call",
    ),
    Row(to="bob", kbps=512, given=512),
)
BARRED = (
    Row(
        by="bob",
        to="carol",
        kbps=64,
        words="Exceeds Call Capacity: 64 kbit/s asked for, the subzone Office allows 0 for one call",
    ),
    Row(to="bob", kbps=64, given=64),
)
CUT = (
    Row(to="Paris", kbps=64, words="Gatekeeper Resources Unavailable: no links lead from Site to Paris"),
    Row(to="bob", kbps=64, given=64),
)


def sdp(kbps: int) -> str:
    head, audio = SDP.split("t=0 0\r\n")
    return f"{head}{f'b=AS:{kbps}' + chr(13) + chr(10) if kbps else ''}t=0 0\r\n{audio}{VIDEO}"


@contextlib.asynccontextmanager
async def ways(lab: Lab) -> AsyncIterator[dict[str, Phone]]:
    """Everybody in his subzone, and the links between these, until the end."""
    async with contextlib.AsyncExitStack() as stack:
        paris = Phone("x", lab.peer(1).address, local_ip=f"{lab.plan.network}.{PARIS}", domain="paris.test")
        phones = {"Paris": await stack.enter_async_context(paris)}
        for name, (number, _) in AT.items():
            phones[name] = await stack.enter_async_context(lab.phone(number, name))
            assert (await phones[name].register()).status == 200
        for number in lab.numbers:
            wanted = {(f"{name}@apolo.local", owner, False) for name, (owner, _) in AT.items()}
            await eventually("everybody is known", lambda n=number: lab.registrations(n), wanted=wanted)
        peers = [{"address": paris.address[0]}]
        zone = {"name": "Paris", "sip_transport": "UDP", "sip_port": paris.address[1], "monitor": False, "peers": peers}
        settings = {"zones": [zone], **SETTINGS, "links": LINKS}
        try:
            await save(lab, settings)
            yield phones
        finally:
            names = ("bandwidth.downspeed_per_call", "bandwidth.downspeed_total", *reversed(settings), "links")
            await save(lab, {path: standard(path) for path in names})


async def called(lab: Lab, phones: Mapping[str, Phone], row: Row) -> Dialog | None:
    """Make the call of a row, after asking what would become of it."""
    label = f"{row.by} calls {row.to} with {row.kbps}"
    nodes = {name: subzone for name, (_, subzone) in AT.items()} | {"Paris": "Paris"}
    number, callee = AT[row.by][0], phones[row.to]
    check = {"node1": nodes[row.by], "node2": nodes[row.to], "kbps": row.kbps or 384}
    foreseen = await lab.ask(number, "bandwidth check", **check)
    callee.sdp, before = sdp(row.kbps), callee.count()
    result = await phones[row.by].call(f"{row.to.lower()}@{callee.domain}", body=sdp(row.kbps))
    if row.words:
        answer = refused(result)
        assert answer.status == 488, label
        assert answer.get("reason") == f'SIP;cause=488;text="{row.words}"', label
        assert answer.get("warning").startswith("370 "), label
        assert foreseen["sentence"] == f"Refused. {row.words}.", label
        assert callee.count() == before, label
        return None
    dialog = answered(result)
    invite = await callee.rings(after=before)
    asked = row.kbps or 384
    assert (f"b=AS:{row.given}\r\n" in invite.body) == (row.given < asked or row.kbps > 0), label
    assert foreseen["kbps"] == row.given, label

    await shown(lab, row.given, foreseen["route"])
    return dialog


async def shown(lab: Lab, kbps: int, way: str) -> None:
    """Wait until all peers show one call, on this way."""
    for number in lab.numbers:

        async def calls(number: int = number) -> list[tuple[int, str]]:
            lines = await lab.ask(number, "call list")
            return [(line["kbps"], line["nodes"]) for line in lines if line["state"] == "connected"]

        await eventually(f"peer {number} shows the call", calls, wanted=[(kbps, way)])


async def followed(lab: Lab, phones: Mapping[str, Phone]) -> None:
    """What a call uses follows what its ends agree on, at whichever peer it is charged."""
    dialog = await called(lab, phones, Row(to="carol", kbps=300, given=300))
    assert dialog is not None
    for body, kbps in ((SDP, 64), (sdp(600), 512), (sdp(400), 400)):
        phones["carol"].sdp = body
        assert (await phones["alice"].offer(dialog, body)).status == 200
        await shown(lab, kbps, "Site -> Office")
    for number in lab.numbers:
        local = 400 if number == 2 else 0
        wanted = {name: (local, 400) for name in ("Line", "Trunk", "Site", "Office", "Site to Office")}
        await eventually("all know what is used", lambda n=number: used(lab, n), wanted=wanted)
    phones["carol"].status = 488
    assert (await phones["alice"].offer(dialog, sdp(100))).status == 488
    phones["carol"].status = 200
    await shown(lab, 400, "Site -> Office")
    assert (await phones["alice"].hang_up(dialog)).status == 200
    for number in lab.numbers:
        await eventually("nothing is used", lambda n=number: used(lab, n), wanted={})


async def play(lab: Lab, phones: Mapping[str, Phone], rows: tuple[Row, ...]) -> None:
    for row in rows:
        dialog = await called(lab, phones, row)
        if dialog is not None:
            assert (await phones[row.by].hang_up(dialog)).status == 200
            for number in lab.numbers:
                await eventually("nothing is used", lambda n=number: used(lab, n), wanted={})


async def used(lab: Lab, number: int) -> dict[str, tuple[int, int]]:
    """What a peer says of everything that is used: by its own calls, and by all."""
    lines = [line for what in ("subzones", "links", "pipes") for line in await lab.ask(number, f"bandwidth {what}")]
    return {line["name"]: (line["local_kbps"], line["cluster_kbps"]) for line in lines if line["cluster_kbps"]}


def test_every_call_has_what_its_way_allows_and_bandwidth_check_says_the_same(lab: Lab) -> None:
    async def all_rows() -> None:
        async with ways(lab) as phones:
            await play(lab, phones, ROWS)
            await followed(lab, phones)
            await save(lab, {"bandwidth.downspeed_per_call": False, "bandwidth.downspeed_total": False})
            await play(lab, phones, STRICT)
            await save(lab, {"subzones[Office].inter_mode": "No bandwidth"})
            await play(lab, phones, BARRED)
            await save(lab, {"subzones[Office].inter_mode": "Unlimited", "links": LINKS[:-1]})
            await play(lab, phones, CUT)

    asyncio.run(all_rows())
