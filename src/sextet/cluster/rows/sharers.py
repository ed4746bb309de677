"""Which peers hand out bandwidth: those whose calls go on, as far as can be known, whether they can be heard or not."""

from __future__ import annotations

from collections.abc import Mapping

from sextet.call.bandwidth.plan import of_config
from sextet.cluster.judgement import may_carry_calls
from sextet.model.sections import Root
from sextet.model.status import LinkStatus

GIVE_BACK_S = 10.0  # our choice: longer than a machine is silent that is only busy, shorter than a caller tries again


class Sharers:
    """Follows the links. A peer is given back once it was silent, or not that peer, for GIVE_BACK_S.

    A peer whose sextetd alone ended is not: its Kamailio goes on, and hands out by what it was told last. One that was
    lost for good ended its calls' signalling; media that endpoints send each other go on without being counted.
    """

    def __init__(self) -> None:
        self._silent_since: dict[int, float] = {}
        self._limited: tuple[Root | None, frozenset[str]] = None, frozenset()

    def members(self, links: Mapping[int, LinkStatus], now_s: float) -> frozenset[int]:
        """Name the other peers that hand out bandwidth."""
        silent = {number for number, link in links.items() if link.tried and not may_carry_calls(link)}
        self._silent_since = {number: self._silent_since.get(number, now_s) for number in silent}
        lost = {number for number, since_s in self._silent_since.items() if now_s - since_s >= GIVE_BACK_S}
        return frozenset(links) - lost

    def limited(self, config: Root) -> frozenset[str]:
        """Name the elements that have a limit in this configuration."""
        if self._limited[0] is not config:
            self._limited = config, frozenset(of_config(config).totals)
        return self._limited[1]
