"""Status > H.350 directory: how every peer finds the LDAP server that knows devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sextet.admin.dialplan.zone_views import directory
from sextet.cluster.face import Face
from sextet.web.events import LivePage

PATH = "/status/h350"


def show(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show its server."""
    return {"rows": directory(face)}


PAGE = LivePage(PATH, "h350.html", show)
