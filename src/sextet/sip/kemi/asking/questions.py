"""What has to be asked before a request can go on: DNS, policy services, the H.350 directory. No worker waits.

How it works. An answer lies in the htable `dns` for a while; with it a call goes on at once. Without it the transaction
is suspended, sextetd is asked, and the agent puts the answer into `dns` and continues the transaction, which then
searches again. The htable `asking` holds who waits until when: what is not answered in time goes on without it, and so
does everything at once while sextetd is away.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sextet.call.alias import place_of
from sextet.call.decision import Elsewhere, Here, Refuse, Request, Round, Target, Then, Try
from sextet.call.policy.asking import by_service, stages
from sextet.call.policy.services import SEARCH, Answers
from sextet.call.search import again
from sextet.call.stages import Again, Ask
from sextet.call.table import Table
from sextet.call.zones import ZoneRow, number_of
from sextet.model.settings.zones import DNS, ENUM
from sextet.sip.kemi.asking.services import Services
from sextet.sip.kemi.reporting import Reporter, written
from sextet.sip.kemi.zones import naming

WAIT_MS = 3_000  # for sextetd's answer, which gives up on DNS a little earlier
POLICY_WAIT_MS = 32_000  # and on a policy service after 30 s (facts 7.6)
SPARE_S = 10  # that Kamailio keeps longer what waits
CALL_MS = 180_000  # tm's limit of a call, as in kamailio.cfg; the rounds set their own
TURNS_MAX = 5  # of one call: ENUM may lead to ENUM, and that to DNS
CHAIN_MAX = 3  # answers that led one to the next: each may name several aliases, and a worker searches all of them
AWAY_S = 2  # how long nothing is asked while sextetd is away

POLICY = "policy "  # how questions to policy services begin (services.py)
DIRECTORY = "directory "  # and to the H.350 directory (directory.py)
HOP = "hop"  # and those for the name of a next hop within a call (routing/onward.py)
NOBODY, UNANSWERED = "-", "?"  # in the htable `ldap`: no such name, and nobody to ask
WHY = "why "  # before a question: why its answer is empty

State = dict[str, Any]
Open = tuple[str, str, str]  # see decision.Searched


def question(zone: ZoneRow | None, alias: str) -> str:
    """Name what has to be known to reach an alias through a zone; empty where nothing is asked."""
    if zone is not None and zone.type == DNS and (place := place_of(alias)):
        return f"dns {place} {zone.name}"
    if zone is not None and zone.type == ENUM and (number := number_of(alias)):
        return f"enum {number} {zone.name}"
    return ""


def answer(ksr: Any, zone: ZoneRow | None, alias: str) -> list[str] | None:
    """Give next hops, or of ENUM aliases; None while it is not known, or a connection that was found is gone."""
    asked = question(zone, alias)
    if not asked:
        return []
    text = ksr.htable.sht_get("dns", asked)
    if text is None:
        return None
    found = [str(one) for one in json.loads(text)]
    if zone is not None and all(naming.usable(ksr, one, zone.tls_verify) for one in found):
        return found
    ksr.htable.sht_rm("dns", asked)
    return None


def obstacle(ksr: Any, zone: ZoneRow | None, alias: str) -> str:
    """Say why no next hop of a domain may be used; "" where sextetd gave no reason."""
    return "".join(json.loads(ksr.htable.sht_get("dns", f"{WHY}{question(zone, alias)}") or "[]"))


@dataclass(slots=True)
class Expanded:
    """The rounds of a decision with what ENUM and policy services answered in its place."""

    rounds: list[Round] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)  # what policy services have to be asked first
    then: list[Then] = field(default_factory=list)
    refusal: Refuse | None = None  # the last of a policy service, for when nothing else is left

    @property
    def refused(self) -> Refuse | None:
        """Give the refusal where nothing else is left."""
        return None if self.rounds else self.refusal


def expanded(
    table: Table, request: Request, rounds: Sequence[Round], here: Here, elsewhere: Elsewhere, answers: Answers,
    enum: Callable[[ZoneRow, str], list[str] | None], depth: int = 0,
) -> Expanded:  # fmt: skip
    """Put new aliases in the place of who named them: each is searched from the transforms on, with the hops kept.

    What they lead to may name new aliases again, up to CHAIN_MAX one after the other.
    """
    made = Expanded()
    for one in rounds:
        kept: list[Target] = []
        new: list[Round] = []
        for target in one.targets:
            named = _named(table, request, target, answers, enum)
            if named is None:
                kept.append(target)
            elif isinstance(named, Ask):
                made.open.append((named.service, named.kind, named.alias))
            elif isinstance(named, Refuse):
                made.refusal = named
            elif named.groups:
                named = dataclasses.replace(named, caller=named.caller or target.caller)
                searched = again(table, request, target.trail, named, here, elsewhere, stages(answers))
                made.open += searched.open
                if isinstance(searched.decision, Try) and depth < CHAIN_MAX:
                    more = expanded(
                        table, request, searched.decision.rounds, here, elsewhere, answers, enum, depth + 1
                    )  # fmt: skip
                    new += more.rounds
                    made.open += more.open
                    made.then += [*more.then, *searched.decision.then]
                    made.refusal = more.refusal or made.refusal
                elif isinstance(searched.decision, Refuse):
                    made.refusal = searched.decision
        made.rounds += [dataclasses.replace(one, targets=tuple(kept))] if kept else []
        made.rounds += new
    return made


def _named(
    table: Table, request: Request, target: Target, answers: Answers,
    enum: Callable[[ZoneRow, str], list[str] | None],
) -> Again | Ask | Refuse | None:  # fmt: skip
    """Say which aliases a target stands for; None where it is asked itself, or is not known yet."""
    if target.kind == "service":
        service = table.services[target.zone]
        said = by_service(service, SEARCH, request, target.alias, answers)
        return said if said is not None else Again(groups=(), reason=f"policy service {service.name}")
    zone = table.zones.get(target.zone)
    found = enum(zone, target.alias) if zone is not None and zone.type == ENUM else None
    if found is None:
        return None
    return Again(groups=tuple((alias,) for alias in found), reason=f"zone {target.zone}")


def resolved(
    ksr: Any, table: Table, request: Request, rounds: Sequence[Round], here: Here, elsewhere: Elsewhere,
    services: Services,
) -> tuple[Expanded, list[str]]:  # fmt: skip
    """Give the rounds as they can be carried out, and what has to be asked first."""
    found = expanded(table, request, rounds, here, elsewhere, services, functools.partial(answer, ksr))
    return found, [*unanswered(ksr, table, found.rounds), *(services.question(*one) for one in found.open)]


def unanswered(ksr: Any, table: Table, rounds: Sequence[Round]) -> list[str]:
    """List what has to be asked before these rounds can be carried out."""
    targets = [target for one in rounds for target in one.targets if target.kind == "zone"]
    pairs = [(table.zones.get(target.zone), target.alias) for target in targets]
    return list(dict.fromkeys(question(zone, alias) for zone, alias in pairs if answer(ksr, zone, alias) is None))


def begun(ksr: Any) -> bool:
    """Give a request its transaction, unless it has waited with one already; false where it is a retransmission."""
    return bool(ksr.pv.get("$avp(waited)")) or ksr.tm.t_newtran() > 0


def suspend(ksr: Any, reporter: Reporter, questions: Sequence[str], state: State) -> bool:
    """Let the transaction of a search wait for answers; false where it has to go on without them."""
    turns = int(ksr.pv.get("$avp(turns)") or 0)
    if turns >= TURNS_MAX:
        return False
    ksr.pv.seti("$avp(turns)", turns + 1)
    ksr.pv.sets("$avp(state)", written({**state, "asked": list(questions)}))
    wait_ms = POLICY_WAIT_MS if any(one.startswith(POLICY) for one in questions) else WAIT_MS
    if wait_ms > WAIT_MS:
        ksr.tm.t_set_fr(CALL_MS, wait_ms + SPARE_S * 1000)
    return wait(ksr, reporter, questions, wait_ms)


def wait(ksr: Any, reporter: Reporter, questions: Sequence[str], wait_ms: int = WAIT_MS) -> bool:
    """Let the transaction wait for sextetd's answers, however it goes on then; false where it cannot."""
    if ksr.tmx.t_suspend() < 0:
        return False
    transaction = f"{ksr.pv.get('$T(id_index)')}:{ksr.pv.get('$T(id_label)')}"
    until_ms = int(time.monotonic() * 1e3) + wait_ms
    ksr.htable.sht_setxs("asking", transaction, str(until_ms), wait_ms // 1000 + SPARE_S)
    if not ask(reporter, transaction, questions):
        keep(ksr, [(one, [], AWAY_S) for one in questions if not one.startswith(DIRECTORY)])
        ksr.htable.sht_sets("asking", transaction, "0")
    return True


def ask(reporter: Reporter, transaction: str, questions: Sequence[str]) -> bool:
    """Ask sextetd; `transaction` waits for the answers, or none does. False while sextetd is away."""
    text = f'"kind":"question","transaction":{written(transaction)},"questions":{written(list(questions))}'
    return reporter.send(text)


def resumed(ksr: Any) -> tuple[State, dict[str, str]]:
    """Give the state of the transaction at hand, which waited, with all that policy services answered it so far."""
    state: State = json.loads(ksr.pv.get("$avp(state)"))
    return state, state["known"] | _answered(ksr, state["asked"])


def _answered(ksr: Any, questions: Sequence[str]) -> dict[str, str]:
    """Give what policy services answered; what was not answered in time counts as nothing, so that the call goes on."""
    found: dict[str, str] = {}
    for one in questions:
        text = ksr.htable.sht_get("dns", one)
        if one.startswith(POLICY):
            found[one] = "".join(json.loads(text or "[]"))
            ksr.htable.sht_rm("dns", one)
        elif text is None:
            ksr.htable.sht_setxs("dns", one, "[]", AWAY_S)
    return found


def keep(ksr: Any, answers: Sequence[tuple[str, list[str], int]]) -> None:
    """Note answers, each for its seconds."""
    for asked, values, seconds in answers:
        if asked.startswith(DIRECTORY):
            ksr.htable.sht_setxs("ldap", asked.removeprefix(DIRECTORY), "".join(values) or NOBODY, seconds)
        else:
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
