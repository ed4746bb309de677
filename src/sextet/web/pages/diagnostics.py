"""Maintenance > Diagnostics: whether every requirement of the cluster is met, and measuring that again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.peers import firewall, preflight
from sextet.cluster.face import Face
from sextet.web.events import LivePage
from sextet.web.guard import Visit, logged_in

TONES = {"ok": "ok", "failed": "bad", "unknown": "warn", "not applicable": "off"}


def preflight_check(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show what was measured last, and the ports that it takes."""
    checked = face.checks()
    page = preflight.preflight(face, checked)
    return {"page": page, "tones": TONES, "ports": firewall.port_plan(face, checked)}


PREFLIGHT = LivePage("/maintenance/diagnostics/preflight", "preflight.html", preflight_check)


async def show_preflight(visit: Visit) -> Response:
    return visit.page(PREFLIGHT.template, live=True, **preflight_check(visit.desk.face, {}))


async def measure(visit: Visit) -> Response:
    """Measure everything now; nothing is changed by it, so who may look may ask."""
    await visit.desk.face.check()
    return visit.go(PREFLIGHT.path)


ROUTES = (
    Route(PREFLIGHT.path, logged_in(show_preflight), methods=["GET"]),
    Route(PREFLIGHT.path, logged_in(measure), methods=["POST"]),
)
