"""What have the workers of a peer been told by now? Its lists show what happened elsewhere a moment earlier."""

from __future__ import annotations

import json

from sextet.engine import EngineError
from sextet.lab.ask import Unanswered
from sextet.lab.plan import PeerPlan
from sextet.sip.rpc import command


async def routed(peer: PeerPlan) -> set[tuple[str, int]]:
    """Give aliases and the other peers to which calls to their devices are routed; raises Unanswered."""
    told = {alias: owners.partition(" ")[0] for alias, owners in (await _htable(peer, "owner")).items()}
    return {(alias, int(number)) for alias, numbers in told.items() for number in numbers.split(",")}


async def reckoned(peer: PeerPlan) -> dict[str, int]:
    """Give what is shared with the other peers, and how much of it they use, in kbit/s; raises Unanswered."""
    return {element: json.loads(view)[0] for element, view in (await _htable(peer, "view")).items()}


async def _htable(peer: PeerPlan, name: str) -> dict[str, str]:
    try:
        slots = await command(peer.run_dir / "sip", "htable.dump", name)
    except EngineError as error:
        raise Unanswered(str(error)) from error
    return {entry["name"]: str(entry["value"]) for slot in slots for entry in slot["slot"]}
