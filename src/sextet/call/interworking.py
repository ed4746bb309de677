"""By which protocols is a target asked, and in which order (facts 7.9)? The caller's own first."""

from __future__ import annotations

from sextet.call.decision import Request, Target
from sextet.call.source import SourceKind

OTHER = {"SIP": "H323", "H323": "SIP"}
NAMES = {"SIP": "SIP", "H323": "H.323"}


def others(mode: str, gateway: bool, request: Request, targets: tuple[Target, ...]) -> tuple[tuple[Target, ...], str]:
    """Give the targets that are asked by the other protocol too, and why the rest is not.

    Registered only means that at least one end is registered here: callers of ours reach everything by both
    protocols, everybody else only what is registered here.
    """
    name = NAMES[OTHER[request.protocol]]
    if mode == "Off":
        return (), f"not asked by {name}: interworking is Off"
    if not gateway:
        return (), f"not asked by {name}: there is no gateway to {name} here"
    if mode == "On" or request.source.kind is SourceKind.LOCAL:
        return targets, ""
    ours = tuple(target for target in targets if target.kind == "local")
    rest = len(ours) < len(targets)
    return ours, f"zones are not asked by {name}: neither end is registered here" if rest else ""
