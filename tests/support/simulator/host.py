"""A machine with what stays on it, and one run of its peer's process: the real Peer with a played outside."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster.configuration.following import Sources
from sextet.cluster.configuration.history import GENESIS, Version, opening
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.configuration.revisions import Membership, StoreDamaged
from sextet.cluster.disk.factory_reset import FOLDER, Arming
from sextet.cluster.disk.lost_vault import LostVault
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.recovery import Caller, Copy, RecoveryFailed
from sextet.cluster.outside import Outside
from sextet.cluster.peer import Peer
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.trust.own_certificate import Seen
from sextet.lab.authority import issue, new_authority
from sextet.model import config
from sextet.model.schema import Refused
from sextet.model.status import Stamp
from tests.support.memory_store import MemoryStore
from tests.support.simulator.engine import Attached, Engine
from tests.support.simulator.loop import Life, Loop
from tests.support.simulator.network import End, Network, Papers
from tests.support.simulator.rows import RowServer
from tests.support.simulator.wire import PlayedFront, Watcher, made_links

WALL_S = 1_700_000_000.0  # what the clocks on the walls show at the beginning
RESTART_S = 0.3  # how long a peer takes from its end to its next start
NUMBERS = range(1, 7)
DOMAIN = "apolo.local"


def ip_of(number: int) -> str:
    return f"10.0.0.{number}"


def name_of(number: int) -> str:
    return f"expc{number}.{DOMAIN}"


@cache
def papers(number: int, kind: str = "good") -> Papers:
    """Issue certificates, once for all days: good, of another name, of a stranger, and expired."""
    now = datetime.now(UTC)
    name = name_of(number) if kind != "another name" else f"other.{DOMAIN}"
    issued = issue(_authority(), [name], now)
    fault = kind if kind in ("untrusted", "expired") else ""
    return Papers(der=issued.certificate.public_bytes(Encoding.DER), key=issued.key_pem, fault=fault)


@cache
def _authority() -> Any:
    return new_authority("Simulated authority", datetime.now(UTC))


class World:
    """Everything that is there for a day."""

    def __init__(self, dice: random.Random, delay_s: float, trouble: float, watcher: Watcher, folder: Path) -> None:
        self.dice = dice
        self.loop = Loop(dice, lambda name: next((h.address for h in self.hosts.values() if h.name == name), ""))
        self.network = Network(self.loop, dice, delay_s, trouble)
        self.watcher = watcher
        self.folder = folder
        self.hosts: dict[int, Host] = {}
        self._clusters = 0

    def at(self, ip: str) -> Host | None:
        return next((host for host in self.hosts.values() if host.address == ip), None)

    def named(self, name: str) -> Host | None:
        return next((host for host in self.hosts.values() if host.name == name), None)

    def new_cluster(self) -> Membership:
        self._clusters += 1  # the same keys each day, since it takes 50 ms to derive one
        return Membership(cluster=f"cluster {self._clusters}", key=b"%032d" % self._clusters)


class WatchedStore(MemoryStore):
    """A disk whose writes are seen."""

    def __init__(self, peer_id: str, host: Host) -> None:
        super().__init__(peer_id, host.wall)
        self._host = host
        self.path = host.folder / "config.db"

    def reopen(self, path: Path | None = None) -> None:
        super().reopen(path)
        self._host.world.watcher.lost_write(self._host.number, self)

    def add(self, version: Version, aside: frozenset[Stamp], membership: Membership | None = None) -> None:
        super().add(version, aside, membership)
        self._host.world.watcher.stored(self._host.number, self, version)


class Host:
    """What is there while the process is not: disk, engine, certificate, clocks."""

    def __init__(self, world: World, number: int) -> None:
        self.number, self.world = number, world
        self.address, self.name = ip_of(number), name_of(number)
        self.papers = papers(number)
        self.engine = Engine()
        self.ends: list[End] = []
        self.front: PlayedFront | None = None
        self.server: RowServer | None = None
        self.process: Process | None = None
        self.ahead_s = 1000.0 * world.dice.random()  # of the monotonic clock
        self.wall_ahead_s = 0.0
        self.folder = world.folder / f"peer{number}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.identities = 0
        self.store = self.new_store()

    def new_store(self) -> MemoryStore:
        """An empty database, with a new identity."""
        self.identities += 1
        return WatchedStore(f"id{self.number}.{self.identities}", self)

    def monotonic(self) -> float:
        return self.world.loop.now + self.ahead_s

    def wall(self) -> float:
        return WALL_S + self.world.loop.now + self.wall_ahead_s

    def start(self) -> None:
        """Start the peer's process, unless it runs."""
        if self.process is None and not self.store.damage:
            if self._reset_is_due():
                self._reset()
            self.process = Process(self)
            self.process.start()

    def kill(self, *, machine: bool) -> None:
        """Kill the process in the middle of whatever it was; with the machine nobody closes its connections."""
        if self.process is None:
            return
        self.process.life.alive = False
        self.process = self.engine.host = self.front = None
        self.server = None
        self.store.crash(keep=self.world.dice.random() < 0.5)
        self.world.watcher.lost_write(self.number, self.store)
        for end in self.ends:
            if machine:
                end.vanish()
            else:
                end.abort()
        self.ends.clear()
        if machine:
            self.engine.forget()

    def recover(self, tell: Callable[[str], None], *, calm: bool = False) -> None:
        """What the degraded peer does where its database cannot be used: fetch a copy from another peer."""
        vault = PlayedVault(self)

        async def recovered() -> str:
            try:
                return await vault.recover()
            except Refused as refused:
                if calm:  # the last resort of the manual
                    await vault.purge()
                    return f"purged, since {refused}"
                raise

        def ended(task: asyncio.Task[Any]) -> None:
            error = task.exception()
            tell(f"peer {self.number}: {error or task.result().partition('what is here')[0][:60]}")
            if error is None:
                self.reopen()
                self.start()
            elif not isinstance(error, Refused):
                self.world.loop.call_exception_handler({"exception": error})

        self.world.loop.start(Life(lambda: None), recovered()).add_done_callback(ended)

    def reopen(self) -> None:
        """Take over the database that recovery wrote."""
        self.world.watcher.given_up(self.store)  # what no other peer has is in the database that was damaged
        self.store.reopen(self.folder / "config.db")

    def _reset_is_due(self) -> bool:
        """What factory_reset.due says, for a store in memory."""
        arming = Arming(self.folder)
        if not (self.folder / FOLDER).exists():
            return False
        arming.settle(config.from_document(self.store.own()).clustering.peers)
        return bool(arming.armed())

    def _reset(self) -> None:
        """What factory_reset.reset leaves."""
        self.world.watcher.given_up(self.store)
        self.store = self.new_store()
        names = {"dns_host_name": f"expc{self.number}", "dns_domain_name": DOMAIN}  # which somebody enters at once
        whole = config.to_document(config.from_document({"system": names}))
        made = {"user": "sextetd", "source": "factory reset", "summary": "Factory reset"}
        first = opening(GENESIS, config.shared_part(whole), cluster="", term=1, author=self.store.peer_id, **made)
        self.store.add(first, frozenset())
        self.store.put_own(config.peer_part(whole), user="", source="", summary="")
        self.store.synced()
        self.engine.forget()
        Arming(self.folder).disarm()


async def always_serves(ip: str, port: int) -> bool:
    """Say that a played engine listens: it outlives its peer."""
    return True


class Process:
    """Lives from a start to a kill, a stop or a restart."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.restarting = False
        self.began = host.monotonic(), host.wall()
        self.started = False
        world, loop = host.world, host.world.loop
        self.life = Life(lambda: host.store.synced())
        outside = Outside(
            store=cast(Any, lambda path: host.store),
            links=lambda **arguments: made_links(world, host, self.life, **arguments),
            probing=cast(Any, NoProbing),
            sources=Sources(
                certificate=lambda **_: cast(Any, PlayedCertificate(host)),
                new_cluster=world.new_cluster,
                serves=always_serves,
            ),
        )
        identity = Identity(
            address=host.address, state_dir=host.folder, run_dir=host.folder,
            certificate=host.folder / "server.pem", private_key=host.folder / "server.key",
            trusted=host.folder / "trusted.pem", cluster_port=4372, engine_user="", version="simulated",
        )  # fmt: skip
        asyncio._set_running_loop(loop)
        self.peer: Peer = self.life.context.copy().run(
            lambda: Peer(identity, Silent(), host.monotonic, self._restart, outside)
        )
        self.engine = Attached(loop, self.life, host.engine, lambda: self.peer.live)

    def start(self) -> None:
        self._do(self._run())

    async def _run(self) -> None:
        names = {"dns_host_name": f"expc{self.host.number}", "dns_domain_name": DOMAIN}
        await self.peer.start([cast(Any, self.engine)], {"system": names})
        self.started = True

    def _restart(self) -> None:
        if not self.restarting:
            self.restarting = True
            self._do(self._end())

    async def _end(self) -> None:
        await self.peer.stop()
        self.host.world.loop.later(0.0, self._ended)

    def _ended(self) -> None:
        if self.host.process is self:
            self.host.kill(machine=False)
            self.host.world.loop.later(RESTART_S, self.host.start)

    def _do(self, work: Any) -> None:
        task = self.host.world.loop.start(self.life, work)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, StoreDamaged):
            self.host.world.loop.call_exception_handler({"exception": error})


class PlayedVault(LostVault):
    """The real way back, over the played network."""

    def __init__(self, host: Host) -> None:
        files = {"certificate": host.folder / "server.pem", "private_key": host.folder / "server.key"}
        files["trusted"] = host.folder / "trusted.pem"
        caller = Caller(address=host.address, **files)
        super().__init__(Paths(state_dir=host.folder, **files), caller, damage=host.store.damage, key_trouble="")
        self._host = host

    async def _fetch(self, number: int) -> Copy:
        assert self._remembered
        here, there = self._host, self._host.world.named(self._remembered.peers[number - 1])
        reaches = self._host.world.network.reaches
        if not there or not (reaches(here.number, there.number) and reaches(there.number, here.number)):
            raise RecoveryFailed(f"peer {number}: no answer")
        if (
            not there.process
            or not there.process.started
            or here.name not in there.process.peer.running.clustering.peers
        ):
            raise RecoveryFailed(f"peer {number}: refused")
        copy = there.process.peer.vault.copy()
        if (
            there.store.membership().key != self._remembered.membership.key
            or copy.version.cluster != self._remembered.membership.cluster
        ):
            raise RecoveryFailed(f"peer {number}: wrong cluster key")
        return copy


class Silent:
    """A journal that nobody reads."""

    def event(self, event: str, /, **fields: str) -> None: ...

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None: ...


class PlayedCertificate:
    """What own_certificate.OwnCertificate says of a certificate in memory."""

    seen = Seen(alarms={})
    alarms: Mapping[Any, str] = {}
    restart_reasons = ()

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def stamps(self) -> object:
        return self._host.papers.der

    def look(self, name: str) -> None: ...


class NoProbing:
    """Nothing is measured."""

    measured = Measured()

    def __init__(self, *arguments: object) -> None: ...

    def age_s(self) -> float:
        return -1.0

    async def run(self) -> None: ...

    async def now(self) -> None: ...

    async def newcomer(self, address: str) -> tuple[str, ...]:
        return ()

    async def answer(self, question: bytes) -> bytes:
        return b""
