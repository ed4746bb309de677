"""Carries out what is decided about a REGISTER (RFC 3261 10.3); digest was checked by the native route.

The order is: store without an answer, tell sextetd, answer. So the cluster hears of a binding before its endpoint does.
Where a policy service says who may register, each REGISTER waits for it as a call does (questions.py), refreshes too
(facts 7.8): then the native route has nothing to refresh by itself.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from typing import Any

from sextet.call.admission import Grant, Refuse, Registering, admit, may_come_from
from sextet.call.alias import key, of_uri
from sextet.call.pacing import Pace, enter
from sextet.call.stages import Ask
from sextet.call.table import Table
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.asking.services import Registration
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.limits import licensing
from sextet.sip.kemi.registration import answering, carrying
from sextet.sip.kemi.registration.bindings import LEFT, Fresh, drop_device, publish, stored
from sextet.sip.kemi.registration.contacts import Contact, contacts_of, device_of, lasting, misuses_star
from sextet.sip.kemi.reporting import Reporter, rejected

NO_REPLY = 2  # flag of save()
FOUND = 2  # its answer: the bindings were there, and were refreshed
BEHIND = 6  # branch flag of kamailio.cfg: it is a variable of the worker, and lost when another process goes on
EXTENSIONS = ("gruu", "outbound", "path")  # that we may be required to know; what only ends of a call need passes us
_TOKEN = re.compile(r"[^\s,]+")
STEP = "register"  # of a request that waits (questions.py)


def register(ksr: Any, reporter: Reporter, table: Table, realm: str, dice: Callable[[], float]) -> None:
    """Decide about a REGISTER and answer it, or let it wait for a policy service."""
    state: questions.State = {
        "step": STEP, "serial": os.urandom(16).hex(), "proved": bool(ksr.pv.get("$var(proved)")), "known": {},
        "behind": ksr.isbflagset(BEHIND) > 0,
    }  # fmt: skip
    _decide(ksr, reporter, table, realm, dice, state)


def resumed(
    ksr: Any, reporter: Reporter, told: Instructions, dice: Callable[[], float], state: questions.State,
    known: dict[str, str],
) -> None:  # fmt: skip
    """Go on with a REGISTER that waited; in the agent."""
    if state["behind"]:
        ksr.setbflag(BEHIND)
    _decide(ksr, reporter, told.table, told.realm, dice, state | {"known": known}, waited=True)


def _decide(
    ksr: Any, reporter: Reporter, table: Table, realm: str, dice: Callable[[], float], state: questions.State,
    *, waited: bool = False, last: bool = False,
) -> None:  # fmt: skip
    get = ksr.pv.get
    alias = key(of_uri(str(get("$tu") or "")))
    header, expires = str(get("$(hdr(Contact)[*])") or ""), str(get("$hdr(Expires)") or "")
    contacts = contacts_of(header, expires)
    objection = _objection(ksr, table) or answering.objection(contacts, alias)
    if objection is None and misuses_star(header, expires):
        objection = Refuse(400, "Contact * stands alone, with Expires 0")
    if objection is not None:
        _refuse(ksr, reporter, alias, objection)
        return
    subzone = table.membership.subzone_of(str(get("$si")), alias)
    authentication = table.subzones.get(subzone)
    if authentication == "Check credentials" and not state["proved"]:
        _challenge(ksr, reporter, realm)
        return
    asked = [contact.expires_s for contact in contacts if contact.expires_s != 0]
    proved = state["proved"] or authentication == "Treat as authenticated"
    wanted = _wanted(ksr, alias, contacts, asked, subzone, proved)
    service = Registration(ksr, wanted.authenticated, state["serial"], state["known"], last=last)
    drawn = "Variable" in (table.standard.strategy, table.outbound.strategy)
    decision = admit(table, wanted, dice() if drawn else 0.0, service)
    if isinstance(decision, Ask):
        if _comes_too_fast(ksr, table, alias, contacts, dice()) or not questions.begun(ksr):
            return  # or a retransmission, which the transaction absorbs
        question = service.question(decision.service, decision.kind, decision.alias)
        if not questions.suspend(ksr, reporter, [question], state):
            _decide(ksr, reporter, table, realm, dice, state, waited=True, last=True)
        return
    if isinstance(decision, Grant) and decision.expires_s and not stored(ksr, alias)[1]:
        decision = licensing.obstacle(ksr, table, str(get("$ua") or "")) or decision
    if isinstance(decision, Refuse):
        _refuse(ksr, reporter, alias, decision)
        return
    if decision.expires_s and not waited and _comes_too_fast(ksr, table, alias, contacts, dice()):
        return
    _save(ksr, reporter, table, alias, contacts, decision.expires_s, waited)


def _save(
    ksr: Any, reporter: Reporter, table: Table, alias: str, contacts: tuple[Contact, ...], granted_s: int,
    waited: bool,
) -> None:  # fmt: skip
    """Store what was granted, tell of it, answer."""
    mixed = len([contact for contact in contacts if contact.expires_s != 0]) not in (0, len(contacts))
    if granted_s and not mixed:
        ksr.pv.seti("$xavp(reg=>expires)", granted_s)  # one lifetime for all contacts of the request
    elif granted_s and not waited:
        # Some leave: the others get theirs in the request. In one that waited nothing can be changed any more: the
        # registrar's own limits hold.
        header, expires = str(ksr.pv.get("$(hdr(Contact)[*])")), str(ksr.pv.get("$hdr(Expires)") or "")
        ksr.textops.remove_hf("Contact")
        ksr.hdr.append(f"Contact: {lasting(header, expires, granted_s)}\r\n")
        ksr.textopsx.msg_apply_changes()
    if str(ksr.pv.get("$(hdr(Contact)[*])") or "").strip() == "*":
        # save() of 5.6 looks for a contact in whatever a proxy has passed on, and refuses this one for having none.
        ksr.registrar.unregister("location", f"sip:{alias}")
        saved = answering.GONE
    elif not alias.isascii():
        # save() of 5.6 refuses an escape that is no ASCII; it takes the letters themselves, by which all look it up.
        saved = ksr.registrar.save_uri("location", NO_REPLY, f"sip:{alias}")
    else:
        saved = ksr.registrar.save("location", NO_REPLY)
    if saved < 0:
        _refuse(ksr, reporter, alias, answering.refusal(ksr, contacts, saved))
        return
    if contacts or ksr.pv.get("$hdr(Contact)"):
        simple = bool(granted_s) and not mixed and len(contacts) == 1 and "%" not in str(ksr.pv.get("$tu") or "")
        simple = simple and not table.registration_service  # for each refresh it is asked again
        _tell(ksr, reporter, alias, contacts, granted_s, simple)
    _repeat_path(ksr)
    answering.accepted(ksr, saved)


def refreshed(ksr: Any, reporter: Reporter, saved: int, granted_s: int) -> None:
    """Answer what the native route saved: tell first of a binding that it expected to find and did not."""
    get = ksr.pv.get
    contacts = contacts_of(str(get("$(hdr(Contact)[*])") or ""), str(get("$hdr(Expires)") or ""))
    alias = key(of_uri(str(get("$tu") or "")))
    if saved < 0:
        _refuse(ksr, reporter, alias, answering.refusal(ksr, contacts, saved))
        return
    if saved != FOUND:
        _tell(ksr, reporter, alias, contacts, granted_s, True)
    answering.accepted(ksr, saved)


def _objection(ksr: Any, table: Table) -> Refuse | None:
    """Say why a REGISTER is not taken, whoever sent it: it requires what we cannot do, or may not come from there."""
    return unsupported(ksr) or may_come_from(table, carrying.sent_by(ksr, table), bool(ksr.pv.get("$hdr(Path)")))


def unsupported(ksr: Any) -> Refuse | None:
    """Refuse what requires extensions that we do not know (RFC 3261 8.2.2.3); the answer names them."""
    required = _TOKEN.findall(str(ksr.pv.get("$(hdr(Require)[*])") or ""))
    unknown = [one for one in required if one.lower() not in EXTENSIONS]
    if not unknown:
        return None
    ksr.hdr.append_to_reply(f"Unsupported: {', '.join(unknown)}\r\n")
    return Refuse(420, "Bad Extension")


def unproved(ksr: Any, reporter: Reporter) -> None:
    """Tell that the credentials of a REGISTER prove nothing; it is asked for others."""
    user = str(ksr.pv.get("$au"))
    silent = ksr.htable.sht_get("ldap", user) == questions.UNANSWERED
    why = f"the H.350 directory did not answer about {user}" if silent else f"wrong user name or password of {user}"
    rejected(ksr, reporter, key(of_uri(str(ksr.pv.get("$tu") or ""))), 401, why)


def _challenge(ksr: Any, reporter: Reporter, realm: str) -> None:
    if ksr.pv.get("$var(wrong)"):
        unproved(ksr, reporter)
    ksr.auth.auth_challenge(realm, 1)


def _wanted(
    ksr: Any, alias: str, contacts: tuple[Contact, ...], asked: list[int | None], subzone: str, proved: bool
) -> Registering:
    get = ksr.pv.get
    has_reg_id = any(contact.reg_id and contact.instance for contact in contacts)
    return Registering(
        alias=alias,
        asked_s=_shortest(asked) if contacts and asked else 0,
        # Kamailio drops a binding with the connection that it came over, of a carried one another system's: soon it is
        # told anew.
        outbound=not get("$hdr(Path)") and has_reg_id and "outbound" in str(get("$hdr(Supported)") or "").lower(),
        subzone=subzone,
        authenticated=proved,
    )


def _tell(
    ksr: Any, reporter: Reporter, alias: str, contacts: tuple[Contact, ...], granted_s: int, simple: bool
) -> None:
    for contact in contacts:
        if contact.instance and not contact.reg_id and contact.expires_s != 0:
            # usrloc tells devices apart by instance only together with a reg-id; without one the newest contact wins.
            drop_device(ksr, alias, device_of(contact.instance, "", contact.uri), keep=contact.uri)
    mark = str(ksr.pv.get("$var(mark)") or "") if simple else ""
    fresh = Fresh(
        uris=frozenset(contact.uri for contact in contacts),
        received=str(ksr.pv.get("$var(flow)")),
        granted_s=granted_s,
        mark=mark,
    )
    publish(ksr, reporter, alias, fresh, why=LEFT)
    if mark:
        ksr.htable.sht_seti("mark", mark, granted_s)


def _repeat_path(ksr: Any) -> None:
    """Show an endpoint that understands it which way its calls come (RFC 3327 5.3).

    save() forgets the Path when it does not answer itself, so reg_send_reply() alone would not.
    """
    path, supported = (str(ksr.pv.get(f"$(hdr({name})[*])") or "") for name in ("Path", "Supported"))
    if path and "path" in (one.strip().lower() for one in supported.split(",")):
        ksr.hdr.append_to_reply(f"Path: {path}\r\n")


def _comes_too_fast(ksr: Any, table: Table, alias: str, contacts: tuple[Contact, ...], dice: float) -> bool:
    """Tell a device that was not here when to come again, where too many come at once; no event, there are so many."""
    if not table.new_per_s:
        return False
    rows = stored(ksr, alias)[1]
    known = {row.contact for row in rows} | {row.device for row in rows}
    if any(one.uri in known or device_of(one.instance, one.reg_id, one.uri) in known for one in contacts):
        return False
    ksr.htable.sht_lock("pace", "new")
    try:
        paid, _, given = str(ksr.htable.sht_get("pace", "new") or "0 0").partition(" ")
        pace, again_s = enter(Pace(float(paid), float(given)), time.monotonic(), table.new_per_s, dice)
        ksr.htable.sht_sets("pace", "new", f"{pace.paid_s} {pace.given_s}")
    finally:
        ksr.htable.sht_unlock("pace", "new")
    if again_s:
        ksr.htable.sht_inc("count", "later")
        ksr.hdr.append_to_reply(f"Retry-After: {again_s}\r\n")
        ksr.sl.send_reply(503, "Too many new registrations")
    return again_s > 0


def _refuse(ksr: Any, reporter: Reporter, alias: str, decision: Refuse) -> None:
    if decision.retry_after_s:
        ksr.hdr.append_to_reply(f"Retry-After: {decision.retry_after_s}\r\n")  # RFC 3261 20.33
    if decision.min_expires_s:
        ksr.hdr.append_to_reply(f"Min-Expires: {decision.min_expires_s}\r\n")  # RFC 3261 10.3 step 7
    else:
        rejected(ksr, reporter, alias, decision.status, decision.reason)
    # The reason may quote what the endpoint wrote: keep what a reason phrase may hold (RFC 3261 25.1).
    phrase = "".join(character if " " <= character <= "~" else "?" for character in decision.reason)
    ksr.sl.send_reply(decision.status, phrase)


def _shortest(asked: list[int | None]) -> int | None:
    known = [seconds for seconds in asked if seconds is not None]
    return min(known) if known else None
