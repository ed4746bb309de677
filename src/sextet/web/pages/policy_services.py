"""Status > Policy services: how every server of every policy service is, seen from every peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sextet.admin.dialplan.zone_views import services
from sextet.cluster.face import Face
from sextet.web.events import LivePage

PATH = "/status/policy-services"


def show(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show the services."""
    return {"rows": services(face)}


PAGE = LivePage(PATH, "policy_services.html", show)
