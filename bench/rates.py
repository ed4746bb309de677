"""REGISTER/s and calls/s of one peer of a cluster, against bare Kamailio and against dmq_usrloc, in alternation."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import machine, phones
from bench.cluster import Cluster
from bench.kamailio import natives, pair
from bench.report import Figure, median

REFRESHES = 10  # in scenarios/refresh.xml
USERS = 2000
SEXTET, BARE, DMQ = "sextet", "bare Kamailio", "dmq_usrloc"
ENGINE, DAEMON, STORE, OTHERS = "engine", "sextetd", "nats-server", "other peers"
CALLER, CALLEE, FAR = ("u0", "u0"), ("callee", "u1"), ("far", "u1")
RATE_AIM, COST_AIM, DMQ_AIM = 0.95, 1.5, 1.5
PAIR = "two bare Kamailios"
PAIR_AIM = 0.8  # issue 4
SETTLE_S, QUIET_S = 5.0, 0.1  # how long a system may go on after its load ended, and how often it is looked at
QUIET = 0.15  # processors; three idle peers use some 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is played."""

    rounds: int = 5
    phones: int = 1500
    visits: int = 4  # of each phone in a round, and ten refreshes at each visit
    newcomers: int = 3000
    calls: int = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One of the things compared: where it is reached, and its processes by part."""

    name: str
    address: str
    parts: Mapping[str, Sequence[int]]
    far: str = ""  # where a call through two is answered
    far_engine: Sequence[int] = ()  # what carries it there, counted with the others otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scenario on one system: how many a second, and what each cost in microseconds, by part."""

    rate: float
    cost_us: Mapping[str, float]
    repeated: int
    failed: int
    foreign: float  # processors that were busy with something else


class Rates:
    """The three systems side by side, idle but for the one that is played to."""

    def __init__(self, systems: Sequence[System], directory: Path, network: str, size: Size) -> None:
        self._systems = systems
        self._directory = directory
        self._network = network
        self._size = size

    def registers(self) -> list[Figure]:
        """Measure refreshes of unchanged registrations, then registrations of newcomers."""
        size = self._size
        known = self._users("known", [(f"p{n}", f"u{n % USERS}") for n in range(size.phones)])
        for system in self._systems:
            phones.play("register", system.address, self._phone(7001), known, size.phones, 50)

        def refresh(system: System, number: int) -> tuple[phones.Played, int]:
            visits = size.phones * size.visits
            played = phones.play("refresh", system.address, self._phone(7001), known, visits, 30)
            return played, played.done * REFRESHES

        def newcomers(system: System, number: int) -> tuple[phones.Played, int]:
            aliases = [(f"n{number}-{n}", f"u{n % USERS}") for n in range(size.newcomers)]
            users = self._users("newcomers", aliases)
            played = phones.play("register", system.address, self._phone(7002), users, size.newcomers, 50)
            return played, played.done

        figures = self._compare("registers", "REGISTER (refresh)", refresh)
        return figures + self._compare("registers", "REGISTER (new)", newcomers)

    def calls(self) -> list[Figure]:
        """Measure calls between two phones of one peer, each INVITE challenged."""
        caller, callee = self._users("caller", [CALLER]), self._users("callee", [CALLEE])

        def call(system: System, number: int) -> tuple[phones.Played, int]:
            with phones.answering(system.address, self._phone(7004)):
                played = phones.play("call", system.address, self._phone(7003), caller, self._size.calls, 40)
            return played, played.done

        for system in self._systems:
            phones.play("register", system.address, self._phone(7003), caller, 1, 1)
            phones.play("register", system.address, self._phone(7004), callee, 1, 1)
        return self._compare("calls", "call", call)

    def calls_through_two(self, pair: System) -> list[Figure]:
        """Measure calls from a phone of one peer to one of another, and from one bare Kamailio to another."""
        caller, callee = self._users("caller", [CALLER]), self._users("far", [FAR])
        ours, bare, _ = self._systems
        engines = [*ours.parts[ENGINE], *ours.far_engine]
        others = [pid for pid in ours.parts[OTHERS] if pid not in ours.far_engine]
        systems = [replace(ours, parts={**ours.parts, ENGINE: engines, OTHERS: others}), pair, bare]
        fars = {system.name: system.far or system.address for system in systems}

        def call(system: System, number: int) -> tuple[phones.Played, int]:
            with phones.answering(fars[system.name], self._phone(7006)):
                played = phones.play("call_far", system.address, self._phone(7003), caller, self._size.calls, 40)
            return played, played.done

        for system in systems:
            phones.play("register", system.address, self._phone(7003), caller, 1, 1)
            phones.play("register", fars[system.name], self._phone(7006), callee, 1, 1)
        runs = self._played(systems, call)
        return (
            _rates("through", "call through two", runs)
            + _ratios("through", "call through two", runs, PAIR, PAIR_AIM, None)
            + _ratios("through", "call through two", runs, BARE, None, None)
        )

    def _phone(self, port: int) -> str:
        return f"{self._network}.201:{port}"

    def _users(self, name: str, aliases: Sequence[tuple[str, str]]) -> Path:
        return phones.users_file(self._directory / f"{name}.csv", aliases)

    def _compare(
        self, measure: str, what: str, act: Callable[[System, int], tuple[phones.Played, int]]
    ) -> list[Figure]:
        runs = self._played(self._systems, act)
        against_dmq = DMQ_AIM if measure == "registers" else None
        figures = _rates(measure, what, runs) + _ratios(measure, what, runs, BARE, RATE_AIM, COST_AIM)
        return figures + _ratios(measure, what, runs, DMQ, against_dmq, None)

    def _played(
        self, systems: Sequence[System], act: Callable[[System, int], tuple[phones.Played, int]]
    ) -> dict[str, list[Run]]:
        """Play rounds, each to every system in turn, forwards and backwards; the first one warms up."""
        runs: dict[str, list[Run]] = {system.name: [] for system in systems}
        for number in range(self._size.rounds + 1):
            for system in systems if number % 2 else reversed(systems):
                run = _measured(systems, system, functools.partial(act, system, number))
                if number:
                    runs[system.name].append(run)
        return runs


def _measured(systems: Sequence[System], system: System, act: Callable[[], tuple[phones.Played, int]]) -> Run:
    everything = [pid for each in systems for pids in each.parts.values() for pid in pids]
    parts = {part: machine.processor_s(pids) for part, pids in system.parts.items()}
    ours, busy, began = machine.processor_s(everything) + machine.own_s(), machine.busy_s(), time.monotonic()
    played, units = act()
    _settle([pid for pids in system.parts.values() for pid in pids])
    took = time.monotonic() - began
    busy, ours = machine.busy_s() - busy, machine.processor_s(everything) + machine.own_s() - ours
    cost = {part: (machine.processor_s(pids) - parts[part]) / units * 1e6 for part, pids in system.parts.items()}
    return Run(
        rate=units / played.took_s,
        cost_us=cost,
        repeated=played.repeated,
        failed=played.failed,
        foreign=max(0.0, (busy - ours) / took),
    )


def _settle(pids: Sequence[int]) -> None:
    """Wait until what was reported is told to the other peers too: it belongs to the cost, and to nobody else's run."""
    for _ in range(int(SETTLE_S / QUIET_S)):
        before = machine.processor_s(pids)
        time.sleep(QUIET_S)
        if machine.processor_s(pids) - before < QUIET * QUIET_S:
            return


def _rates(measure: str, what: str, runs: Mapping[str, Sequence[Run]]) -> list[Figure]:
    """Say how many a second each system carried, and what each one cost."""
    figures = []
    for name, mine in runs.items():
        rates, costs = [run.rate for run in mine], [run.cost_us[ENGINE] for run in mine]
        more = ", ".join(
            f"{part} {median([run.cost_us[part] for run in mine]):.0f}" for part in mine[0].cost_us if part != ENGINE
        )
        note = f"µs CPU besides: {more}; " if more else ""
        repeated, failed = sum(run.repeated for run in mine), sum(run.failed for run in mine)
        foreign = median([run.foreign for run in mine])
        note += f"{repeated} sent again, {failed} failed; {foreign:.1f} CPU busy with other work"
        figures += [
            Figure(measure=measure, name=f"{what}/s, {name}", value=median(rates), samples=rates, note=note),
            Figure(measure=measure, name=f"CPU per {what}, {name}", value=median(costs), unit="µs", samples=costs),
        ]
    return figures


def _ratios(
    measure: str, what: str, runs: Mapping[str, Sequence[Run]], baseline: str, rate_aim: float | None,
    cost_aim: float | None,
) -> list[Figure]:  # fmt: skip
    """Compare sextet with a baseline, round by round."""

    def ratio(of: Callable[[Run], float]) -> list[float]:
        return [of(ours) / of(theirs) for ours, theirs in zip(runs[SEXTET], runs[baseline], strict=True)]

    def peer(run: Run) -> float:
        return sum(cost for part, cost in run.cost_us.items() if part != OTHERS)

    given = [
        (f"{what}: rate ÷ {baseline}'s", ratio(lambda run: run.rate), rate_aim, None),
        (f"{what}: engine's CPU ÷ {baseline}'s", ratio(lambda run: run.cost_us[ENGINE]), None, cost_aim),
    ]
    if baseline == BARE:
        given.append((f"{what}: whole peer's CPU ÷ {baseline}'s", ratio(peer), None, None))
    return [
        Figure(
            measure=measure, name=name, value=median(samples), unit="×", samples=samples, at_least=at_least,
            at_most=at_most,
        )
        for name, samples, at_least, at_most in given
    ]  # fmt: skip


@contextlib.contextmanager
def side_by_side(cluster: Cluster, directory: Path, network: str, size: Size) -> Iterator[Rates]:
    """Run the baselines beside the cluster, all of them with the same users, lifetimes and children."""
    credentials = [{"name": f"u{n}", "password": f"secret-u{n}"} for n in range(USERS)]
    cluster.set("protocols.standard_refresh_maximum", 3600)
    cluster.set("credentials", credentials)
    cluster.set("registration.new_per_second", 0)  # what it could take, not what it is told to take
    first, *others = cluster.processes()
    sextet = System(
        name=SEXTET,
        address=cluster.peers[0]["address"],
        far=cluster.peers[1]["address"],
        far_engine=others[0]["kamailio"],
        parts={
            ENGINE: first["kamailio"],
            DAEMON: first["sextetd"],
            STORE: first["nats"],
            OTHERS: [pid for other in others for pids in other.values() for pid in pids],
        },
    )
    with (
        natives([f"{network}.61"], directory, USERS) as bare,
        natives([f"{network}.{n}" for n in (62, 63, 64)], directory, USERS) as dmq,
    ):
        systems = [
            sextet,
            System(name=BARE, address=bare[0].address, parts={ENGINE: bare[0].processes()}),
            System(
                name=DMQ,
                address=dmq[0].address,
                parts={
                    ENGINE: dmq[0].processes(),
                    OTHERS: [pid for other in dmq[1:] for pid in other.processes()],
                },
            ),
        ]
        yield Rates(systems, directory, network, size)


@contextlib.contextmanager
def two_bare(directory: Path, network: str) -> Iterator[System]:
    """Run two bare Kamailios in a row; both are the engine."""
    with pair([f"{network}.{n}" for n in (65, 66)], directory, USERS) as two:
        pids = [pid for one in two for pid in one.processes()]
        yield System(name=PAIR, address=two[0].address, far=two[1].address, parts={ENGINE: pids})
