"""The lab as faults see it: its peers are asked, told and broken, also in their files and processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.rig import START_S

PEERS_MIN = 3
ANSWER_S = 20.0  # on a busy machine
CHECKED_S = 30.0  # a check asks every peer and server once more
HOLDS_S = 60.0
LOOK_S = 0.1


class Bench:
    """The lab that is broken and mended."""

    def __init__(self, run_dir: Path) -> None:
        self._control = run_dir / "lab.sock"
        self._peers: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Find the peers. Raises Unanswered, and Failed for a lab that is too small."""
        self._peers = (await ask(self._control, "describe", {}, ANSWER_S))["peers"]
        if len(self._peers) < PEERS_MIN:
            raise Failed(f"This needs a lab of {PEERS_MIN} peers; start it with `sextet lab up --peers {PEERS_MIN}`.")

    def address(self, number: int) -> str:
        return str(self._peers[number - 1]["address"])

    def name(self, number: int) -> str:
        """Give a peer's FQDN."""
        return str(self._peers[number - 1]["name"])

    def file(self, number: int, name: str) -> Path:
        """Give a file of a peer's state directory."""
        return Path(self._peers[number - 1]["state_dir"]) / name

    async def process(self, number: int, part: str) -> int:
        """Give the id of a peer's process as it is now. Raises Failed where it does not run."""
        found = (await ask(self._control, "describe", {}, ANSWER_S))["peers"][number - 1]["pids"][part]
        if not found:
            raise Failed(f"Peer {number} has no {part} running.")
        return int(found[0])

    async def until(self, what: str, holds: Callable[[], Awaitable[object]]) -> None:
        """Wait until something holds, also while a peer restarts. Raises Failed with what was waited for."""
        deadline = time.monotonic() + HOLDS_S
        while time.monotonic() < deadline:
            try:
                if await holds():
                    return
            except (Unanswered, Failed):
                pass  # it is just being restarted
            await asyncio.sleep(LOOK_S)
        raise Failed(f"This did not come true within {HOLDS_S:.0f} s: {what}.")

    async def whole(self) -> None:
        """Wait until every peer sees every other one active, with the same configuration."""

        async def active() -> bool:
            seen = [await self.run(number + 1, "cluster status") for number in range(len(self._peers))]
            return all(one["database"] == "Active" for one in seen)

        await self.until("all peers are active", active)

    async def check(self, number: int) -> None:
        """Have a peer measure its requirements now."""
        await ask(Path(self._peers[number - 1]["socket"]), "check", {}, CHECKED_S)

    async def do(self, command: str, **arguments: Any) -> None:
        """Break or mend something."""
        await ask(self._control, command, arguments, START_S + ANSWER_S)

    async def run(self, number: int, command: str, **arguments: Any) -> Any:
        """Run a command on a peer."""
        return await ask(Path(self._peers[number - 1]["socket"]), command, arguments, ANSWER_S)

    async def set(self, number: int, path: str, value: Any) -> None:
        await self.run(number, "config set", path=path, value=value)

    async def saved(self, number: int, path: str) -> Any:
        """Give what is saved for a setting."""
        found = await self.run(number, "config show", path=path)
        return found[0]["value"] if found else None

    async def cause(self, number: int, alarm: int, words: str = "") -> str | None:
        """Give the cause, with these words in it, where a peer raises an alarm itself, else None."""
        name = str(self._peers[number - 1]["name"]).partition(".")[0]
        try:
            for line in await self.run(number, "alarm list"):
                for peer in line["peers"]:
                    own = peer["peer_name"] == name and not peer["stale"]
                    if line["number"] == alarm and own and words in peer["detail"]:
                        return str(peer["detail"])
        except Unanswered:
            return None
        return None


Step = Callable[[Bench], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One real fault, where its alarms are seen, and how it is mended."""

    what: str
    alarms: tuple[tuple[int, int], ...]  # (number of the alarm, number of the peer)
    breaks: Step
    mends: Step | None = None  # None: it mends itself
    before: Step | None = None  # what makes the alarms go that stand in a lab that is well
    words: str = ""  # that the cause must have, where the alarm stands for other causes too
    passing: bool = False  # the alarm may be gone again before it is looked for: the event log tells
