"""The one door for changes: allowed? typed? then the peer stores all or nothing, and the audit names who did it.

Values may come as typed-in text (web forms, command line) or as JSON values; `administrators[x].password` stands for
the hash that is stored.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sextet.admin import passwords
from sextet.admin.actor import Actor
from sextet.cluster.face import Face, Outcome
from sextet.engine import Journal
from sextet.journal import configuration_changed
from sextet.model import alarms
from sextet.model.config import Change, Difference, from_text, setting_at
from sextet.model.schema import Kind, Problem, Refused
from sextet.model.sections import KEYS
from sextet.model.status import Stamp

CHANGES_MAX = 10_000  # one request; the largest list has 5,000 entries
_LAST_KEY = re.compile(r"\[[^\]]*\]$")
_EXAMPLE = """write it as JSON such as {"name": "London", "sip_port": 5061}"""
_PASSWORD = re.compile(r"(administrators\[[^\]]*\]\.)password")


class Door:
    """Everything an administrator can do to a peer, through whatever came him here."""

    def __init__(self, face: Face, journal: Journal) -> None:
        self._face = face
        self._journal = journal

    def demand_write(self, actor: Actor, what: str) -> None:
        """Raise Refused for an account that may only look; `what` is what it tried."""
        if not actor.may_write:
            self._journal.event("Authorization Failure", Detail=f"a read-only account tried to {what}", **actor.audit)
            raise Refused(
                Problem(
                    "", f"The account {actor.user} is read-only and may not {what}; log in with a read-write account."
                )
            )

    async def change(
        self, actor: Actor, changes: Sequence[Change], *, expected: Stamp | None = None, dry_run: bool = False
    ) -> Outcome:
        """Change settings, all or none; raises Refused with every problem, Moved, or NoPrimary."""
        self.demand_write(actor, "change the configuration")
        if not changes:
            raise Refused(Problem("", "Nothing was changed; give at least one setting."))
        if len(changes) > CHANGES_MAX:
            raise Refused(
                Problem("", f"{len(changes)} changes at once; at most {CHANGES_MAX} are taken, send them in parts.")
            )
        wanted = await asyncio.to_thread(typed, changes)  # hashing a password takes 0.2 s
        outcome = await self._face.change(
            wanted, user=actor.user, source=actor.source, expected=expected, dry_run=dry_run
        )
        if not dry_run:
            self._audit(actor, outcome.differences)
        return outcome

    async def promote(self, actor: Actor) -> Outcome:
        """Make this peer the configuration primary."""
        self.demand_write(actor, "change the configuration primary")
        outcome = await self._face.promote(user=actor.user, source=actor.source)
        self._audit(actor, outcome.differences)
        detail = f"this peer was made the configuration primary, {outcome.stamp}"
        self._journal.event("System Configuration Changed", Detail=detail, **actor.audit)
        return outcome

    async def demand_promotable(self, actor: Actor) -> None:
        """Raise Refused where this peer cannot be made the primary, or is it."""
        outcome = await self._face.promote(user=actor.user, source=actor.source, dry_run=True)
        if not outcome.differences and self._face.status().writable:  # one that was overtaken may name itself again
            raise Refused(Problem("", "This peer is the configuration primary already; nothing would change."))

    async def dismiss(self, actor: Actor, stamp: Stamp) -> None:
        """List an edit that was set aside no more."""
        self.demand_write(actor, "dismiss edits")
        await self._face.dismiss(stamp)
        detail = f"the edit {stamp} that was set aside was dismissed"
        self._journal.event("System Configuration Changed", Detail=detail, **actor.audit)

    async def restart(self, actor: Actor) -> None:
        """Restart this peer; calls that pass it end."""
        self.demand_write(actor, "restart this peer")
        self._journal.event("System Shutdown", Reason="restart asked for by an administrator", **actor.audit)
        await self._face.restart(user=actor.user, source=actor.source)

    async def acknowledge(
        self, actor: Actor, number: int, key: str = "", *, peer: int | None = None, everywhere: bool = False
    ) -> list[int]:
        """Note that somebody has seen an alarm, here, on one peer, or on all that raise it; gives these peers' numbers.

        Raises Refused.
        """
        self.demand_write(actor, "acknowledge alarms")
        own = {member.number for member in self._face.status().members if member.this_system} or {0}
        raised = [one for one in self._face.alarms() if one.row.number == number and number in alarms.TYPES]
        if not everywhere:
            raised = [one for one in raised if one.number in (own if peer is None else {peer})]
        wanted = [one.number for one in raised if one.row.key == key and not one.row.acknowledged]
        if not any(one.row.key == key for one in raised):
            raise Refused(_not_raised(number, key, sorted({one.row.key for one in raised if one.row.key}), everywhere))
        for owner in wanted:
            await self._face.acknowledge(alarms.TYPES[number], key, actor.audit, owner)
        return wanted

    def _audit(self, actor: Actor, differences: Sequence[Difference]) -> None:
        configuration_changed(self._journal, differences, user=actor.user, ip=actor.ip, port=actor.port)


def _not_raised(number: int, key: str, subjects: Sequence[str], everywhere: bool) -> Problem:
    about = f" about {key}" if key else ""
    hint = "`alarm list` shows what is raised and on which peer"
    if subjects:
        hint = f"it is raised about {', '.join(subjects)}"
    where = "any peer" if everywhere else "this peer"
    return Problem("number", f"Alarm {number}{about} is not raised on {where}; {hint}.")


def typed(changes: Sequence[Change]) -> list[Change]:
    """Turn typed-in texts into what the settings want, and passwords into hashes; raises Refused with every problem."""
    problems: list[Problem] = []
    wanted: list[Change] = []
    for change in changes:
        try:
            wanted.append(_typed(change, problems))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(*problems)
    return wanted


def _typed(change: Change, problems: list[Problem]) -> Change:
    path, value = change.path, change.value
    if found := _PASSWORD.fullmatch(path):
        return Change(change.verb, f"{found[1]}password_hash", _hash(path, value))
    declared = setting_at(path)
    if change.verb == "remove":
        return change
    is_entry = change.verb == "add" or path.endswith("]")
    if is_entry and declared.kind is not Kind.MANY:
        raise Refused(Problem(path, f"{declared.label}: is not a list; set it instead."))
    if isinstance(value, str) and declared.kind is Kind.MANY:
        value = _structure(path, declared.label, value)
    if not is_entry:
        return Change(change.verb, path, _value(path, path, value, problems))
    if not isinstance(value, Mapping) or declared.item is None:
        raise Refused(Problem(path, f"{declared.label}: an entry is a set of named settings; {_EXAMPLE}."))
    generic = f"{_LAST_KEY.sub('', path)}[]"
    place = path if path.endswith("]") else f"{path}[{value.get(KEYS[declared.item], '')}]"
    return Change(change.verb, path, _entry(generic, place, value, problems))


def _value(path: str, place: str, value: Any, problems: list[Problem]) -> Any:
    """Read one value; `path` finds its declaration, `place` is for problems: a key may hold what a path cannot."""
    if isinstance(value, str):
        try:
            return _text(path, value)
        except Refused as refused:
            problems += [Problem(place, one.sentence.replace(path, place)) for one in refused.problems]
    if isinstance(value, list | tuple):
        item = setting_at(path).item
        keys = [str(one.get(KEYS[item], "")) if item and isinstance(one, Mapping) else "" for one in value]
        return [_entry(f"{path}[]", f"{place}[{key}]", one, problems) for key, one in zip(keys, value, strict=True)]
    return value


def _entry(path: str, place: str, entry: Any, problems: list[Problem]) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    made: dict[str, Any] = {}
    for name, value in entry.items():
        if (path, name) != ("administrators[]", "password"):
            made[name] = _value(f"{path}.{name}", f"{place}.{name}", value, problems)
            continue
        try:
            made["password_hash"] = _hash(f"{place}.{name}", value)
        except Refused as refused:
            problems += refused.problems
    return made


def _text(path: str, text: str) -> Any:
    if path.endswith("].password_hash") and not passwords.well_formed(text):
        raise Refused(Problem(path, "Password: is not a stored hash; set `password` instead."))
    return from_text(path, text)


def _structure(path: str, label: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(Problem(path, f"{label}: {text[:40]!r} is not JSON; {_EXAMPLE}.")) from error


def _hash(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(Problem(path, "Password: must be text."))
    passwords.demand_good(value, path)
    return passwords.hashed(value)
