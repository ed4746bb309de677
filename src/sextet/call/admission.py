"""May this alias register here, for how long, and who has to prove who they are (facts 6.4, 7.8)?"""

from __future__ import annotations

from dataclasses import dataclass

from sextet.call.alias import domain_of
from sextet.call.policy import asking
from sextet.call.policy.services import Answers
from sextet.call.refresh import Refresh
from sextet.call.source import Source, SourceKind
from sextet.call.stages import Ask
from sextet.call.table import Table
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.protocols import PROXY_ANY, PROXY_OFF
from sextet.model.settings.zones import NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER

BRIEF_BELOW_S = 3600  # RFC 3261 10.3 step 7: an interval of an hour or more is never too brief
MAINTENANCE = "Maintenance mode"  # an endpoint that gets 503 tries another peer (RFC 3263 4.3)
NEVER_CHALLENGED = ("ACK", "CANCEL")  # RFC 3261 22.1: neither can be sent again with credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """What an endpoint asks for."""

    alias: str
    asked_s: int | None  # None: neither Expires nor an expires parameter that can be read; 0: leave
    outbound: bool = False  # RFC 5626: a reg-id, and outbound is supported
    authenticated: bool = False
    subzone: str = DEFAULT_SUBZONE  # that the device belongs to, see membership.py


@dataclass(frozen=True, slots=True)
class Grant:
    """The registration is accepted for this long; 0 removes it."""

    expires_s: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The registration is answered with this status; `min_expires_s` goes with 423."""

    status: int
    reason: str
    min_expires_s: int = 0
    retry_after_s: int = 0


def nobody_answers(service: str, kind: str, alias: str) -> str:
    """Give what is known of policy services where none can be asked: the default CPL holds."""
    return ""


def admit(table: Table, wanted: Registering, dice: float, answers: Answers = nobody_answers) -> Grant | Refuse | Ask:
    """Decide about one registration; `dice` is a random number, 0 ≤ dice < 1, for the Variable strategy.

    A domain that is not ours is forbidden, since we register for nobody else (403); an alias without a user is not
    found in a domain of ours (404, RFC 3261 10.3 step 5). Who leaves is let go whatever the lists say now: the lists
    decide who may register (facts 7.8), not who must stay. Subzones are asked after the lists and the policy service.
    """
    user, at, _ = wanted.alias.rpartition("@")
    domain = domain_of(wanted.alias)
    if domain and domain not in table.domains and domain not in table.hosts:
        return Refuse(403, f"{domain} is not a domain of this system")
    if not at or not user or not domain:
        return Refuse(404, "the alias to register must be user@domain")
    if wanted.asked_s == 0:
        return Grant(0)
    if table.maintenance:
        return Refuse(503, MAINTENANCE)
    if table.policy == "Allow List" and not table.listed.has(wanted.alias):
        return Refuse(403, f"{wanted.alias} is not in the allow list")
    if table.policy == "Deny List" and table.listed.has(wanted.alias):
        return Refuse(403, f"{wanted.alias} is in the deny list")
    judged = asking.registration(table, wanted.alias, wanted.authenticated, answers)
    if isinstance(judged, Ask):
        return judged
    if judged is not None:
        return Refuse(judged.status, judged.reason)
    if wanted.subzone in table.denied:
        return Refuse(403, f"the subzone {wanted.subzone} lets nobody register")
    return _lifetime(table.outbound if wanted.outbound else table.standard, wanted.asked_s, dice)


def may_carry_to(table: Table, zone: str) -> bool:
    """Say whether a registration for a domain that is not ours may be carried to a zone (facts 5.8, 7.8)."""
    if zone not in table.zones or table.proxy_mode == PROXY_OFF:
        return False
    known = table.zones[zone].type in (NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER)
    return known or table.proxy_mode == PROXY_ANY


def may_come_from(table: Table, source: Source, carried: bool) -> Refuse | None:
    """Say whether a REGISTER may come from there; `carried`: it has a Path, which only a zone's system may give."""
    zone = table.zones.get(source.name) if source.kind is SourceKind.ZONE else None
    if zone is not None and not zone.registrations:
        return Refuse(403, f"the zone {zone.name} lets nobody register")
    if carried and zone is None:
        return Refuse(403, "a Path is taken from the system of a zone only")
    return None


def must_authenticate(table: Table, source: Source, method: str) -> bool:
    """Say whether a request outside a dialog must carry valid credentials (RFC 3261 22).

    A REGISTER makes its sender an endpoint of the Local Zone, so the policy of its subzone decides wherever it comes
    from; only another peer has checked already.
    """
    if source.kind is SourceKind.PEER or method in NEVER_CHALLENGED:
        return False
    return _policy(table, source, method) == "Check credentials"


def counts_as_authenticated(table: Table, source: Source, proved: bool) -> bool:
    """Say what search rules that want authenticated requests see; `proved` means valid credentials came with it."""
    return proved or source.kind is SourceKind.PEER or _policy(table, source, "") == "Treat as authenticated"


def _policy(table: Table, source: Source, method: str) -> str:
    if method == "REGISTER" or source.kind is SourceKind.LOCAL:
        return table.subzones.get(source.subzone, table.subzones[DEFAULT_SUBZONE])
    if source.kind is SourceKind.ZONE and source.name in table.zones:
        return table.zones[source.name].authentication
    return table.authentication_default


def _lifetime(refresh: Refresh, asked_s: int | None, dice: float) -> Grant | Refuse:
    longest = refresh.maximum_s if asked_s is None or asked_s < 0 else min(asked_s, refresh.maximum_s)
    if longest < refresh.minimum_s and longest < BRIEF_BELOW_S:
        return Refuse(423, "Interval Too Brief", refresh.minimum_s)
    if refresh.strategy == "Variable" and longest > refresh.minimum_s:
        return Grant(refresh.minimum_s + int(dice * (longest - refresh.minimum_s + 1)))
    return Grant(longest)
