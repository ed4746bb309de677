"""Bandwidth as administrators see it: what is used of subzones, links and pipes, and what would become of a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sextet.call import membership, variables
from sextet.call.bandwidth.decision import LEAST_KBPS, Granted, Refused, decide, no_way
from sextet.call.bandwidth.plan import LINK, PIPE, SHOWN, SUBZONE, of_config
from sextet.call.pattern import Unusable
from sextet.cluster.face import Face, Used
from sextet.model import schema
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.local_zone import CLUSTER_SUBZONE, DEFAULT_SUBZONE, TRAVERSAL_SUBZONE

CALL_TYPES = ("Traversal", "NonTraversal")  # facts 5.4
NOTHING = Used(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLine:
    """One link with its nodes and pipes."""

    name: str
    node1: str
    node2: str
    pipes: tuple[str, ...]
    local_kbps: int  # by calls that this peer charges
    cluster_kbps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeLine:
    """One pipe with its limits."""

    name: str
    total: str  # "Unlimited", "No bandwidth" or the limit
    per_call: str
    links: int  # that lead through it
    local_kbps: int
    cluster_kbps: int
    percent: int  # of the total that is used, -1 where that is not limited


@dataclass(frozen=True, slots=True, kw_only=True)
class SubzoneLine:
    """One subzone of the Local Zone, with what is in it."""

    name: str
    shown: str  # the original's words for those that are built in
    registrations: int
    calls: int
    total: str
    registration_policy: str  # "" where nobody registers
    local_kbps: int
    cluster_kbps: int
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What would become of a call between two nodes at this moment."""

    granted: bool
    kbps: int
    route: str
    links: tuple[str, ...]
    sentence: str


def links(face: Face, containing: str = "") -> tuple[LinkLine, ...]:
    """List the links in the order of the configuration, which decides between ways of one length."""
    used = face.bandwidth()
    return tuple(
        LinkLine(
            name=link.name,
            node1=link.node1,
            node2=link.node2,
            pipes=tuple(pipe for pipe in (link.pipe1, link.pipe2) if pipe),
            local_kbps=used.get(f"{LINK}/{link.name}", NOTHING).local,
            cluster_kbps=used.get(f"{LINK}/{link.name}", NOTHING).cluster,
        )
        for link in face.saved.links
        if _has(containing, link.name, link.node1, link.node2, link.pipe1, link.pipe2)
    )


def pipes(face: Face, containing: str = "") -> tuple[PipeLine, ...]:
    """List the pipes by name."""
    used, config = face.bandwidth(), face.saved
    through = Counter(pipe for link in config.links for pipe in (link.pipe1, link.pipe2) if pipe)
    totals = of_config(config).totals
    return tuple(
        PipeLine(
            name=pipe.name,
            total=_limit(pipe.total_mode, pipe.total_limit),
            per_call=_limit(pipe.per_call_mode, pipe.per_call_limit),
            links=through[pipe.name],
            local_kbps=used.get(f"{PIPE}/{pipe.name}", NOTHING).local,
            cluster_kbps=used.get(f"{PIPE}/{pipe.name}", NOTHING).cluster,
            percent=_percent(used, totals, f"{PIPE}/{pipe.name}"),
        )
        for pipe in sorted(config.pipes, key=lambda pipe: pipe.name.lower())
        if _has(containing, pipe.name)
    )


def subzones(face: Face, containing: str = "") -> tuple[SubzoneLine, ...]:
    """List the subzones: those that are built in, then the others by name."""
    config, used = face.saved, face.bandwidth()
    totals, bound = of_config(config).totals, _registered(face, config)
    calls = Counter(node for owned in face.calls() if owned.row.kbps for node in _ends(owned.row.nodes))
    modes = {row.name: (row.total_mode, row.total_limit, row.registrations) for row in config.subzones}
    default, traversal = config.default_subzone, config.traversal_subzone
    built_in = {
        DEFAULT_SUBZONE: (default.total_mode, default.total_limit, default.registrations),
        TRAVERSAL_SUBZONE: (traversal.total_mode, traversal.total_limit, ""),
        CLUSTER_SUBZONE: ("Unlimited", 0, ""),
    }
    named = {name: modes[name] for name in sorted(modes, key=str.lower)}
    return tuple(
        SubzoneLine(
            name=name,
            shown=SHOWN.get(name, name),
            registrations=bound[name],
            calls=calls[SHOWN.get(name, name)],
            total=_limit(mode, limit),
            registration_policy=policy,
            local_kbps=used.get(f"{SUBZONE}/{name}", NOTHING).local,
            cluster_kbps=used.get(f"{SUBZONE}/{name}", NOTHING).cluster,
            percent=_percent(used, totals, f"{SUBZONE}/{name}"),
        )
        for name, (mode, limit, policy) in {**built_in, **named}.items()
        if _has(containing, name, SHOWN.get(name, ""))
    )


def check(face: Face, node1: str, node2: str, kbps: int, call_type: str) -> Answer:
    """Say what would become of a call at this moment (facts 5.4). Raises schema.Refused."""
    plan, used = of_config(face.saved), face.bandwidth()
    wrong = [
        Problem(name, f"There is no subzone or zone {node!r}; choose one.")
        for name, node in (("node1", node1), ("node2", node2))
        if not plan.has(node)
    ]
    kind = {one.lower(): one for one in CALL_TYPES}.get(call_type.lower())
    if kind is None:
        wrong.append(Problem("call_type", f"{call_type!r} is no call type; choose {' or '.join(CALL_TYPES)}."))
    if wrong:
        raise schema.Refused(*wrong)
    route = plan.route(node1, node2, kind == "Traversal")
    if route is None:
        return _answer(no_way(node1, node2), "", (), kbps)
    decided = decide(plan, route, kbps, LEAST_KBPS, lambda element, limit: limit - used.get(element, NOTHING).cluster)
    return _answer(decided, route.shown, route.links, kbps)


def _answer(decided: Granted | Refused, route: str, ways: tuple[str, ...], wanted: int) -> Answer:
    if isinstance(decided, Refused):
        return Answer(granted=False, kbps=0, route=route, links=ways, sentence=f"Refused. {decided.reason}.")
    less = f" instead of {wanted}, because of {decided.downspeeded_by}" if decided.downspeeded_by else ""
    sentence = f"The call is connected with {decided.kbps} kbit/s{less}."
    return Answer(granted=True, kbps=decided.kbps, route=route, links=ways, sentence=sentence)


def _registered(face: Face, config: Root) -> Counter[str]:
    """Count the registered aliases of every subzone."""
    try:
        rules = membership.of_config(config.membership_rules, variables.of_config(config))
    except Unusable:
        return Counter()
    return Counter(
        rules.subzone_of(binding.received.partition(";")[0].rpartition(":")[0].strip("[]"), row.alias)
        for rows in face.registrations().values()
        for row in rows.values()
        for binding in row.bindings
    )


def _ends(nodes: str) -> set[str]:
    way = nodes.partition(", ")[0].split(" -> ")
    return {way[0], way[-1]}


def _limit(mode: str, limit: int) -> str:
    return f"{limit} kbit/s" if mode == "Limited" else mode


def _percent(used: Mapping[str, Used], totals: Mapping[str, int], element: str) -> int:
    limit = totals.get(element)
    if limit is None:
        return -1
    return round(100 * used.get(element, NOTHING).cluster / limit) if limit else 100


def _has(wanted: str, *texts: str) -> bool:
    return not wanted or any(wanted.casefold() in text.casefold() for text in texts)
