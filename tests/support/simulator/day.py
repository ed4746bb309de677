"""A whole bad day of a cluster, made from one seed."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from tests.support.simulator.checks import Broken, Checks
from tests.support.simulator.host import NUMBERS, Host, World
from tests.support.simulator.operators import Operators
from tests.support.simulator.troubles import Troubles

TROUBLE_S = (3.5, 6.0, 9.5)  # how long things go wrong
SIZES = (2, 2, 3, 3, 3, 4, 4, 5, 6)  # of clusters: small ones meet as much, in less time
SETTLE_S = 60.0  # after healing: a link that waits for lost rows gives up after 30 s, a lost key takes a reset
LOOK_S = 0.5


class Day:
    """Up to six peers; `play` raises Broken where a claim does not hold."""

    def __init__(self, seed: int, trouble_s: float = 0.0) -> None:
        self.seed = seed
        self._trouble_s = trouble_s
        self.dice = random.Random(seed)
        self.folder = Path(tempfile.mkdtemp(prefix="sextet-day", dir=_memory()))
        self.story: list[str] = []
        self.checks = Checks(lambda: self.world.loop.now)
        trouble = self.dice.choice([0.0, 0.002, 0.01])
        self.world = World(self.dice, self.dice.choice([0.001, 0.02, 0.08]), trouble, self.checks, self.folder)
        for number in NUMBERS[: self.dice.choice(SIZES)]:
            self.world.hosts[number] = Host(self.world, number)
        self.operators = Operators(self.world, self.checks, self.tell)
        self.troubles = Troubles(self.world, self.checks, self.operators, self.tell)

    @property
    def name(self) -> str:
        """Say which day this was, and when it ended."""
        return f"Seed {self.seed}: {len(self.world.hosts)} peers, at {self.world.loop.now:.3f} s"

    @property
    def is_told(self) -> bool:
        """Whether the story tells more than a stack: an error of our own needs one."""
        return self.checks.broken is not None

    def play(self) -> None:
        """Live through it; raises Broken."""
        try:
            self._play()
        except Broken:
            raise
        except Exception as error:  # whatever a peer does not catch breaks the claim that it has no errors
            raise Broken("ours", f"{type(error).__name__}: {error}") from error
        finally:
            self.world.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _play(self) -> None:
        self.checks.watch(self.world)
        self.troubles.begin()
        self._until(self._trouble_s or self.dice.choice(TROUBLE_S))
        self.tell("everything heals")
        self.troubles.heal()
        self._settle()
        for device in self.troubles.devices:
            if device.at not in self.operators.plan:
                device.at = self.dice.choice(self.operators.plan)
            self.troubles.register(device)
        self._settle()
        homes = {(device.alias, device.name): device.at for device in self.troubles.devices}
        self.checks.devices_are_at(homes)

    def _settle(self) -> None:
        """Go on until everything is as it should be, and then so long that it would show if it were not for good."""
        deadline = self.world.loop.now + SETTLE_S
        while True:
            self._until(self.world.loop.now + LOOK_S)
            try:
                self.checks.converged(self.operators.plan, self.operators.primary)
                return
            except Broken as broken:
                self.checks.broken = None
                if self.world.loop.now >= deadline:
                    raise broken

    def _until(self, moment: float) -> None:
        self.world.loop.run(moment, self.checks.step)

    def tell(self, what: str) -> None:
        self.story.append(f"{self.world.loop.now:7.3f} {what}")


def _memory() -> str | None:
    """A disk that is none, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
