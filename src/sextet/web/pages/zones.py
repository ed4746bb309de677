"""Status > Zones: how every address of every zone is, seen from every peer; and a test of one zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.dialplan.zone_commands import tested
from sextet.admin.dialplan.zone_views import zones
from sextet.cluster.face import Face
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.events import LivePage
from sextet.web.guard import Visit, logged_in

PATH = "/status/zones"
ZONES_MAX = 200  # on one page; the filter finds the others
FILTER_MAX = 128


def show(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show the zones."""
    wanted = query.get("filter", "").strip()[:FILTER_MAX]
    found = zones(face, wanted)
    return {"rows": found[:ZONES_MAX], "found": len(found), "total": len(face.saved.zones), "filter": wanted}


async def test(visit: Visit) -> Response:
    """Ask all addresses of a zone now, and say what they answered."""
    name = visit.posted.get("zone", "")
    try:
        visit.desk.door.demand_write(visit.actor, "test a zone")
        page = await tested(visit.desk.face, name)
    except Refused as refused:
        lines = tuple(problem.sentence for problem in refused.problems)
        return visit.go(PATH, Message(tone="bad", title="The zone was not tested.", lines=lines))
    own = visit.desk.face.status().number
    lines = tuple(
        f"{line.host}: {cell.state}" + (f", {cell.round_trip_ms:.1f} ms" if cell.round_trip_ms else "")
        + (f", {cell.reason}" if cell.reason else "") + "."
        for line in page.lines for cell in line.cells if cell.peer == own
    )  # fmt: skip
    tone = next((sees.tone for sees in page.peers if sees.peer == own), page.tone)
    title = f"Zone {name}, asked from this peer: {next((s.words for s in page.peers if s.peer == own), page.words)}."
    return visit.go(
        f"{PATH}?filter={quote(name)}", Message(tone="info" if tone == "off" else tone, title=title, lines=lines)
    )


PAGE = LivePage(PATH, "zones.html", show)
ROUTES = (Route(f"{PATH}/test", logged_in(test), methods=["POST"]),)
