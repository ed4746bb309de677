"""What probing.py asked for and checks.py judges: of this system, of its names, and of each other peer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sextet.cluster.requirements.knock import Knock, ServerTime
from sextet.cluster.trust.certificates import Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a name leads to and what that leads back to."""

    ip: str = ""
    by: str = ""  # "address", "mapping", "dns"
    names: tuple[str, ...] = ()  # of the address
    failure: str = ""  # why one of them is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What another peer answered when it was asked about this one."""

    clock_ahead_s: float = 0.0  # its wall clock less ours
    uncertain_s: float = 0.0  # plus and minus: half the round trip
    seen_as: str = ""  # our address as it sees it
    clock: str = ""  # what it knows of its own clock, as below
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured of one other peer."""

    knocks: Mapping[str, Knock] = field(default_factory=dict)  # "tcp 4372"
    answer: Answer = Answer(failure="not asked yet")
    comes_from: str = ""  # its address as this system sees it
    since_s: float = 0.0  # LinkStatus.since_s, as it was when the peer was asked
    certificate: Inspection | None = None
    certificate_failure: str = ""  # why there is none to look at


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that was asked for, of this system and the others."""

    others: Mapping[int, Found] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)  # by peer address as configured
    zone_ips: Mapping[str, str] = field(default_factory=dict)  # names of zones' peers, as far as they resolve
    servers: tuple[ServerTime, ...] = ()
    looked: bool = False  # at this system itself, that is
    listens: frozenset[str] = frozenset()  # on this system: "tcp 4371"
    certificate: Inspection | None = None
    certificate_failure: str = ""

    def of(self, number: int) -> Found:
        """Give what was measured of another peer, by its number."""
        return self.others.get(number, Found())
