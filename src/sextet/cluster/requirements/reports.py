"""What the other peers measured themselves: asked of all at once and in bounded time, so that every pair is seen twice.

How it works. `rpc.checks` is answered with this peer's own results, measured now where that is asked for. On demand all
peers measure at once; each minute the last results of all are fetched. A peer that cannot be asked has the reason in
the place of results, and nothing that it said before is shown as if it were so now.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sextet.cluster.face import Checked, Report
from sextet.cluster.judgement import LIVE, Evidence
from sextet.cluster.requirements.checks import judge
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.requirements.verdicts import why_not
from sextet.cluster.wire.feed import CallFailed
from sextet.model.checks import STATES, TYPES, CheckResult

NAME = "checks"  # the question `rpc.checks`
LIMIT_S = 10.0  # a peer measures in 5 s where neither names nor ports answer; its answer has to come back
EVERY_S = 60.0
FIRST_S = 15.0  # everybody has measured something by then
RESULTS_MAX = 1000  # 6 peers and 30 checks are 180
WORDS_MAX = 500  # of one measurement

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]


class Measuring(Protocol):
    """What measures on this peer (probing.py)."""

    measured: Measured

    def age_s(self) -> float: ...

    async def now(self) -> None: ...


class Reports:
    """Judges what this peer measured; fetches and remembers what the others say they found."""

    def __init__(
        self,
        measuring: Measuring,
        ask: Ask,
        evidence: Callable[[], Evidence],
        clock: Callable[[], float],
    ) -> None:
        self._measuring, self._ask, self._evidence, self._clock = measuring, ask, evidence, clock
        self._last: dict[str, tuple[float, Report]] = {}  # by peer address: when it was fetched

    def checked(self) -> Checked:
        """Give what is known, as it was measured last."""
        return Checked(results=self._results(), age_s=self._measuring.age_s(), others=self._others())

    async def check(self) -> Checked:
        """Have every peer measure now, all at once."""
        await asyncio.gather(self._measuring.now(), self.fetch(measure=True))
        return self.checked()

    def _others(self) -> tuple[Report, ...]:
        """Give what each other peer of the list said last, in the order of the list."""
        seen, now = self._evidence(), self._clock()
        return tuple(self._of(number, name, now) for number, name in _others(seen))

    async def run(self) -> None:
        """Fetch what they have, for ever."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.fetch(measure=False)
            await asyncio.sleep(EVERY_S)

    async def fetch(self, *, measure: bool) -> None:
        """Ask all other peers at once; `measure`: they are to measure now."""
        seen = self._evidence()
        listed = _others(seen)
        found = await asyncio.gather(*(self._fetched(seen, number, name, measure) for number, name in listed))
        now = self._clock()
        self._last = {name: (now, report) for (_, name), report in zip(listed, found, strict=True)}

    async def answer(self, question: bytes) -> bytes:
        """Answer another peer. Raises CallFailed."""
        try:
            measure = json.loads(question)["measure"] is True
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CallFailed("the question cannot be read") from error
        if measure:
            await self._measuring.now()
        rows = [[one.id, one.peer_name, one.state, one.measured] for one in self._results()]
        return json.dumps({"age_s": self._measuring.age_s(), "results": rows}).encode()

    def _results(self) -> tuple[CheckResult, ...]:
        return judge(self._evidence(), self._measuring.measured)

    async def _fetched(self, seen: Evidence, number: int, name: str, measure: bool) -> Report:
        link = seen.links.get(number)
        if link is None or link.state != LIVE:
            return Report(number=number, peer_name=name, failure=why_not(seen, number))
        try:
            async with asyncio.timeout(LIMIT_S):  # a link that is lost meanwhile would be waited for
                text = await self._ask(number, NAME, json.dumps({"measure": measure}).encode(), LIMIT_S)
            return _read(text, number, name, seen.running.peers)
        except TimeoutError:
            return Report(number=number, peer_name=name, failure=f"no answer within {LIMIT_S:g} s")
        except CallFailed as error:
            return Report(number=number, peer_name=name, failure=str(error))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            failure = f"its answer cannot be read: {type(error).__name__}"
            return Report(number=number, peer_name=name, failure=failure)

    def _of(self, number: int, name: str, now: float) -> Report:
        if name not in self._last:
            return Report(number=number, peer_name=name, failure="not asked yet")
        then, report = self._last[name]
        age_s = report.age_s + now - then if report.age_s >= 0 else report.age_s
        return replace(report, number=number, age_s=age_s)


def _others(seen: Evidence) -> list[tuple[int, str]]:
    return [(number, name) for number, name in enumerate(seen.running.peers, 1) if name and number != seen.number]


def _read(text: bytes, by: int, name: str, peers: Sequence[str]) -> Report:
    """Take over what this version knows of another peer's answer; raises ValueError, TypeError and KeyError."""
    said: Mapping[str, Any] = json.loads(text)
    numbers = {peer.lower(): number for number, peer in enumerate(peers, 1) if peer}
    results = []
    for check, peer, state, measured in said["results"][:RESULTS_MAX]:
        number = numbers.get(peer.lower()) if isinstance(peer, str) else None
        if number is None or check not in TYPES or state not in STATES:
            continue
        kind = TYPES[check]
        results.append(
            CheckResult(
                id=check,
                peer=number,
                peer_name=peers[number - 1],
                state=state,
                measured="".join(letter if letter.isprintable() else "?" for letter in str(measured)[:WORDS_MAX]),
                expected=kind.expected,
                remedy=kind.remedy if state == "failed" else "",
            )
        )
    age_s = float(said["age_s"])
    if not -1.0 <= age_s < float("inf"):
        raise ValueError("no age")
    return Report(number=by, peer_name=name, results=tuple(results), age_s=age_s)
