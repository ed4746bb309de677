"""Status > Registrations: the end of registrations, whichever peers have them, and the deny list for who stays out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.in_force import waited
from sextet.admin.listings import RegistrationLine, registrations_of
from sextet.cluster.face import Face
from sextet.engine import Journal
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused

DENY_LIST = "registration.deny_list"
SHOWN_MAX = 10  # contacts in one sentence
NOTE_MAX = 64  # characters of an entry's description
# Where the restriction policy is another one: the deny list keeps nobody out, and what does.
_INSTEAD = {
    "None": "set Restriction policy to Deny List (Configuration > Registration)",
    "Allow List": "take what lets it in off the allow list",
    "Policy service": "have the policy service refuse it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What was done, and what was not or is still to do."""

    done: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class UnregisterDesk:
    """Ends registrations for administrators."""

    def __init__(self, face: Face, door: Door, journal: Journal) -> None:
        self._face, self._door, self._journal = face, door, journal

    def chosen(self, devices: Collection[tuple[str, str]]) -> tuple[RegistrationLine, ...]:
        """Find (alias, device) among what is registered; of a device "" all of the alias.

        Those that went meanwhile are left out; raises Refused where none is there.
        """
        lines: dict[str, list[RegistrationLine]] = {}
        for line in registrations_of(self._face, [alias for alias, _ in devices]):
            lines.setdefault(line.alias.lower(), []).append(line)
        found: dict[RegistrationLine, None] = {}
        problems = []
        for alias, device in devices:
            known = lines.get(alias.lower(), [])
            found |= dict.fromkeys(line for line in known if not device or device in (line.device, line.contact))
            if not known:
                sentence = f"Nothing is registered as {alias[:64]!r}; `registration list` lists what is."
                problems.append(Problem("alias", sentence))
            elif not found:
                contacts = ", ".join(line.contact for line in known[:SHOWN_MAX])
                sentence = f"{alias[:64]} has no device {device[:64]!r}; its contacts are {contacts}."
                problems.append(Problem("device", sentence))
        if not found:
            raise Refused(*problems)
        return tuple(found)

    async def unregister(self, actor: Actor, devices: Collection[tuple[str, str]], *, block: bool = False) -> Ended:
        """End registrations, and with `block` put their aliases on the deny list before; says what was done.

        Raises Refused where nothing was done, and of what keeps an alias from the list also NoPrimary and Moved.
        """
        self._door.demand_write(actor, "unregister devices")
        lines = self.chosen(devices)
        aliases = tuple(dict.fromkeys(line.alias for line in lines))
        if block:
            await self._block(actor, aliases)
        done = await self._face.unregister({(line.alias, line.device) for line in lines}, actor.user)
        gone = [line for line in lines if (line.peer, line.alias, line.device) in done.gone]
        for line in gone:
            fields = {"AOR": line.alias, "Contact": line.contact, "Detail": f"registered with {line.peer_name}"}
            self._journal.event("Registration Removal Requested", **fields, **actor.audit)
        listed = (_on_the_list(aliases),) if block else ()
        if not gone:
            failures = done.failures or ("The device is not registered any more.",)
            raise Refused(*(Problem("device", one) for one in (*failures, *listed)))
        return Ended(done=(_said(gone), *listed), warnings=(*done.failures, *(self.unused() if block else ())))

    def unused(self) -> tuple[str, ...]:
        """Say why the deny list would keep nobody out, and what to do; nothing where it does."""
        policy = self._face.saved.registration.restriction_policy
        if policy == "Deny List":
            return ()
        return (f"The deny list keeps nobody out while the restriction policy is {policy}: {_INSTEAD[policy]}.",)

    async def _block(self, actor: Actor, aliases: Sequence[str]) -> None:
        listed = {row.pattern.lower() for row in self._face.saved.registration.deny_list if row.pattern_type != "Regex"}
        rows = [
            {"pattern": alias, "pattern_type": "Exact", "description": f"Blocked by {actor.user}"[:NOTE_MAX]}
            for alias in aliases
            if alias not in listed
        ]
        if rows:
            outcome = await self._door.change(actor, [Change("add", DENY_LIST, row) for row in rows])
            await waited(self._face, outcome.stamp)  # else a device that comes at this moment is let in once more


def _said(gone: Sequence[RegistrationLine]) -> str:
    n = len(gone)
    if n > 1:
        return f"{n} devices were unregistered."
    return f"{gone[0].contact} of {gone[0].alias} was unregistered from {gone[0].peer_name}."


def _on_the_list(aliases: Sequence[str]) -> str:
    n = len(aliases)
    return f"{n} aliases are on the deny list." if n > 1 else f"{aliases[0]} is on the deny list."
