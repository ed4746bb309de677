"""Cluster address mappings as the peers' own system information suggests them (facts 9.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.cluster.face import Face, Outcome
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused

PATH = "clustering.address_mappings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One peer's row; without `fqdn` and `ip` the sentence says what is missing."""

    number: int
    address: str  # as in the peer list
    fqdn: str = ""
    ip: str = ""
    sentence: str


def suggest(face: Face) -> list[Suggestion]:
    """Suggest a row for every peer: its system host name and domain name, and the address of its inside interface.

    A peer that was told nothing of its interfaces has one: the address that its sockets bind.
    """
    found = []
    rows = {row.fqdn: row.ip for row in face.saved.clustering.address_mappings}
    statuses = {owned.number: owned for owned in face.statuses()}
    for member in face.status().members:
        owned = statuses.get(member.number)
        status = owned.row if owned and not owned.stale else None
        if status is None:
            sentence = "It cannot be heard, so nothing is known of it."
        elif not status.fqdn:
            sentence = "Its system host name or domain name is empty: System > DNS on that peer."
        else:
            now, ip = rows.get(status.fqdn), status.inside_ip or status.ip
            sentence = "As it is." if now == ip else f"Now {now}." if now else "New."
            row = {"fqdn": status.fqdn, "ip": ip}
            found.append(Suggestion(number=member.number, address=member.address, sentence=sentence, **row))
            continue
        found.append(Suggestion(number=member.number, address=member.address, sentence=sentence))
    return found


async def save(face: Face, door: Door, actor: Actor) -> Outcome:
    """Save what is suggested; rows of peers of which nothing is known stay. Raises Refused, Moved and NoPrimary."""
    rows = {one.fqdn: one.ip for one in suggest(face) if one.fqdn}
    if not rows:
        raise Refused(Problem(PATH, "Nothing was changed: there is nothing to suggest; form the cluster first."))
    before = face.saved.clustering.address_mappings
    kept = {row.fqdn: row.ip for row in before if row.fqdn not in rows and row.ip not in rows.values()}
    wanted = [{"fqdn": fqdn, "ip": ip} for fqdn, ip in {**kept, **rows}.items()]
    return await door.change(actor, [Change("set", PATH, wanted)])
