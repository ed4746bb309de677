"""What goes wrong on a bad day, and what people and devices do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sextet.model.config import Change
from sextet.model.status import Call
from tests.support.simulator.checks import Checks
from tests.support.simulator.engine import Device
from tests.support.simulator.host import Host, World, papers
from tests.support.simulator.operators import Operators

BETWEEN_S = 0.18  # the mean time between two of them
NOTICED_S = 1.6  # a silent cut is noticed in 1.5 s; and what was on its way when it was cut
PAPERS = ("another name", "untrusted", "expired")
STEPS_S = (3600.0, -3600.0, 120.0)  # of clocks on the wall


class Troubles:
    """One thing after the other, by the dice, until the day is to end well."""

    def __init__(self, world: World, checks: Checks, operators: Operators, tell: Callable[[str], None]) -> None:
        self._world, self._checks, self._operators, self.tell = world, checks, operators, tell
        self._dice = world.dice
        numbers = list(world.hosts)
        self.devices = [
            Device(f"device{n}", f"user{n % 3}", self._dice.choice(numbers)) for n in range(self._dice.randint(1, 5))
        ]
        self._calls = 0
        self._healed = False
        self._cut_at: dict[tuple[int, int], float] = {}
        self._happenings: list[tuple[int, Callable[[], None]]] = [
            (24, self._edit), (7, self._join), (5, self._remove), (5, self._promote), (2, self._promote_two),
            (4, self._tls), (3, self._take_effect), (5, self._restart), (2, self._force), (2, self._restore),
            (2, self._mistake), (2, self._waver), (2, self._come_late), (2, self._damage), (2, self._recover),
            (2, self._step_clock), (3, self._spoil_papers),
            (14, self._move), (10, self._refresh), (4, self._unregister), (8, self._call), (6, self._hang_up),
            (6, self._crash), (3, self._lose_power), (14, self._start), (2, self._lose_engine), (3, self._look),
            (3, self._lose_rows), (3, self._fill_disk), (8, self._cut), (12, self._heal_some),
        ]  # fmt: skip

    def begin(self) -> None:
        """Start every peer alone; the first is to become a cluster, which most of the others join."""
        for host in self._world.hosts.values():
            host.start()
            if self._dice.random() < 0.3:
                self._later(0.5, lambda host=host: self._operators.edit(host))  # type: ignore[misc]
        self._later(0.6, lambda: self._operators.type_list(self._world.hosts[1]))
        for _ in range(len(self._world.hosts) - 1):
            if self._dice.random() < 0.8:
                self._later(0.8 + self._dice.random(), self._join)
        self._later(2.0, self._next)

    def heal(self) -> None:
        """Let nothing go wrong any more, and have people repair what is left."""
        self._healed = True
        self._world.network.calm = True
        for way in sorted(self._world.network.cuts):
            self._mend(way)
        for host in self._world.hosts.values():
            host.store.full = False
            host.papers = papers(host.number)
            host.start()
        self._operators.repair()

    def register(self, device: Device) -> None:
        """Register where the device believes to be at home."""
        self.tell(f"{device.name} registers with peer {device.at}")
        self._world.hosts[device.at].engine.register(device.alias, device.binding())

    def _next(self) -> None:
        if not self._healed:
            weights = [weight for weight, _ in self._happenings]
            (_, happening), *_ = self._dice.choices(self._happenings, weights)
            happening()
            self._later(self._dice.expovariate(1 / BETWEEN_S), self._next)

    def _later(self, delay_s: float, deed: Callable[[], None]) -> None:
        self._world.loop.later(delay_s, lambda: None if self._healed else deed())

    # Administrators

    def _edit(self) -> None:
        primary = self._world.hosts[self._operators.primary]
        self._operators.edit(primary if self._dice.random() < 0.6 else self._someone())

    def _join(self) -> None:
        alone = [n for n in self._world.hosts if self._operators.is_alone(self._world.hosts[n])]
        newcomers = [number for number in alone if number not in self._operators.plan]
        if newcomers:
            number = self._dice.choice(newcomers)
            self._operators.plan.append(number)
            self.tell(f"peer {number} is to join: {self._operators.plan}")
            self._type_lists()

    def _mistake(self) -> None:
        """Somebody enters the list on a newcomer, and names the newcomer itself as the primary."""
        alone = [n for n in self._world.hosts if self._operators.is_alone(self._world.hosts[n])]
        newcomers = [number for number in alone if number not in self._operators.plan]
        if newcomers:
            number = self._dice.choice(newcomers)
            self._operators.plan.append(number)
            self.tell(f"peer {number} is to join, and names itself")
            self._operators.type_list(self._world.hosts[number], primary=number)
            self._type_lists()

    def _waver(self) -> None:
        """Somebody clears the list of a member, and thinks better of it; meanwhile it stands alone."""
        host = self._someone()
        if host.number in self._operators.plan and host.number != self._operators.primary:
            self._operators.clear_list(host)
            self._later(self._dice.random(), lambda: self._operators.edit(host))
            if self._dice.random() < 0.4:  # it is reset, and comes with another certificate
                self._later(0.2, lambda: self._operators.restart(host))
                self._later(0.3, lambda: self._spoil(host))
            self._later(1 + self._dice.random(), lambda: self._operators.type_list(host))

    def _come_late(self) -> None:
        """A newcomer's own list is entered an hour after the primary's, by the primary's clock."""
        alone = [n for n in self._world.hosts if self._operators.is_alone(self._world.hosts[n])]
        newcomers = [number for number in alone if number not in self._operators.plan]
        primary = self._world.hosts[self._operators.primary]
        if newcomers and self._operators.running(primary):
            number = self._dice.choice(newcomers)
            self._operators.plan.append(number)
            self.tell(f"peer {number} is to join late")
            self._operators.type_list(primary)
            self._later(0.3, lambda: self._hour_passes(primary))
            self._later(1.5, lambda: self._operators.type_list(self._world.hosts[number]))

    def _hour_passes(self, host: Host) -> None:
        self.tell(f"an hour passes on the wall of peer {host.number}, which is restarted")
        host.wall_ahead_s += 3600.0
        host.kill(machine=False)
        host.start()

    def _remove(self) -> None:
        plan = self._operators.plan
        victims = [number for number in plan if number != self._operators.primary]
        if len(plan) < 3 or not victims:
            return
        victim = self._dice.choice(victims)
        plan.remove(victim)
        self.tell(f"peer {victim} is removed: {plan}")
        self._type_lists()
        host = self._world.hosts[victim]
        if self._dice.random() < 0.6:
            self._later(2 * self._dice.random(), lambda: self._operators.clear_list(host))
            if self._dice.random() < 0.7:
                self._later(3 + self._dice.random(), lambda: self._operators.restart(host))

    def _type_lists(self) -> None:
        """On one peer after the other, in any order, as people do; one may be forgotten."""
        plan = list(self._operators.plan)
        for number in self._dice.sample(plan, len(plan)):
            if self._dice.random() < 0.9:
                host = self._world.hosts[number]
                typed_s = 3 * self._dice.random()
                self._later(typed_s, lambda host=host: self._operators.type_list(host))  # type: ignore[misc]
                if not host.store.membership().cluster and self._dice.random() < 0.15:  # while the key is on its way
                    cleared_s = typed_s + 0.3 * self._dice.random()
                    self._later(cleared_s, lambda host=host: self._operators.clear_list(host))  # type: ignore[misc]

    def _promote(self) -> None:
        if self._name(self._dice.choice(self._operators.plan)):
            for number in self._operators.plan:
                if self._dice.random() < 0.8:
                    host, primary = self._world.hosts[number], self._operators.primary
                    naming = lambda host=host, primary=primary: self._operators.name_primary(host, primary)
                    self._later(2 * self._dice.random(), naming)

    def _promote_two(self) -> None:
        """Two administrators who do not know of each other; the second is right in the end."""
        if len(self._operators.plan) > 1:
            for number in self._dice.sample(self._operators.plan, 2):
                self._name(number)

    def _name(self, number: int) -> bool:
        """Make this the primary: one that is in the cluster, since any other would begin a new one."""
        host, before = self._world.hosts[number], self._world.hosts[self._operators.primary]
        cluster = before.store.membership().cluster
        if not cluster or host.store.head().cluster != cluster or host.store.membership().cluster != cluster:
            return False
        if not self._operators.running(host) or host.name not in self._operators.list_of(host):
            return False
        self.tell(f"peer {number} is to be the primary")
        self._operators.primary = number
        self._operators.name_primary(host, number)
        return True

    def _tls(self) -> None:
        self._set("clustering.tls_verification_mode", self._dice.choice(["Permissive", "Enforce"]))

    def _take_effect(self) -> None:
        self._set("clustering.changes_take_effect", self._dice.choice(["At once", "At once", "At restart"]))

    def _set(self, path: str, value: str) -> None:
        host = self._world.hosts[self._operators.primary]
        self._operators.change(host, [Change("set", path, value)], f"{path} is to be {value}")

    def _restart(self) -> None:
        self._operators.restart(self._someone())

    def _force(self) -> None:
        self._operators.force(self._someone())

    def _restore(self) -> None:
        self._operators.restore(self._someone())

    def _recover(self) -> None:
        self._operators.recover(self._someone())

    # Clients

    def _move(self) -> None:
        device = self._dice.choice(self.devices)
        device.at = self._dice.choice(list(self._world.hosts))
        if self._dice.random() < 0.5:
            device.address = f"198.51.100.{self._dice.randint(1, 3)}:5060;udp"
        self.register(device)

    def _refresh(self) -> None:
        self.register(self._dice.choice(self.devices))

    def _unregister(self) -> None:
        device = self._dice.choice(self.devices)
        self.tell(f"{device.name} leaves peer {device.at}")
        self._world.hosts[device.at].engine.drop(device.alias, device.name)

    def _call(self) -> None:
        self._calls += 1
        name = f"call{self._calls}"
        ringing = Call(call_id=name, serial=name, tag=name, source="a", destination="b", state="ringing", since_s=0.0)
        engine = self._someone().engine
        engine.call(ringing)
        engine.call(replace(ringing, state="connected"))

    def _hang_up(self) -> None:
        for host in self._world.hosts.values():
            for name in list(host.engine.calls)[:1]:
                host.engine.hang_up(name)

    # Faults

    def _crash(self) -> None:
        host = self._someone()
        if host.process:
            self.tell(f"peer {host.number} is killed")
            host.kill(machine=False)

    def _lose_power(self) -> None:
        host = self._someone()
        if host.process:
            self.tell(f"the machine of peer {host.number} loses its power")
            host.kill(machine=True)

    def _start(self) -> None:
        down = [host for host in self._world.hosts.values() if host.process is None]
        if down:
            host = self._dice.choice(down)
            self.tell(f"peer {host.number} starts")
            host.start()

    def _lose_engine(self) -> None:
        host = self._someone()
        self.tell(f"the engine of peer {host.number} is restarted")
        host.engine.forget()
        self._picture(host)

    def _look(self) -> None:
        self._picture(self._someone())

    def _picture(self, host: Host) -> None:
        if host.process and host.process.started:
            host.process.engine.look()

    def _lose_rows(self) -> None:
        host = self._someone()
        if host.server and host.server.alive:
            self.tell(f"the store of rows of peer {host.number} is killed")
            host.server.kill()

    def _fill_disk(self) -> None:
        host = self._someone()
        host.store.full = not host.store.full and bool(host.process)
        self.tell(f"the disk of peer {host.number} is " + ("full" if host.store.full else "not full"))

    def _damage(self) -> None:
        host = self._someone()
        if host.number != self._operators.primary and host.store.membership().cluster:
            self.tell(f"the database of peer {host.number} is damaged")
            host.store.damage = "the database is damaged"

    def _step_clock(self) -> None:
        host, step_s = self._someone(), self._dice.choice(STEPS_S)
        self.tell(f"the clock on the wall of peer {host.number} is set by {step_s:g} s")
        host.wall_ahead_s += step_s

    def _spoil_papers(self) -> None:
        self._spoil(self._someone())

    def _spoil(self, host: Host) -> None:
        kind = self._dice.choice(PAPERS) if host.papers == papers(host.number) else "good"
        self.tell(f"the certificate of peer {host.number} is now: {kind}")
        host.papers = papers(host.number, kind)

    def _cut(self) -> None:
        one, other = self._someone().number, self._someone().number
        if one != other:
            self._cut_way(one, other)
            if self._dice.random() < 0.6:
                self._cut_way(other, one)
            self.tell(f"cut {sorted(self._world.network.cuts)}")

    def _cut_way(self, source: int, to: int) -> None:
        if (source, to) in self._cut_at:
            return
        at = self._cut_at[source, to] = self._world.loop.now
        self._world.network.cuts.add((source, to))
        noticed = lambda: self._checks.hears(to, source) if self._cut_at.get((source, to)) == at else None
        self._world.loop.later(NOTICED_S, noticed)

    def _mend(self, way: tuple[int, int]) -> None:
        self._world.network.cuts.discard(way)
        del self._cut_at[way]

    def _heal_some(self) -> None:
        for way in sorted(self._world.network.cuts):
            if self._dice.random() < 0.5:
                self._mend(way)

    def _someone(self) -> Host:
        return self._dice.choice(list(self._world.hosts.values()))
