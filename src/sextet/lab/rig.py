"""The running lab: its peers as processes, and what can be done to them while it runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sextet.ending import end
from sextet.lab import children
from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.children import ENGINES, PEER_MODULE, Child
from sextet.lab.patience import until
from sextet.lab.plan import SIP_PORT, SIPS_PORT, PeerPlan, Plan

START_S = 60.0  # six peers at once on two busy cores; 5 s is usual
PARTS = ("sextetd", *ENGINES, "all")  # what `kill` can be told to kill
FAULT_S = 5.0  # a peer answers a command in milliseconds
PROCESS_NAMES = {"sextetd": "sextetd", **ENGINES}
Cut = tuple[int, int]  # two peers' numbers, the lower first


class LabError(Exception):
    """What was asked of the lab cannot be; one sentence."""


class Rig:
    """The peers of a lab, started, broken and mended."""

    def __init__(self, plan: Plan, say: Callable[[str], None], module: str = PEER_MODULE) -> None:
        self.plan = plan
        self.cuts: set[Cut] = set()
        self._say = say
        self._module = module
        self._children: dict[int, Child] = {}
        self._expected: set[int] = set()  # peers whose end somebody asked for
        self._watching: set[asyncio.Task[None]] = set()

    async def start_all(self) -> None:
        """Start every peer at once and wait until each answers; raises LabError with what a failing one said."""
        starting = [asyncio.create_task(self.start(peer.number)) for peer in self.plan.peers]
        try:
            await asyncio.gather(*starting)
        finally:
            await end(starting)  # where one fails the others are not begun behind the back of who stops the lab

    async def stop_all(self) -> None:
        """End every process of the lab, also those that peers left running."""
        self._expected |= {peer.number for peer in self.plan.peers}
        await asyncio.gather(*(child.stop() for child in self._children.values()))
        for task in self._watching:
            task.cancel()
        await children.sweep(self.plan.run_dir, self.plan.state_dir)

    async def start(self, number: int) -> str:
        """Start a peer that does not run; returns when it answers."""
        peer = self._peer(number)
        if (child := self._children.get(number)) and child.running:
            raise LabError(f"peer {number} runs already (process {child.process.pid}).")
        command = [*peer.prefix, sys.executable, "-m", self._module, "--bootstrap", str(peer.bootstrap)]
        child = await children.start(f"peer {number}", command, peer.log)
        self._children[number] = child
        self._expected.discard(number)

        async def answers() -> bool:
            return not child.running or await self._answers(peer)

        ready, took = await until(answers, START_S, every_s=0.05)
        if not ready or not child.running:
            said = child.last_words() or "it said nothing"
            raise LabError(
                f"peer {number} {'ended' if not child.running else 'does not answer'}: {said} (see {peer.log})."
            )
        task = asyncio.create_task(self._watch(number, child))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        for cut in sorted(cut for cut in self.cuts if number in cut):
            await self._tell(cut, "lab block")
        return f"Peer {number} runs (process {child.process.pid}), started in {took:.1f} s."

    async def kill(self, number: int, part: str = "sextetd") -> str:
        """Kill a peer's process the hard way: sextetd, one of its engines, or everything it has."""
        peer = self._peer(number)
        if part not in PARTS:
            raise LabError(f"there is no {part} to kill; name one of {', '.join(PARTS)}.")
        killed = {name: children.engines(peer.run_dir, name) for name in ENGINES if part in (name, "all")}
        if part in ("sextetd", "all"):
            child = self._children.get(number)
            killed["sextetd"] = [child.process.pid] if child and child.running else []
            self._expected.add(number)
        pids = killed.pop("sextetd", []) + [pid for found in killed.values() for pid in found]
        if not pids:
            raise LabError(f"peer {number} has no {'process' if part == 'all' else part} running.")
        children.kill(pids)
        if part in ("sextetd", "all") and (child := self._children.get(number)):
            await child.process.wait()
        return f"Killed {'everything' if part == 'all' else PROCESS_NAMES[part]} of peer {number} (SIGKILL)."

    async def restart(self, number: int) -> str:
        """Stop a peer in order and start it again."""
        self._peer(number)
        self._expected.add(number)
        if child := self._children.get(number):
            await child.stop()
        return await self.start(number)

    async def cut(self, one: int, other: int) -> str:
        """Stop every byte between two peers, both ways, without closing a connection."""
        pair = self._pair(one, other)
        await self._tell(pair, "lab block")
        self.cuts.add(pair)
        return f"Cut between peer {pair[0]} and peer {pair[1]}: bytes stop, connections stay up."

    async def heal(self, one: int | None = None, other: int | None = None) -> str:
        """Mend one cut, or all of them."""
        pairs = sorted(self.cuts) if one is None or other is None else [self._pair(one, other)]
        if not pairs:
            return "Nothing is cut."
        for pair in pairs:
            await self._tell(pair, "lab unblock")
            self.cuts.discard(pair)
        return f"Healed: {', '.join(f'{low}-{high}' for low, high in pairs)}."

    async def status(self) -> dict[str, Any]:
        """Say what runs, and what each peer says about the cluster."""
        said = await asyncio.gather(*(self._sentence(peer) for peer in self.plan.peers))
        peers = [
            {**self.describe(peer), "state": sentence} for peer, sentence in zip(self.plan.peers, said, strict=True)
        ]
        return {"peers": peers, "cuts": [f"{low}-{high}" for low, high in sorted(self.cuts)]}

    def describe(self, peer: PeerPlan) -> dict[str, Any]:
        """Name a peer and its processes."""
        child = self._children.get(peer.number)
        running = child is not None and child.running
        pids = {name: children.engines(peer.run_dir, name) for name in ENGINES}
        return {
            "number": peer.number,
            "name": peer.fqdn,
            "address": peer.address,
            "url": peer.url,
            "socket": str(peer.socket),
            "log": str(peer.log),
            "state_dir": str(peer.state_dir),
            "run_dir": str(peer.run_dir),
            "pids": {"sextetd": [child.process.pid] if child and running else [], **pids},
        }

    def _peer(self, number: int) -> PeerPlan:
        if not 1 <= number <= len(self.plan.peers):
            raise LabError(f"this lab has the peers 1 to {len(self.plan.peers)}, not {number}.")
        return self.plan.peers[number - 1]

    def _pair(self, one: int, other: int) -> Cut:
        self._peer(one), self._peer(other)
        if one == other:
            raise LabError(f"a cut is between two peers, not between peer {one} and itself.")
        return min(one, other), max(one, other)

    async def _tell(self, pair: Cut, command: str) -> None:
        """Tell both ends; one is enough, since the other may be the one that was killed."""
        failures = []
        for here, there in (pair, pair[::-1]):
            try:
                await ask(self._peer(here).socket, command, {"peer": there}, FAULT_S)
            except (Unanswered, Failed) as error:
                failures.append(str(error))
        if len(failures) == 2:
            raise LabError(f"neither peer {pair[0]} nor peer {pair[1]} does it: {failures[0]}.")

    async def _answers(self, peer: PeerPlan) -> bool:
        """Tell whether a peer serves: administrators on its local socket, and phones on its SIP port."""
        try:
            if not (await ask(peer.socket, "status", timeout_s=2.0))["ready"]:
                return False
        except (Unanswered, Failed):
            return False
        return await _listens(peer, SIP_PORT) or await _listens(peer, SIPS_PORT)  # a new system has TLS alone

    async def _sentence(self, peer: PeerPlan) -> str:
        child = self._children.get(peer.number)
        if child is None or not child.running:
            return "stopped"
        try:
            answer: Mapping[str, Any] = await ask(peer.socket, "cluster status", timeout_s=2.0)
        except (Unanswered, Failed) as error:
            return f"runs, but {error}"
        active = sum(bool(other["clustering_ok"]) for other in answer["peers"])
        primary = ", primary" if answer["primary"] == peer.number else ""
        return f"sees {active} of {len(answer['peers'])} peers active{primary}"

    async def _watch(self, number: int, child: Child) -> None:
        """Say when a peer ends that nobody ended."""
        code = await child.process.wait()
        if number not in self._expected:
            self._say(f"Peer {number} ended by itself (exit {code}): {child.last_words()}")


async def _listens(peer: PeerPlan, port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(peer.address, port)
    except OSError:  # also the time-out
        return False
    writer.close()
    return True
