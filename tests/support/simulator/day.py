"""A whole bad day of a cluster, made from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from sextet.cluster.configuration import primary
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.status import Call
from tests.support.memory_store import MemoryStore
from tests.support.simulator.checks import CLUSTER, Checks
from tests.support.simulator.clock import Clock
from tests.support.simulator.engine import Device, Engine
from tests.support.simulator.network import Network
from tests.support.simulator.process import Host, Process, World

TROUBLE_S = 40.0  # how long things go wrong
BETWEEN_S = 0.25  # the mean time between two of them
SETTLE_S = 45.0  # after healing: a link that waits for rows which were lost gives up after 30 s
REFRESH_S = 4.0
NOTICED_S = 1.6  # engines.md: a silent cut is noticed in 1.5 s; and what was on its way when it was cut
OPERATOR = {"user": "operator", "source": "simulator"}


class Day:
    """Up to six peers; `play` raises Broken where a rule does not hold."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock()
        trouble = self.dice.choice([0.0, 0.002, 0.01])
        self.network = Network(self.clock, self.dice, self.dice.choice([0.001, 0.02, 0.08]), trouble)
        numbers = range(1, self.dice.randint(2, 6) + 1)
        self.hosts = {n: Host(n, MemoryStore(f"id{n}", lambda: self.clock.now), Engine()) for n in numbers}
        self.checks = Checks(self.hosts)
        self.world = World(self.clock, self.dice, self.network, self.hosts, self.checks)
        self.story: list[str] = []
        self.devices = [
            Device(f"device{n}", f"user{n % 3}", self.dice.choice(list(numbers)))
            for n in range(self.dice.randint(1, 5))
        ]
        self._count = 0
        self._cut_at: dict[tuple[int, int], float] = {}
        self._happenings: list[tuple[int, Callable[[], None]]] = [
            (30, self.edit), (6, self.promote), (2, self.promote_two), (3, self.rename_primary), (3, self.leave),
            (8, self.enrol), (20, self.move), (15, self.refresh), (5, self.unregister), (10, self.call),
            (8, self.hang_up), (6, self.crash), (14, self.start), (2, self.lose_engine), (3, self.look),
            (3, self.lose_rows), (3, self.fill_disk), (8, self.cut), (12, self.heal_some),
        ]  # fmt: skip

    def play(self) -> None:
        for number in self.hosts:
            self.start_host(number)
            if number > 1 and self.dice.random() < 0.8:
                self.clock.later(1.0 + self.dice.random(), lambda number=number: self.enrol_host(number))  # type: ignore[misc]
            if self.dice.random() < 0.3:
                self.hosts[number].peers = False
                self.edit_on(self.hosts[number])
        self.hosts[1].peers = True
        self.clock.later(0.1, self.form)
        self.clock.later(0.2, self.trouble)
        self.clock.run(TROUBLE_S, self.checks.step)
        self.heal()
        self.clock.run(TROUBLE_S + SETTLE_S, self.checks.step)
        self.checks.converged()
        for device in self.devices:
            self.register(device)
        self.clock.run(TROUBLE_S + SETTLE_S + REFRESH_S, self.checks.step)
        self.checks.converged()
        self.checks.devices_are_at({(device.alias, device.name): device.at for device in self.devices})

    def trouble(self) -> None:
        """Let one thing happen, and plan the next."""
        if self.clock.now >= TROUBLE_S:
            return
        weights = [weight for weight, _ in self._happenings]
        (_, happening), *_ = self.dice.choices(self._happenings, weights)
        happening()
        self.clock.later(self.dice.expovariate(1 / BETWEEN_S), self.trouble)

    def heal(self) -> None:
        self.tell("everything heals")
        self.network.calm = True
        for way in sorted(self.network.cuts):
            self._mend(way)
        for number, host in self.hosts.items():
            host.store.full = False
            if host.process is None:
                self.start_host(number)
        self.clock.later(6.0, self.join_all)

    def form(self) -> None:
        """Peer 1 gets its peer list, and with it the cluster begins."""
        process = self.hosts[1].process
        if process and not any(host.store.membership().cluster for host in self.hosts.values()):
            process.configure()
            self.found()

    def join_all(self) -> None:
        """Everybody who is not in the cluster comes (back) in."""
        if not any(host.store.membership().cluster for host in self.hosts.values()):
            self.form()
        for number, host in self.hosts.items():
            if not host.peers or not host.store.membership().cluster:
                self.clock.later(0.5, lambda number=number: self.enrol_host(number))  # type: ignore[misc]

    # Operators

    def found(self) -> None:
        process = self.hosts[1].process
        if process and not process.cluster and not any(h.store.membership().cluster for h in self.hosts.values()):
            self.tell("peer 1 founds the cluster")
            self._ask(process, primary.Founded(cluster=CLUSTER, **OPERATOR))

    def enrol(self) -> None:
        self.enrol_host(self.dice.choice(list(self.hosts)))

    def enrol_host(self, number: int) -> None:
        host = self.hosts[number]
        there = any(other.store.membership().cluster and other is not host for other in self.hosts.values())
        if host.process and there and not host.process.cluster and not host.store.full:
            self.tell(f"peer {number} is enrolled")
            host.peers = True
            host.process.configure()
            host.process.enrol(CLUSTER)

    def leave(self) -> None:
        host = self._someone()
        others = [h for h in self.hosts.values() if h.store.head().cluster and h.peers and h is not host]
        if host.process and others and host.process.cluster and not host.store.full:
            self.tell(f"peer {host.number} leaves")
            host.peers = False
            host.process.configure()

    def edit(self) -> None:
        writable = [h for h in self.hosts.values() if h.process and not h.process.authority.why_not]
        self.edit_on(self.dice.choice(writable) if writable and self.dice.random() < 0.7 else self._someone())

    def edit_on(self, host: Host) -> None:
        """Read now, save a moment later: others may have saved meanwhile."""
        process = host.process
        if process is None:
            return
        self._count += 1
        number, base = self._count, process.authority.head

        def save() -> None:
            document = {**base.document, "edit": number, f"by{host.number}": number}
            self.tell(f"peer {host.number}: edit {number}")
            self._ask(process, primary.Edited(base=base.stamp, document=document, **OPERATOR))

        process.later(self.dice.choice([0.0, 0.0, 0.3]), save)

    def promote(self) -> None:
        self._promote(self._someone())

    def promote_two(self) -> None:
        self._promote(self._someone())
        self._promote(self._someone())

    def rename_primary(self) -> None:
        """The guide's way: enter another primary on each peer, of which some cannot be reached."""
        number = self.dice.choice(list(self.hosts))
        for host in self.hosts.values():
            if host.process and self.dice.random() < 0.8:
                if host.number == number:
                    self._promote(host)
                else:
                    host.named = number
                    host.process.configure()

    def _promote(self, host: Host) -> None:
        if host.process and host.process.cluster:
            self.tell(f"peer {host.number} is promoted")
            host.named = host.number
            host.process.configure()
            self._ask(host.process, primary.Promoted(**OPERATOR))

    def _ask(self, process: Process, event: primary.Event) -> None:
        try:
            process.ask(event)
        except (Moved, NoPrimary) as refusal:
            self.tell(f"  refused: {refusal}")

    # Clients

    def move(self) -> None:
        device = self.dice.choice(self.devices)
        device.at = self.dice.choice(list(self.hosts))
        if self.dice.random() < 0.5:
            device.address = f"198.51.100.{self.dice.randint(1, 3)}:5060;udp"
        self.register(device)

    def refresh(self) -> None:
        self.register(self.dice.choice(self.devices))

    def register(self, device: Device) -> None:
        self.tell(f"{device.name} registers with peer {device.at}")
        self.hosts[device.at].engine.register(device.alias, device.binding())

    def unregister(self) -> None:
        device = self.dice.choice(self.devices)
        self.tell(f"{device.name} leaves peer {device.at}")
        self.hosts[device.at].engine.drop(device.alias, device.name)

    def call(self) -> None:
        self._count += 1
        name = f"call{self._count}"
        ringing = Call(call_id=name, serial=name, tag=name, source="a", destination="b", state="ringing", since_s=0.0)
        engine = self._someone().engine
        engine.call(ringing)
        engine.call(replace(ringing, state="connected"))

    def hang_up(self) -> None:
        for host in self.hosts.values():
            for name in list(host.engine.calls)[:1]:
                host.engine.hang_up(name)

    # Faults

    def crash(self) -> None:
        host = self._someone()
        if host.process:
            takes_all = self.dice.random() < 0.3
            self.tell(f"peer {host.number} crashes" + (", its engine too" if takes_all else ""))
            host.process.crash()
            if takes_all:
                host.engine.forget()

    def start(self) -> None:
        down = [number for number, host in self.hosts.items() if host.process is None]
        if down:
            self.start_host(self.dice.choice(down))

    def start_host(self, number: int) -> None:
        self.tell(f"peer {number} starts")
        host = self.hosts[number]
        host.process = Process(self.world, host)
        host.process.start()

    def lose_engine(self) -> None:
        host = self._someone()
        self.tell(f"the engine of peer {host.number} is restarted")
        host.engine.forget()
        if host.process:
            host.process.look()

    def look(self) -> None:
        host = self._someone()
        if host.process:
            host.process.look()

    def lose_rows(self) -> None:
        host = self._someone()
        if host.process:
            self.tell(f"peer {host.number} loses its store of rows")
            host.process.lose_rows()

    def fill_disk(self) -> None:
        host = self._someone()
        host.store.full = not host.store.full and bool(host.process)
        self.tell(f"the disk of peer {host.number} is " + ("full" if host.store.full else "not full"))

    def cut(self) -> None:
        one, other = self._someone().number, self._someone().number
        if one != other:
            self._cut(one, other)
            if self.dice.random() < 0.6:
                self._cut(other, one)
            self.tell(f"cut {sorted(self.network.cuts)}")

    def _cut(self, source: int, to: int) -> None:
        if (source, to) in self._cut_at:
            return
        at = self._cut_at[source, to] = self.clock.now
        self.network.cuts.add((source, to))
        noticed = lambda: self.checks.hears(to, source) if self._cut_at.get((source, to)) == at else None
        self.clock.later(NOTICED_S, noticed)

    def _mend(self, way: tuple[int, int]) -> None:
        self.network.cuts.discard(way)
        del self._cut_at[way]

    def heal_some(self) -> None:
        for way in sorted(self.network.cuts):
            if self.dice.random() < 0.5:
                self._mend(way)

    def tell(self, what: str) -> None:
        self.story.append(f"{self.clock.now:7.3f} {what}")

    def _someone(self) -> Host:
        return self.dice.choice(list(self.hosts.values()))
