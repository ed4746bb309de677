"""How engines are led: started, told every change of what is wanted, told once where devices are, and started again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from sextet.cluster.rows.live import Live
from sextet.engine import Engine, EngineError, Wanted

LOCATIONS_S = 3.0  # links to living peers are up within 2 s of a start; who is not heard by then is down
AGAIN_S = 5.0  # after an engine could not do it: a port that is taken is put right by hand, one that ended starts again


class Leading:
    """Leads the engines of one peer; what one cannot do is shown, and the rest of the system goes on without it."""

    def __init__(self, live: Live, clock: Callable[[], float]) -> None:
        self.engines: Sequence[Engine] = ()
        self._live = live
        self._clock = clock
        self._started_s = clock()
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._told = False  # engines know all locations
        self._wanted: Wanted | None = None
        self._led: set[str] = set()  # engines that run
        self._again: dict[str, float] = {}  # engines that could not do what was wanted, and when it is tried again

    def waiting(self) -> tuple[str, ...]:
        """Name the settings that are in force only after a restart of an engine."""
        return tuple(path for paths in self._waiting.values() for path in paths)

    async def follow(self, wanted: Wanted) -> None:
        """Tell all engines what is wanted, where it differs from what they were told; `generation` is set here."""
        news = self._wanted is None or wanted != replace(self._wanted, generation=0)
        if news:
            self._wanted = replace(wanted, generation=self._wanted.generation + 1 if self._wanted else 1)
        assert self._wanted is not None
        for engine in self.engines:
            if news or self._clock() >= self._again.get(engine.name, math.inf):
                await self._lead(engine, self._wanted)

    def tell_locations(self, every_peer_live: bool) -> None:
        """Tell engines the whole truth once it is known: an adopted one locates devices from before until then."""
        if self._told or not (every_peer_live or self._clock() >= self._started_s + LOCATIONS_S):
            return
        self._told = True
        for engine in self.engines:
            self._live.tell_everything(engine)

    async def _lead(self, engine: Engine, wanted: Wanted) -> None:
        failed_before = engine.name in self._again
        self._again[engine.name] = self._clock() + AGAIN_S
        try:
            if engine.name in self._led:
                self._waiting[engine.name] = await engine.apply(wanted)
            else:
                if failed_before:
                    await engine.stop(leave_running=True)  # what the last try left half done
                await engine.start(wanted)
                self._led.add(engine.name)
                if self._told:
                    self._live.tell_everything(engine)
            del self._again[engine.name]
            self._live.engine_state(f"{engine.name} configuration", "")
        except EngineError as error:
            self._live.engine_state(f"{engine.name} configuration", str(error))
