"""The addresses of a zone in one round: the next one is asked where the way to one fails, while others ring.

They stand with the flows of devices and follow each other in the same way (flows.py, RFC 3263 4.3). `$avp(at)` holds
all addresses of each zone of the round, whose name there is that of its leg. What is left when all branches of a round
have failed is the round of other addresses, which forking.py puts before the rounds to come.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from sextet.call.alias import of_uri
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.registration import flows
from sextet.sip.kemi.reporting import Reporter, written
from sextet.sip.kemi.routing import calls
from sextet.sip.kemi.zones import pinging, reaching

Leg = dict[str, Any]  # see forking.py


def name_of(leg: Leg) -> str:
    """Name the zone of a leg among the devices that ring with it."""
    return f"{flows.ADDRESS}{leg['t']}"


def keep(ksr: Any, legs: Sequence[Leg]) -> None:
    """Keep the addresses of a round that is about to be sent."""
    at = {name_of(one): [one["zone"], one["uris"]] for one in legs if one.get("uris")}
    ksr.pv.sets("$avp(at)", written(at) if at else "")


def zone_of_branch(ksr: Any) -> str:
    """Name the zone that the branch at hand goes to; "" where it goes to none."""
    name = f"{flows.ADDRESS}{ksr.pv.get('$(du{uri.param,t})') or ''}"
    zone, _ = json.loads(str(ksr.pv.get("$avp(at)") or "{}")).get(name, ("", ()))
    return str(zone)


def others(legs: Sequence[Leg]) -> list[Leg]:
    """Make the round of other addresses."""
    return [{**one, "uris": one["uris"][1:], "rest": True} for one in legs if len(one.get("uris", ())) > 1]


def untried(ksr: Any, rounds: list[list[Leg]]) -> list[list[Leg]]:
    """Leave out of a round of other addresses those that were tried while the first ones rang."""
    if not rounds or not all("rest" in one for one in rounds[0]):
        return rounds
    counted = [(one, flows.left(ksr, name_of(one))) for one in rounds[0]]
    legs = [{**one, "uris": one["uris"][-count:]} for one, count in counted if count]
    return [legs, *rounds[1:]] if legs else rounds[1:]


def moved(ksr: Any, reporter: Reporter, told: Instructions) -> bool:
    """Aim a branch that failed at the next flow or address, while others ring; False where it stays as it is."""
    name = flows.failed(ksr)
    if name and was_silent(ksr):
        pass_over(ksr, reporter, told, name, before=1)
    if name and ksr.pv.get("$avp(device)") and ksr.pv.get("$rm") == "INVITE":
        number = told.table.peer_of_ip.get(of_uri(str(ksr.pv.get("$sbranch(dst_uri)"))))
        route = "Local Zone" if number is None else told.table.peers[number].name
        row = {"call_id": str(ksr.pv.get("$ci")), "tag": str(ksr.pv.get("$avp(tag)")), "route": route}
        calls.begin(ksr, reporter, row, time.monotonic())
    return bool(name)


def cut_off(ksr: Any) -> list[str]:
    """List the zones with more addresses whose last one has no connection.

    tm says nothing of a branch that it could not send while it could send others.
    """
    found = []
    for name, (_, hops) in json.loads(str(ksr.pv.get("$avp(at)") or "{}")).items():
        count = flows.left(ksr, name)
        where, _, transport = hops[-1 - count].removeprefix("sip:").partition(";transport=")
        if count and not transport.startswith("udp") and not pinging.connected(ksr, where):
            found.append(name)
    return found


def pass_over(ksr: Any, reporter: Reporter, told: Instructions, name: str, before: int = 0) -> None:
    """Note that the address of a zone which is being asked, or one so many before it, gave no answer."""
    at = json.loads(str(ksr.pv.get("$avp(at)") or "{}"))
    if name in at:  # not a device
        zone, hops = at[name]
        reaching.silent(ksr, reporter, told, zone, hops[-1 - before - flows.left(ksr, name)])


def was_silent(ksr: Any) -> bool:
    """Say whether the branch that failed had no answer at all, though it had the time for one (forking.sent)."""
    silent = ksr.tm.t_branch_timeout() > 0 and ksr.tm.t_branch_replied() < 0
    return silent and not int(ksr.pv.get("$avp(hasty)") or 0)
