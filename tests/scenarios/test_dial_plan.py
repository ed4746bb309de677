"""The dial plan of a cluster, row by row: each is called for real, and `locate` and the history say the same of it.

A row is one call from somewhere to some alias: who rings and for which alias, or the refusal in its words. Callers are
at peers 1 and 3, devices at 1, 2 and 3, so the same rules are seen through one, two and three peers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sextet.lab.dns import DNS_PORT, serve
from tests.support import dial_plan
from tests.support.dial_plan import AT, LOCAL, OTHERS, SOURCES, SYSTEMS, Row
from tests.support.real_lab import Lab, eventually, save, standard
from tests.support.sip_client import Dialog, Message, Phone

pytestmark = pytest.mark.scenario


def address(lab: Lab, system: str) -> str:
    return f"{lab.plan.network}.{(SYSTEMS | OTHERS)[system]}"


@contextlib.asynccontextmanager
async def everybody(lab: Lab) -> AsyncIterator[dict[str, Phone]]:
    """Phones at all peers and three other systems, which all talk to peer 1 when they call."""
    async with contextlib.AsyncExitStack() as stack:
        phones = {
            name: await stack.enter_async_context(
                Phone(name, lab.peer(1).address, local_ip=address(lab, name), domain=f"{name.lower()}.test")
            )
            for name in SYSTEMS
        }
        for name, number in AT.items():
            phones[name] = await stack.enter_async_context(lab.phone(number, name))
            assert (await phones[name].register()).status == 200
        for number in lab.numbers:
            wanted = {(f"{name}@{LOCAL}", owner, False) for name, owner in AT.items()}
            await eventually("everybody is known", lambda n=number: lab.registrations(n), wanted=wanted)
        yield phones


@contextlib.asynccontextmanager
async def named(lab: Lab, phones: Mapping[str, Phone]) -> AsyncIterator[None]:
    """Have all peers ask a DNS that knows, beside them, a domain and a number."""
    at, far = address(lab, "dns"), phones["stranger"]
    server = await serve(lab.plan.peers, at)
    server.known |= {
        ("_sip._udp.far.apolo.local.", "SRV"): [f"1 1 {far.address[1]} h.far.apolo.local."],
        ("h.far.apolo.local.", "A"): [far.address[0]],
        ("4.3.2.1.enum.test.", "NAPTR"): [f'1 1 "u" "E2U+sip" "!^.*$!sip:{dial_plan.CAROL}!" .'],
    }
    try:
        for number in lab.numbers:
            await lab.set(number, "system.dns_servers", [{"address": f"{at}:{DNS_PORT}"}])
        yield
    finally:
        for number in lab.numbers:
            await lab.set(number, "system.dns_servers", [{"address": lab.plan.dns_server}])
        await server.stop()


@contextlib.asynccontextmanager
async def planned(lab: Lab, phones: Mapping[str, Phone]) -> AsyncIterator[None]:
    """Put the dial plan in force at all peers, and what there was before in the end."""
    zones: list[dict[str, Any]] = [
        {"name": name, "sip_transport": "UDP", "sip_port": phones[name].address[1], "monitor": False,
         "peers": [{"address": address(lab, name)}], "authentication": policy}
        for name, policy in (("Paris", "Do not check credentials"), ("London", "Treat as authenticated"))
    ]  # fmt: skip
    zones += [{"name": "World", "type": "DNS"}, {"name": "Numbers", "type": "ENUM", "dns_suffix": "enum.test"}]
    zones += [{"name": "Nowhere", "peers": [{"address": address(lab, "nobody")}]}]
    rules = [*standard("search_rules"), *dial_plan.RULES]
    plan = {"zones": zones, **dial_plan.SETTINGS, "search_rules": rules}
    try:
        await save(lab, plan)
        yield
    finally:
        written = ("dial_plan.unknown_ip", "call_policy.mode", "call_policy.script", "call_policy.rules")
        await save(lab, {path: standard(path) for path in (*written, *reversed(plan), "links")})


async def play(lab: Lab, phones: Mapping[str, Phone], rows: Sequence[Row]) -> None:
    """Play all rows; fails with those that are not as they say."""
    wrong = []
    for row in rows:
        try:
            await played(lab, phones, written(lab, row))
        except (AssertionError, TimeoutError) as error:
            wrong.append(f"{row}: {error}")
    assert not wrong, "\n\n".join(wrong)


def written(lab: Lab, row: Row) -> Row:
    """Put the addresses of this lab's peers into a row."""
    places = [peer.address for peer in lab.plan.peers]
    rung = {name: alias.format(*places) for name, alias in row.rung.items()}
    return replace(row, dialled=row.dialled.format(*places), rung=rung)


async def played(lab: Lab, phones: Mapping[str, Phone], row: Row) -> None:
    """Make the call of a row, then ask what would have been foreseen and what is remembered of it."""
    label = f"{row.by} dials {row.dialled}"
    before = {name: len(phone.received) for name, phone in phones.items()}
    invites = {name: phones[name].count() for name in row.rung}
    for name, phone in phones.items():
        phone.status = row.says.get(name, 200)
    caller = phones[row.by]
    result = await caller.call(row.dialled)
    for name, count in invites.items():
        await phones[name].rings(after=count)  # a device on another peer may ring after the first one answered
    if isinstance(result, Dialog):
        assert (await caller.hang_up(result)).status == 200, label
    answer = result.answer if isinstance(result, Dialog) else result
    words = answer.get("reason").partition(';text="')[2].rstrip('"')
    assert (answer.status, words) == (row.status, row.reason), label
    rung = {name: asked for name, phone in phones.items() if (asked := _asked(phone.received[before[name] :]))}
    assert rung == {name: asked if name in SYSTEMS else name for name, asked in row.rung.items()}, label
    await agrees(lab, row, answer.get("call-id"), label)


def _asked(received: Sequence[Message]) -> str:
    """Whom an INVITE asks for: an alias of another system, of a device the user of its contact."""
    uris = [message.first.split()[1] for message in received if message.first.startswith("INVITE ")]
    alias = uris[0].removeprefix("sip:") if uris else ""
    return alias.partition("@")[0] if alias.partition("@")[0] in AT else alias


async def agrees(lab: Lab, row: Row, call_id: str, label: str) -> None:
    """Ask `locate` and the search history of the peer that searched: all three tell the same."""
    number = AT.get(row.by, 1)
    domain = LOCAL if row.by in AT else f"{row.by.lower()}.test"
    wish = {
        "alias": row.dialled, "from": SOURCES.get(row.by, row.by), "caller": f"{row.by}@{domain}",
        "unauthenticated": row.by in ("Paris", "stranger"), "user": row.by if row.by in AT else "",
    }  # fmt: skip
    foreseen = await lab.ask(number, "locate", **wish)
    if row.reason and not row.rung:
        assert foreseen["sentence"] == f"{row.status} {row.reason}", label

    async def told() -> Mapping[str, Any] | None:
        """The first search of this call, whoever told it when: what a script says afterwards is another one."""
        lines = (await lab.ask(number, "search history", containing=foreseen["search"]["alias"], lines=20))["lines"]
        for one in lines:
            if (one["peer"], one["search"]["call_id"]) == (number, call_id):
                search: Mapping[str, Any] = (await lab.ask(number, "search show", id=one["search"]["id"]))["search"]
                if search["steps"] == foreseen["search"]["steps"]:
                    return search
        return None

    remembered = await eventually(f"{label}: it is in the history as it was foreseen", told)
    for part in ("source", "subzone", "authenticated", "user"):
        assert foreseen["search"][part] == remembered[part], label
    await patterns_agree(lab, number, foreseen["search"]["steps"])
    targets = [[(one["target"], one["alias"]) for one in each["asked"]] for each in (foreseen["search"], remembered)]
    assert targets[0] == targets[1], label


async def patterns_agree(lab: Lab, number: int, steps: Sequence[Mapping[str, Any]]) -> None:
    """Ask `check-pattern` about every pattern that matched: it makes the same of the alias."""
    rows = {f"transform {row['priority']}": row for row in dial_plan.TRANSFORMS}
    rows |= {row["name"]: row for row in dial_plan.RULES if "pattern" in row}
    for step in steps:
        if step["matched"] and (row := rows.get(step["name"])):
            given = {name: row[name] for name in ("pattern", "behavior", "replace") if name in row}
            kind = row.get("pattern_type", "Prefix")
            found = await lab.ask(number, "check-pattern", alias=step["before"], type=kind, **given)
            assert (found["matches"], found["result"]) == (True, step["after"]), step


async def known(lab: Lab) -> tuple[dict[str, str], dict[str, int]]:
    """What peer 3 says of the plan: its warnings, and how often rules matched at all peers."""
    said = await lab.ask(3, "dialplan check")
    hits = {name: said["hits"]["rules"].get(name, 0) for name in dial_plan.HITS}
    return {one["name"]: one["sentence"] for one in said["warnings"]}, hits


def test_what_is_dialled_goes_where_the_plan_says_and_locate_and_history_say_the_same(lab: Lab) -> None:
    async def all_rows() -> None:
        async with everybody(lab) as phones, named(lab, phones), planned(lab, phones):
            await play(lab, phones, dial_plan.SEARCHED)
            wanted = (dial_plan.WARNINGS, dial_plan.HITS)
            await eventually("warnings and hits are there", lambda: known(lab), wanted=wanted)
            await save(lab, {"call_policy.mode": "Local CPL", "call_policy.script": dial_plan.SCRIPT})
            await play(lab, phones, dial_plan.SCRIPTED)
            assert f"<sip:desk@{LOCAL}>" in (await phones["Paris"].rings(after=phones["Paris"].count() - 1)).get("from")
            await save(
                lab,
                {
                    "call_policy.script": "", "call_policy.rules": dial_plan.POLICY_RULES,
                    "dial_plan.unknown_ip": "Off", "dial_plan.fallback_alias": "",
                },
            )  # fmt: skip
            await play(lab, phones, dial_plan.RULED)

    asyncio.run(all_rows())
