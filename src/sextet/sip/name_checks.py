"""Which next hops of a domain may be called: those whose certificate shows the name that is wanted (RFC 5922 7.3).

Kamailio asks, over the connections that calls will take (kemi/zones/naming.py), and reports what it was shown. Where
nothing comes, the way is tried from here, for the cause only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sextet.engine import EngineError, Wanted
from sextet.sip.diagnosis import MUTE, cause_of
from sextet.sip.events import Named
from sextet.sip.kemi.zones.naming import WANTED, first_of

LIMIT_S = 1.8  # of one check; less where DNS took long, so that the caller's transaction still waits
PATIENCE_S = 0.5  # before the cause of a silence is looked for; a handshake and an answer take some round trips
SPREAD_S = 0.3  # how long other addresses are waited for once one is right
WAITING_MAX = 2_000  # next hops whose answer is waited for: ten of each question that may be asked at once
SILENT = "it has not shown its certificate in time"

Ask = Callable[[str, Sequence[str]], Awaitable[None]]
Tell = Callable[[Named], None]


class NameChecks:
    """Has next hops asked, and waits for what they show; `tell` hears every verdict."""

    def __init__(self, ask: Ask, tell: Tell) -> None:
        self._ask = ask
        self._tell = tell
        self._waiting: dict[tuple[str, str], list[asyncio.Future[str]]] = {}

    def heard(self, named: Named) -> None:
        """Take what one next hop showed."""
        self._tell(named)
        for future in self._waiting.pop((named.zone, named.hop), ()):
            if not future.done():
                future.set_result(named.reason)

    async def right(
        self, zone: str, hops: Sequence[str], wanted: Wanted, limit_s: float = LIMIT_S
    ) -> tuple[list[str], str]:
        """Give those of these next hops that may be called, and why the first of the others may not.

        Where one has to show its name, none that need not is called in its place: TCP and UDP show nothing.
        """
        named = [hop for hop in hops if named_by(hop)]
        if not named:
            return list(hops), ""
        if len(self._waiting) + len(named) > WAITING_MAX:
            return [], "too many certificates are waited for"
        shown = {hop: asyncio.get_running_loop().create_future() for hop in named}
        for hop, future in shown.items():
            self._waiting.setdefault((zone, hop), []).append(future)
        tasks = {hop: asyncio.create_task(self._reason(zone, hop, future, wanted)) for hop, future in shown.items()}
        try:
            await self._ask(zone, named)
            await _first_come(list(tasks.values()), min(limit_s, LIMIT_S))
        except EngineError:
            pass  # Kamailio is gone, and the call with it
        finally:
            for hop, task in tasks.items():
                task.cancel()
                self._forget(zone, hop, shown[hop])
        reasons = {
            hop: task.result() if task.done() and not task.cancelled() else SILENT for hop, task in tasks.items()
        }
        wrong = (f"{address_of(hop)}: {reason}" for hop, reason in reasons.items() if reason)
        return [hop for hop in named if not reasons[hop]], next(wrong, "")

    async def _reason(self, zone: str, hop: str, shown: asyncio.Future[str], wanted: Wanted) -> str:
        """Wait for what a next hop shows; gives what is wrong with it."""
        if (await asyncio.wait((shown,), timeout=PATIENCE_S))[0]:
            return shown.result()
        way, _, name = hop.partition(f";{WANTED}=")
        looked = asyncio.create_task(cause_of(way, wanted.address, wanted.trusted, first_of(name)))
        try:
            await asyncio.wait((shown, looked), return_when=asyncio.FIRST_COMPLETED)
            if shown.done() or looked.exception() or looked.result() in ("", MUTE):
                return await shown
        finally:
            looked.cancel()
        self.heard(Named(zone=zone, hop=hop, reason=looked.result()))
        return looked.result()

    def _forget(self, zone: str, hop: str, shown: asyncio.Future[str]) -> None:
        left = [one for one in self._waiting.pop((zone, hop), ()) if one is not shown]
        if left:
            self._waiting[zone, hop] = left


def named_by(hop: str) -> str:
    """Give the name that a next hop has to show, "" where it needs none."""
    return hop.partition(f";{WANTED}=")[2]


def address_of(hop: str) -> str:
    """Give the "address:port" of a next hop."""
    return hop.removeprefix("sip:").partition(";")[0]


async def _first_come(tasks: Sequence[asyncio.Task[str]], limit_s: float) -> None:
    """Wait for all within the limit, and not long for the others once one is right."""
    loop = asyncio.get_running_loop()
    end, pending = loop.time() + limit_s, set(tasks)
    while pending:
        done, pending = await asyncio.wait(
            pending, timeout=max(0.0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            return
        if any(not task.exception() and not task.result() for task in done):
            end = min(end, loop.time() + SPREAD_S)
