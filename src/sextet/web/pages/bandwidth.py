"""Status > Local zone and Bandwidth, and Maintenance > Tools > Check bandwidth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.dialplan import bandwidth
from sextet.cluster.face import Face
from sextet.model.schema import Refused
from sextet.model.settings.local_zone import BUILT_IN, KBPS_MAX
from sextet.model.settings.zones import DEFAULT_ZONE
from sextet.web.desk import Message
from sextet.web.events import LivePage
from sextet.web.guard import ROWS_MAX, Visit, logged_in

CHECK = "/maintenance/tools/check-bandwidth"
FILTER_MAX = 128


def links(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the links."""
    wanted = _filter(query)
    return _rows(bandwidth.links(face, wanted), len(face.saved.links), wanted)


def pipes(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the pipes."""
    wanted = _filter(query)
    return _rows(bandwidth.pipes(face, wanted), len(face.saved.pipes), wanted)


def local_zone(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the subzones."""
    wanted = _filter(query)
    return _rows(bandwidth.subzones(face, wanted), len(face.saved.subzones) + len(BUILT_IN), wanted)


async def check(visit: Visit) -> Response:
    """Ask what would become of a call; asking changes nothing, so the question stands in the address."""
    config = visit.desk.face.saved
    nodes = (*BUILT_IN, *(row.name for row in config.subzones), DEFAULT_ZONE, *(zone.name for zone in config.zones))
    asked = {name: visit.query.get(name, "") for name in ("node1", "node2", "kbps", "call_type")}
    answer, notice = None, None
    if asked["node1"]:
        kbps = int(asked["kbps"]) if asked["kbps"].isascii() and asked["kbps"].isdigit() else 0
        try:
            if not 1 <= kbps <= KBPS_MAX:
                sentence = f"Bandwidth: {asked['kbps']!r} is none; enter 1 to {KBPS_MAX} kbit/s."
                notice = Message(tone="bad", title="Nothing was checked.", lines=(sentence,))
            else:
                kind = asked["call_type"] or bandwidth.CALL_TYPES[1]
                answer = bandwidth.check(visit.desk.face, asked["node1"], asked["node2"], kbps, kind)
        except Refused as refused:
            lines = tuple(problem.sentence for problem in refused.problems)
            notice = Message(tone="bad", title="Nothing was checked.", lines=lines)
    default = {"node1": nodes[0], "node2": DEFAULT_ZONE, "kbps": str(config.bandwidth.default_call), "call_type": ""}
    shown = {name: value or default[name] for name, value in asked.items()}
    return visit.page(
        "check_bandwidth.html", nodes=nodes, types=bandwidth.CALL_TYPES, asked=shown, answer=answer, refused=notice
    )


def _rows(found: tuple[Any, ...], total: int, wanted: str) -> dict[str, Any]:
    return {"rows": found[:ROWS_MAX], "found": len(found), "total": total, "filter": wanted}


def _filter(query: Mapping[str, str]) -> str:
    return query.get("filter", "").strip()[:FILTER_MAX]


PAGES = (
    LivePage("/status/local-zone", "local_zone.html", local_zone),
    LivePage("/status/bandwidth/links", "bandwidth_links.html", links),
    LivePage("/status/bandwidth/pipes", "bandwidth_pipes.html", pipes),
)
ROUTES = (Route(CHECK, logged_in(check), methods=["GET"]),)
