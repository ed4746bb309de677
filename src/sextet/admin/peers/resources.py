"""Status > System > Resource usage: of everything that has a limit, what is used where, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sextet.admin.peers.mesh import peer_name
from sextet.cluster.capacity.judging import Load
from sextet.cluster.face import Face
from sextet.model.capacity import Limits, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLine:
    """One resource; numbers of calls are in video calls, and a limit of -1 is none."""

    label: str
    per_peer: tuple[float, ...]  # in the order of Resources.peer_names; -1 where the peer cannot be heard
    total: float
    limit: int
    own_limit: int  # of one peer by itself
    left_without_one: float  # within the limit of the cluster with one peer less; -1 where there is no limit
    state: str  # "ok", "near" or "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The whole page."""

    peer_names: tuple[str, ...]
    lines: tuple[ResourceLine, ...]
    warning_level: int  # percent
    lost: tuple[str, ...]  # peers whose licences count although they cannot be heard


@dataclass(frozen=True, slots=True)
class _Resource:
    label: str
    used: Callable[[Use, Limits], float]
    limit: Callable[[Limits], int | None] | None = None
    licence: str = ""


_RESOURCES = (
    _Resource("Registrations", lambda use, _: use.registrations, lambda limits: limits.registrations),
    _Resource("Proxied registrations", lambda use, _: use.proxied, lambda limits: limits.proxied),
    _Resource("Calls, in video calls", lambda use, limits: use.calls(limits.audio_share), lambda limits: limits.calls),
    _Resource("Room system licences", lambda use, _: use.rooms, None, "rooms"),
    _Resource("Desktop system licences", lambda use, _: use.desktops, None, "desktops"),
    _Resource("Rich media sessions", lambda use, _: use.rms, lambda limits: limits.rms, "rms"),
)


def resources(face: Face) -> Resources:
    """Put the page together."""
    load = face.load()
    members = face.status().members
    names = {member.address: peer_name(member) for member in members} or {name: name for name in load.uses}
    return Resources(
        peer_names=tuple(names.values()),
        lines=tuple(_line(resource, load, tuple(names)) for resource in _RESOURCES),
        warning_level=load.warning_level,
        lost=tuple(names.get(name, name) for name, share in load.missed.items() if share.counts),
    )


def _line(resource: _Resource, load: Load, peers: tuple[str, ...]) -> ResourceLine:
    total = resource.used(load.total, load.cluster)
    pooled = getattr(load.licences, resource.licence) if resource.licence and load.licences is not None else None
    limits = [pooled, resource.limit(load.cluster) if resource.limit else None]
    limit = min((most for most in limits if most is not None), default=None)
    smaller = [pooled, resource.limit(load.smaller) if resource.limit else None]
    without_one = min((most for most in smaller if most is not None), default=None)
    own = resource.limit(load.unit) if resource.limit else None
    return ResourceLine(
        label=resource.label,
        per_peer=tuple(resource.used(load.uses[name], load.cluster) if name in load.uses else -1 for name in peers),
        total=total,
        limit=-1 if limit is None else limit,
        own_limit=-1 if own is None else own,
        left_without_one=-1 if limit is None or without_one is None else max(0, without_one - total),
        state=_state(total, limit, load.warning_level),
    )


def _state(total: float, limit: int | None, warning_level: int) -> str:
    if limit is None or not total:
        return "ok"
    if total >= limit:
        return "full"
    return "near" if warning_level and total >= limit * warning_level / 100 else "ok"
