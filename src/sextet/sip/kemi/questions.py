"""What has to be asked of DNS before a call can go on: DNS and ENUM zones. No worker waits for an answer.

How it works. An answer lies in the htable `dns` for a while; with it a call goes on at once. Without it the transaction
is suspended, sextetd is asked, and the agent puts the answer into `dns` and continues the transaction, which then
searches again. The htable `asking` holds who waits until when: what is not answered in time goes on without it, and so
does everything at once while sextetd is away.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

from sextet.call.alias import domain_of, is_ip
from sextet.call.decision import Elsewhere, Here, Request, Round, Target, Try
from sextet.call.policy.asking import STAGES
from sextet.call.search import again
from sextet.call.stages import Again
from sextet.call.table import Table
from sextet.call.zones import ZoneRow, number_of
from sextet.model.settings.zones import DNS, ENUM
from sextet.sip.kemi.reporting import Reporter, written

WAIT_MS = 3_000  # for sextetd's answer, which gives up on DNS a little earlier
TURNS_MAX = 5  # of one call: ENUM may lead to DNS, and that to ENUM again
AWAY_S = 2  # how long nothing is asked while sextetd is away

State = dict[str, Any]


def question(zone: ZoneRow | None, alias: str) -> str:
    """Name what has to be known to reach an alias through a zone; empty where nothing is asked."""
    if zone is not None and zone.type == DNS and (domain := domain_of(alias)) and not is_ip(domain):
        return f"dns {domain} {zone.name}"
    if zone is not None and zone.type == ENUM and (number := number_of(alias)):
        return f"enum {number} {zone.name}"
    return ""


def answer(ksr: Any, zone: ZoneRow | None, alias: str) -> list[str] | None:
    """Give next hops, or of ENUM aliases; None while it is not known."""
    asked = question(zone, alias)
    if not asked:
        return []
    text = ksr.htable.sht_get("dns", asked)
    return None if text is None else [str(one) for one in json.loads(text)]


def expanded(
    ksr: Any, table: Table, request: Request, rounds: Sequence[Round], here: Here, elsewhere: Elsewhere
) -> tuple[Round, ...]:
    """Put what ENUM answered in its place: each new alias is searched from the transforms on, with the hops kept."""
    made: list[Round] = []
    for one in rounds:
        kept: list[Target] = []
        new: list[Round] = []
        for target in one.targets:
            zone = table.zones.get(target.zone)
            found = answer(ksr, zone, target.alias) if zone is not None and zone.type == ENUM else None
            if found is None:
                kept.append(target)
            elif found:
                named = Again(groups=tuple((alias,) for alias in found), reason=f"zone {target.zone}")
                searched = again(table, request, target.trail, named, here, elsewhere, STAGES)
                if isinstance(searched.decision, Try):
                    new += searched.decision.rounds
        made += [dataclasses.replace(one, targets=tuple(kept))] if kept else []
        made += new
    return tuple(made)


def unanswered(ksr: Any, table: Table, rounds: Sequence[Round]) -> list[str]:
    """List what has to be asked before these rounds can be carried out."""
    targets = [target for one in rounds for target in one.targets if target.kind == "zone"]
    pairs = [(table.zones.get(target.zone), target.alias) for target in targets]
    return list(dict.fromkeys(question(zone, alias) for zone, alias in pairs if answer(ksr, zone, alias) is None))


def suspend(ksr: Any, reporter: Reporter, questions: Sequence[str], state: State) -> bool:
    """Let the transaction wait for answers; false where it has to go on without them."""
    turns = int(ksr.pv.get("$avp(turns)") or 0)
    if turns >= TURNS_MAX:
        return False
    ksr.pv.seti("$avp(turns)", turns + 1)
    ksr.pv.sets("$avp(state)", written(state))
    if ksr.tmx.t_suspend() < 0:
        return False
    transaction = f"{ksr.pv.get('$T(id_index)')}:{ksr.pv.get('$T(id_label)')}"
    until_ms = int(time.monotonic() * 1e3) + WAIT_MS
    ksr.htable.sht_sets("asking", transaction, str(until_ms))
    text = f'"kind":"question","transaction":{written(transaction)},"questions":{written(list(questions))}'
    if not reporter.send(text):
        for one in questions:
            ksr.htable.sht_setxs("dns", one, "[]", AWAY_S)
        ksr.htable.sht_sets("asking", transaction, "0")
    return True


def keep(ksr: Any, answers: Sequence[tuple[str, list[str], int]]) -> None:
    """Note answers, each for its seconds."""
    for asked, values, seconds in answers:
        ksr.htable.sht_setxs("dns", asked, json.dumps(values), seconds)


def go_on(ksr: Any, transaction: str) -> None:
    """Continue a transaction that waits; in the agent, which alone does so."""
    if ksr.htable.sht_get("asking", transaction) is None:
        return
    ksr.htable.sht_rm("asking", transaction)
    index, _, label = transaction.partition(":")
    ksr.pv.seti("$var(index)", int(index))
    ksr.pv.seti("$var(label)", int(label))
    ksr.x.modf("route_if_exists", "CONTINUE")  # KEMI's own t_continue needs a script that is all Python


def overdue(rows: Sequence[tuple[str, str]], now_s: float) -> list[str]:
    """List the transactions that have waited long enough; `rows` are those of `asking`."""
    return [transaction for transaction, until_ms in rows if now_s * 1e3 >= int(until_ms)]
