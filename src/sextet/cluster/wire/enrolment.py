"""May the cluster key be handed to this caller, may it be taken from that peer: the decision, and its facts.

First contact trusts the network for a short time: within the window after the administrator saved the peer list, the
configured primary gives the key to a caller from the address of a configured peer, and a peer without a key takes one
from the address of its configured primary. Both pin the certificate they saw. A peer that was bound to a certificate
is given the key again only while it proves that it holds that certificate's private key: so a newcomer that ended
before the key was on its disk asks again, and nobody else can. Outside of that nothing is trusted without the
administrator, and there is no key that peers have by default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

WINDOW_S = 900.0  # guide: lists are typed on one peer after the other; a quarter of an hour is enough for six


class Enrolment(Protocol):
    """What the links ask about first contact."""

    def may_hand_over(self, number: int) -> str:
        """Say why the peer of this number must not be given the key; an empty text allows it to ask."""

    def may_grant(self, number: int, fingerprint: str) -> str:
        """Say why the holder of this certificate must not be given the key as the peer of this number."""

    def handed_over(self, number: int, fingerprint: str) -> None:
        """The peer has the key now and proved it; its certificate has this fingerprint."""

    def may_accept(self, number: int) -> str:
        """Say why a key from the peer of this number must not be taken; an empty text allows it."""

    def accept(self, number: int, key: bytes, cluster_id: str, fingerprint: str) -> None:
        """The peer, whose certificate has this fingerprint, has given the key."""

    def grant(self) -> tuple[bytes, str]:
        """Give the cluster key and the cluster id that are handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision depends on."""

    number: int  # of this peer, 0 while it is not in its own list
    primary: int  # as configured on this peer
    members: frozenset[int]  # of this peer's list
    holds_key: bool
    bound: Mapping[int, str]  # number -> fingerprint of the certificate that the peer was bound to
    window_s: float  # left of the enrolment window; 0 when it is closed


def why_not_hand_over(facts: Facts, number: int) -> str:
    if not facts.holds_key:
        return "this peer has no cluster key itself"
    if number not in facts.members or number == facts.number:
        return "not a member"
    if facts.primary != facts.number:
        return "only the configuration primary hands over the cluster key"
    if facts.window_s <= 0:
        return "enrolment is closed: save the peer list on the primary to open it for 15 minutes"
    return ""


def why_not_grant(facts: Facts, number: int, fingerprint: str) -> str:
    if facts.bound.get(number, fingerprint) != fingerprint:
        return (
            "this peer was enrolled before with another certificate: replace it on the primary, or take it off the "
            "list there, save, and enter it again"
        )
    return ""


def why_not_accept(facts: Facts, number: int) -> str:
    if facts.holds_key:
        return "this peer has a cluster key already"
    if number != facts.primary or number == facts.number:
        return "no cluster key yet: it comes from the configuration primary"
    if facts.window_s <= 0:
        return "no cluster key, and enrolment is closed: save the peer list here to open it for 15 minutes"
    return ""


class FirstContact:
    """An Enrolment that follows the facts; what comes of it is told to `bind` and `take`."""

    def __init__(
        self,
        facts: Callable[[], Facts],
        grant: Callable[[], tuple[bytes, str]],
        bind: Callable[[int, str], None],
        take: Callable[[int, bytes, str, str], None],
    ) -> None:
        self._facts, self._grant, self._bind, self._take = facts, grant, bind, take

    def may_hand_over(self, number: int) -> str:
        return why_not_hand_over(self._facts(), number)

    def may_grant(self, number: int, fingerprint: str) -> str:
        return why_not_grant(self._facts(), number, fingerprint)

    def handed_over(self, number: int, fingerprint: str) -> None:
        self._bind(number, fingerprint)

    def may_accept(self, number: int) -> str:
        return why_not_accept(self._facts(), number)

    def accept(self, number: int, key: bytes, cluster_id: str, fingerprint: str) -> None:
        self._take(number, key, cluster_id, fingerprint)

    def grant(self) -> tuple[bytes, str]:
        return self._grant()
