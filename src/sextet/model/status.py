"""What is observed: the rows that each peer owns and all others mirror, and where the configuration stands.

No row holds a moment of the wall clock. `since_s` and `now_s` are seconds on the owner's monotonic clock: a mirror
learns the owner's `now_s` from its status row once a second, so that every age is right whatever the clocks say.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from sextet.model.capacity import UNLIMITED, Licences, Use

T = TypeVar("T")


WORKING = ("active", "maintenance")  # states of an address of a zone that answers


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """The place of a shared configuration in history: the higher (term, author, revision) wins.

    A term is opened by one peer's promotion and only its author adds revisions to it: a stamp names one content.
    """

    term: int = 0
    author: str = ""  # peer id of the peer whose promotion opened the term; "" before any
    revision: int = 0

    def __str__(self) -> str:
        return f"r{self.revision} (term {self.term})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One contact of a registration (RFC 3261 10)."""

    contact: str  # URI
    device: str  # "<+sip.instance>;<reg-id>" (RFC 5626 4.1), else the contact URI: one device, one binding
    received: str = ""  # "address:port;transport" as seen by the peer
    user_agent: str = ""
    granted_s: int = 0  # lifetime that was granted
    sequence: int = 0  # set by the peer, not by engines: above all it had seen of the alias when this was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An alias and its devices that are registered with the row's owner; other peers may have more devices of it."""

    alias: str  # user@domain, domain in lower case
    since_s: float  # when the first of the bindings was registered here
    sequence: int = 0  # the highest of its bindings' (Lamport): "newest" needs no clock
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, or the part of it that passes this peer; parts on two peers share the tag."""

    call_id: str  # SIP Call-ID
    serial: str  # unique on this peer
    tag: str  # the same on all peers that the call passes
    source: str  # alias
    destination: str  # alias as dialled
    state: str  # "ringing" | "connected"
    since_s: float
    protocol: str = "SIP"
    route: str = ""  # "Local Zone", zone name, or peer name that was chosen
    rule: str = ""  # the search rule that decided
    nodes: str = ""  # the way through subzones and zones, as the original writes it (facts 6.2)
    kbps: int = 0  # what it is charged with here; 0 where another peer that it passes is
    audio_only: bool = False  # a call whose media are not known yet counts as video (facts 8.1)
    rich: bool = False  # with another organisation: it needs a rich media session


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Which version of another peer's use a peer reckons with."""

    peer: int  # its place in the list
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the calls of one peer use of one element: a subzone, zone, link or pipe."""

    element: str  # "pipe/London", see call/bandwidth/plan.py
    kbps: int
    version: int  # grows with every change of kbps
    since_s: float
    heard: tuple[Heard, ...] = ()  # of the other peers' use of it, by the workers that hand it out here


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A raised alarm of one peer."""

    number: int
    key: str  # what it is about; one alarm of a number per key
    detail: str  # the measured cause, one sentence
    since_s: float
    last_s: float
    count: int = 1
    acknowledged: bool = False
    acknowledged_by: str = ""  # the administrator who has seen it


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAlarm:
    """An alarm that one peer raised and lowered again since its start."""

    number: int
    key: str
    detail: str  # as measured last
    since_s: float  # when it was raised this time
    lowered_s: float
    acknowledged_by: str = ""


POLICY_SERVICE_TYPE = "Policy service"  # a policy service is watched and told as a zone is
DIRECTORY_TYPE = "H.350 directory"  # and so is the LDAP server that knows devices


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAddress:
    """How one peer of ours sees one address of a zone, or one server of a policy service."""

    host: str  # as configured or named by SRV; of a traversal client as its certificate says, of a DNS zone as wanted
    uri: str  # "" while the name has no address
    state: str  # "checking" "active" "maintenance" "failed"; of a DNS zone "refused", which is no fault of ours
    since_s: float
    reason: str = ""  # why it failed, measured
    round_trip_ms: float = 0.0  # 0 = not measured
    identity: str = ""  # the name in its certificate
    free: int = -1  # media sessions it can still take; -1 = it does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStatus:
    """How one peer of ours sees one zone, in the original's words (facts 7.2)."""

    name: str
    type: str
    state: str  # "Off" "Checking" "On" "Active" "Failed"
    since_s: float
    addresses: tuple[ZoneAddress, ...] = ()

    @property
    def working(self) -> int:
        return sum(one.state in WORKING for one in self.addresses)

    @property
    def words(self) -> str:
        """Say the state as the original does, with "n of m" when it is partly failed."""
        partly = self.state == "Active" and self.working < len(self.addresses)
        return f"Active ({self.working} of {len(self.addresses)})" if partly else self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """How one peer sees the way to another."""

    peer: str  # address as configured
    state: str  # DISABLED DOWN CONNECTING SYNCHRONISING LIVE
    reason: str = ""
    tried: bool = True  # False until the first dial has ended
    since_s: float = 0.0
    round_trip_ms: float = 0.0
    resolved_ip: str = ""
    certificate: str = ""  # the certificate line without its tick: "Valid", "Invalid (...)", "Not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """One address of a system at which its cluster must not be built, and what it is."""

    ip: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """What a peer says about itself once a second, and at once when something in it changes."""

    peer_id: str
    address: str  # its own entry of the peer list, "" when stand-alone
    host_name: str
    version: str
    now_s: float
    started_s: float
    held: Stamp = Stamp()  # newest shared configuration on disk
    in_force: Stamp = Stamp()  # what its engines run
    digest: str = ""  # of what is in force
    cluster_name: str = ""  # running † settings, compared with the others' (20012, 20017)
    primary: int = 1
    ip_version: str = "IPv4"
    tls_mode: str = "Permissive"
    peers: tuple[str, ...] = ()
    h323_mode: bool = False
    restart_reasons: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()  # one sentence for each engine that is not running as it should
    certificate: str = ""  # fingerprint, SHA-256, hexadecimal
    ip: str = ""  # what its sockets bind
    fqdn: str = ""  # its system host name and domain name, "" while one is empty
    system_name: str = ""
    processors: int = 0  # of its host; 0 = not said
    memory_mb: int = 0
    kernel: str = ""  # names its host's kernel: peers with the same one share a computer and its clock
    clock: str = ""  # "synchronised", "unsynchronised" or "unknown", as its host's kernel says
    platform: str = UNLIMITED  # its capacity class
    licences: Licences = Licences()  # what it brings into the pool
    use: Use = Use()  # what it carries
    links: tuple[LinkStatus, ...] = ()
    system_type: str = ""  # "C" or "E"; "" = not said
    inside_ip: str = ""  # of its inside interface, as entered there; "" while it is not
    outside: tuple[Outside, ...] = ()  # its addresses that are no peer addresses
    version_next: str = ""  # that runs after the next restart, where it is another one
    version_before: str = ""  # that can be selected again


def to_row(value: Any) -> bytes:
    """Write a row for the wire."""
    return _ENCODER.encode(value).encode()


def from_row(kind: type[T], data: bytes) -> T:
    """Read a row; fields that this version does not know are ignored, so that versions can mix.

    Raises ValueError for anything else.
    """
    try:
        value = _build(kind, _DECODER.decode(data.decode()))
    except (TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a {kind.__name__} row") from error
    assert isinstance(value, kind)
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name, _ in _form(cast(Any, type(value)))}


# dataclasses.asdict copies everything that is in a row first, which takes three times as long as writing it.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_fields)


@functools.cache
def _form(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))


def _no_number(text: str) -> float:
    """JSON knows no NaN and no infinity; an age made of them would be neither old nor new."""
    raise ValueError(f"{text} is not a number")


_DECODER = json.JSONDecoder(parse_constant=_no_number)  # json.loads makes one for each row


def _build(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        if type(value) is not dict:
            raise TypeError(f"{value!r} is not a row")
        held = ((name, hint, value[name]) for name, hint in _form(cast(Any, kind)) if name in value)
        return cast(Any, kind)(**{name: one if type(one) is hint else _build(hint, one) for name, hint, one in held})
    if get_origin(kind) is tuple:
        if type(value) is not list:
            raise TypeError(f"{value!r} is not a list")
        return tuple(_build(get_args(kind)[0], item) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind}")
    return value
