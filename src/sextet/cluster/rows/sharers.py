"""Which peers hand out bandwidth: those whose calls go on, as far as can be known, whether they can be heard or not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from sextet.call.bandwidth.plan import of_config
from sextet.cluster.judgement import may_carry_calls
from sextet.model.sections import Root
from sextet.model.status import LinkStatus

GIVE_BACK_S = 10.0  # our choice: longer than a machine is silent that is only busy, shorter than a caller tries again
ANSWER_S = 0.3  # the host of a peer whose sextetd alone ended answers at once; a round must not wait for another one
HEARD = ("LIVE", "SYNCHRONISING")


async def serves(ip: str, port: int) -> bool:
    """Say whether somebody listens there."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(ip, port)
        writer.close()
        return True
    return False


class Sharers:
    """Follows the links. A peer is given back once its calls had ended, as far as can be seen, for GIVE_BACK_S.

    They have where the machine is silent or another one, and where its SIP port is closed. A peer whose sextetd alone
    ended is not given back: its Kamailio goes on, and hands out by what it was told last. Media that endpoints send
    each other may go on after their signalling was lost; nobody counts them.
    """

    def __init__(self, serves: Callable[[str, int], Awaitable[bool]] = serves) -> None:
        self._serves = serves
        self._silent_since: dict[int, float] = {}
        self._limited: tuple[Root | None, frozenset[str]] = None, frozenset()

    async def members(self, links: Mapping[int, LinkStatus], port: int, now_s: float) -> frozenset[int]:
        """Name the other peers that hand out bandwidth; `port` is that of SIP between peers."""
        silent = set()
        for number, link in links.items():
            unheard = link.tried and link.state not in HEARD
            if unheard and not (may_carry_calls(link) and await self._serves(link.resolved_ip, port)):
                silent.add(number)
        self._silent_since = {number: self._silent_since.get(number, now_s) for number in silent}
        lost = {number for number, since_s in self._silent_since.items() if now_s - since_s >= GIVE_BACK_S}
        return frozenset(links) - lost

    def limited(self, config: Root) -> frozenset[str]:
        """Name the elements that have a limit in this configuration."""
        if self._limited[0] is not config:
            self._limited = config, frozenset(of_config(config).totals)
        return self._limited[1]
