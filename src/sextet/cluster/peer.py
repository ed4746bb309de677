"""One running peer: introduces its parts to each other, and answers its administrators (face.Face)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from sextet import journal
from sextet.cluster.acknowledging import NAME as ACKNOWLEDGE
from sextet.cluster.acknowledging import Acknowledging
from sextet.cluster.changing import PUBLISH_S, Changing
from sextet.cluster.configuration import forward, primary
from sextet.cluster.configuration.custody import ROW, Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.following import Following
from sextet.cluster.configuration.forcing import NAME as WHOLE
from sextet.cluster.configuration.forcing import Forcing
from sextet.cluster.configuration.forwarding import Forwarding
from sextet.cluster.configuration.history import GENESIS, Version, from_row
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.configuration.revisions import KEPT_MAX, StoreDamaged, StoreLost
from sextet.cluster.disconnecting import NAME as DISCONNECT
from sextet.cluster.disconnecting import Disconnecting
from sextet.cluster.disk.factory_reset import Arming
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.recovery import listener as recovery_door
from sextet.cluster.disk.vault import RENEW, RunningVault
from sextet.cluster.face import Checked, Outcome, Unregistered
from sextet.cluster.joining import Joining
from sextet.cluster.judgement import LIVE
from sextet.cluster.keeping import keep
from sextet.cluster.lifecycle import Lifecycle
from sextet.cluster.outside import REAL, Outside
from sextet.cluster.rearranging import NAME as PEER_LIST
from sextet.cluster.rearranging import Hands, Rearranging
from sextet.cluster.requirements.probing import NAME as CHECK
from sextet.cluster.requirements.probing import Files
from sextet.cluster.requirements.reports import NAME as CHECKS
from sextet.cluster.requirements.reports import Reports
from sextet.cluster.rows.live import Live
from sextet.cluster.sight import Sight
from sextet.cluster.unregistering import NAME as UNREGISTER
from sextet.cluster.unregistering import Unregistering
from sextet.cluster.wire.asking import Asker, ask_all
from sextet.cluster.wire.enrolment import FirstContact
from sextet.cluster.wire.links import Links
from sextet.cluster.wire.names import Resolved
from sextet.cluster.wire.peer_link import Callbacks
from sextet.ending import end
from sextet.engine import Engine, Journal
from sextet.model import alarms as types
from sextet.model import config
from sextet.model.alarms import AlarmType
from sextet.model.config import Change, Document
from sextet.model.schema import Problem, Refused
from sextet.model.status import Call, Stamp

LOOK_S = 0.03  # after a change the status rows of all peers come within milliseconds: one round looks at them all
RELAY_S = 0.1  # the primary's row reaches everybody within milliseconds; a relay is for those whom it does not reach
BEAT_S = 1.0  # the status row goes out this often: ages are reckoned from it
TOPICS_S = 0.25  # pages are told at most four times a second

_log = logging.getLogger("sextet.cluster")
T = TypeVar("T")


class Peer(Sight):
    """A running peer; `restart` ends it and starts it again."""

    def __init__(
        self, identity: Identity, log: Journal, clock: Callable[[], float], restart: Callable[[], None],
        outside: Outside = REAL,
    ) -> None:  # fmt: skip
        self._journal = log
        self._restart = restart
        self._wake = asyncio.Event()
        self._listeners: set[asyncio.Queue[str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._doing: set[asyncio.Task[Any]] = set()  # what administrators asked for
        self._store = outside.store(identity.state_dir / "config.db")
        self._custody = Custody(self._store, log, clock, identity.version)
        self._editor = Editor(self._store, self._custody, lambda question: self._forwarding.ask_primary(question))
        self._links = self._made_links(outside.links, identity)
        self._asker = Asker(self._links.link)
        self.live = Live(self._links.own, log, clock, self._changed)
        self._following = Following(
            identity, self._custody, self._editor, self._links, self.live, log, clock, outside.sources
        )
        self.vault = RunningVault(
            paths=Paths.of(identity),
            store=self._store,
            custody=self._custody,
            editor=self._editor,
            where=self._where,
            others=self._ask_others,
            alarms=self.live.alarms,
            journal=log,
            clock=clock,
        )
        evidence = self._following.evidence
        self._probing = outside.probing(Files.of(identity), evidence, self._links, self.live.alarms, clock)
        self._reports = Reports(self._probing, self._asker.ask, evidence, clock)
        follows = self._following
        self._forwarding = Forwarding(self.ask, follows.named_primary, follows.why_apart, identity.version)
        self._acknowledging = Acknowledging(self.live.alarms, self.ask)
        self._disconnecting = Disconnecting(lambda: self.live.engines, lambda: self._following.number, self.ask)
        self._unregistering = Unregistering(lambda: self.live.engines, lambda: self._following.number, self.ask)
        self._forcing = Forcing(self._custody, self._following.leader, self.ask, log)
        self.lifecycle = Lifecycle(
            self._forcing, self._following, self.live.alarms, log, self._whole, Arming(identity.state_dir)
        )
        self._changing = Changing(
            self._custody, self._editor, self._following, self.lifecycle, self.live.alarms, self._changed, self._spawn
        )
        self.rearranging = Rearranging(self._hands(), log, self._whole)
        self._applied = GENESIS
        self._read: tuple[bytes, Version] = b"", GENESIS  # all peers relay the same bytes
        self._relaying: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    def _made_links(self, make: Callable[..., Links], identity: Identity) -> Links:
        door = recovery_door(identity.address, identity.recovery_port, self._journal, lambda: self.vault.copy())
        return make(
            address=identity.address,
            port=identity.cluster_port,
            name=identity.address,
            run_dir=identity.run_dir,
            user=identity.engine_user or None,
            journal=self._journal,
            enrolment=self._first_contact(),
            callbacks=Callbacks(row=self._row, state=self._state, differs=self._differs),
            trouble=self._trouble,
            recovery=door,
        )

    def _first_contact(self) -> FirstContact:
        joining = Joining(self._custody, lambda: self._following, self._journal, self._spawn, self._wake.set)
        return FirstContact(lambda: self._following.facts(), joining.grant, joining.bind, joining.take)

    def _hands(self) -> Hands:
        return Hands(
            evidence=self._following.evidence,
            resolve=lambda name: self._following.resolver().resolve(name),
            unmet=self._probing.newcomer,
            ask=self.ask,
            store=self._changing.store_soon,
            change=self.change,
            forget=self._custody.unpin,
            open_window=self._following.open_window,
            alarms=self.live.alarms.raised,
        )

    async def start(self, engines: Sequence[Engine], initial: Document) -> None:
        """Serve from the own copy, whoever else is there. Raises EngineError, Refused and StoreLost."""
        self.live.engines = self._following.leading.engines = engines
        await self._links.start()
        self.answer(forward.NAME, self._forwarding.answering(self._editor))
        serve = self._links.own.serve  # what is asked each minute is nothing to log
        serve(CHECK, self._probing.answer), serve(CHECKS, self._reports.answer), serve(RENEW, self.vault.asked_to_renew)
        self.answer(WHOLE, self._forcing.answer)
        self.answer(PEER_LIST, self.rearranging.answer)
        self.answer(ACKNOWLEDGE, self._acknowledging.answer)
        self.answer(DISCONNECT, self._disconnecting.answer)
        self.answer(UNREGISTER, self._unregistering.answer)
        await self._custody.start(self)
        await self._editor.load(initial)
        await self._following.start([(kept.age_s, kept.document) for kept in self._store.own_history()])
        self._spawn(keep(self._follow))
        self._spawn(self._read_history())
        self._spawn(self._probing.run())
        for run in (self._beat, self.vault.run, self._reports.run):
            self._spawn(keep(run))

    async def stop(self) -> None:
        """Let go of everything but the engines, which are stopped by who made them."""
        await end((*self._tasks, *self._doing))
        for timer in (self._relaying, self._looking):
            if timer is not None:
                timer.cancel()
        await self._links.stop()
        await end(self._tasks)  # of rows that came until then
        self._store.close()

    # What administrators ask

    async def unregister(self, devices: Collection[tuple[str, str]], user: str) -> Unregistered:
        reason = f"Removed by the administrator {user} at {self.host_name}"
        return await self._unregistering.end(self.registrations(), self._following.names(), devices, reason)

    async def disconnect(self, tag: str, user: str) -> Call:
        return await self._disconnecting.end(self.calls(), tag, user)

    async def test_zone(self, name: str) -> None:
        await self.live.test_zone(name, self.saved)

    async def check(self) -> Checked:
        return await self._reports.check()

    async def change(
        self,
        changes: Sequence[Change],
        *,
        user: str,
        source: str,
        expected: Stamp | None = None,
        dry_run: bool = False,
    ) -> Outcome:
        changing = self._changing.change(changes, user=user, source=source, expected=expected, dry_run=dry_run)
        return await self._whole(changing)

    async def promote(self, *, user: str, source: str, dry_run: bool = False) -> Outcome:
        if not self._following.number:
            sentence = "This system is not in its own peer list; add it on System > Clustering first."
            raise Refused(Problem("clustering.configuration_primary", sentence))
        change = Change("set", "clustering.configuration_primary", self._following.number)
        return await self.change([change], user=user, source=source, dry_run=dry_run)

    async def restart(self, *, user: str, source: str) -> None:
        self._restart()

    async def acknowledge(self, alarm: AlarmType, key: str, who: Mapping[str, str], number: int) -> None:
        here = number == self._following.number
        await self._acknowledging.note(alarm, key, who, 0 if here else number)

    async def dismiss(self, stamp: Stamp) -> None:
        """List an edit that was set aside no more."""
        await self._whole(self._changing.dismiss(stamp))

    async def _whole(self, work: Coroutine[None, None, T]) -> T:
        """Bring to its end what was begun, on disk and in memory, although who asked for it may go away."""
        doing = asyncio.create_task(work)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        return await asyncio.shield(doing)

    async def look_again(self) -> None:
        """Follow files that were changed, such as a new certificate, now rather than within a second."""
        await self._following.once()

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        """Ask another peer something. Raises CallFailed."""
        journal.message_sent(self._journal, self._following.names().get(number, str(number)), name, len(question))
        return await self._asker.ask(number, name, question, limit_s)

    def answer(self, name: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer what other peers ask under this name."""

        async def heard(question: bytes) -> bytes:
            journal.message_received(self._journal, name, len(question))
            return await handler(question)

        self._links.own.serve(name, heard)

    async def changes(self) -> AsyncIterator[frozenset[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                topics = {await queue.get()}
                await asyncio.sleep(TOPICS_S)
                while not queue.empty():
                    topics.add(queue.get_nowait())
                yield frozenset(topics)
        finally:
            self._listeners.discard(queue)

    def cut(self, number: int, *, healed: bool = False) -> None:
        """Let nothing through to and from a peer, without closing anything: what a cut network looks like (lab)."""
        if healed:
            self._links.unblock(number)
        else:
            self._links.block(number)

    def let_pass(self, hours: float) -> None:
        """Let the peers that cannot be heard be lost for so many hours more (lab)."""
        self._following.let_pass(hours)

    # What custody tells (custody.Follower)

    def show(self, key: str, value: bytes) -> None:
        if self._relaying is not None:
            self._relaying.cancel()
        if self._custody.authority.state is primary.State.PRIMARY:
            self._links.own.put(key, value)
        else:
            self._relaying = asyncio.get_running_loop().call_later(RELAY_S, self._links.own.put, key, value)

    def apply(self, version: Version) -> None:
        before, self._applied = self._applied, version
        if before is not GENESIS:
            self._following.telling.shared(config.differences(before.document, version.document))
        self._changed("config")
        self._wake.set()

    # What links tell (peer_link.Callbacks)

    def _row(self, number: int, key: str, value: bytes | None) -> None:
        if key == ROW:
            if value is not None:
                self._spawn(self._see(number, value))
            return
        if self.live.row(number, key, value) and key == "peer" and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _state(self, number: int, state: str, reason: str) -> None:
        name = self._following.names().get(number, str(number))
        self._following.telling.link(name, state, reason)
        if state == LIVE:
            self.live.alarms.set(types.MIRROR_REPAIRED, str(number), False)  # the copy was fetched again
        self.live.reachable(number, state == LIVE)
        self._asker.turned()
        self._wake.set()

    def _differs(self, number: int, sentence: str) -> None:
        self.live.alarms.set(types.MIRROR_REPAIRED, str(number), True, sentence)

    def _trouble(self, sentence: str) -> None:
        self.live.engine_state("nats-server", sentence)

    # Work

    def _look(self) -> None:
        self._looking = None
        self._wake.set()

    async def _see(self, number: int, value: bytes) -> None:
        try:
            if self._read[0] != value:
                self._read = value, from_row(value)
            version = self._read[1]
        except ValueError as error:
            _log.warning("peer %s: its configuration cannot be read: %s", number, error)
            if number == self._following.leader()[0]:
                self._following.unreadable = f"What the primary shows as its configuration cannot be read: {error}."
            return
        if version.software != self._custody.software:
            return  # alarm 20008 says so; it comes again when that peer, or this one, was upgraded
        if number == self._following.leader()[0]:
            self._following.unreadable = ""
        held = self._custody.head
        await self._custody.receive(primary.Seen(self._following.names().get(number, str(number)), version))
        if self._custody.head is not held:
            await self._editor.moved()

    def _where(self) -> dict[str, object]:
        """Where this peer and the others are: what recovery must know."""
        running = self._following.running
        answers = {link.peer: self._links.resolved(n) for n, link in self._following.links().items()}
        return {
            "number": self._following.number,
            "primary": running.configuration_primary,
            "peers": running.peers,
            "enforce": running.tls_verification_mode == "Enforce",
            "addresses": {name: a.ip for name, a in answers.items() if isinstance(a, Resolved)},
        }

    async def _ask_others(self, name: str, question: bytes) -> dict[str, str]:
        others = {number: self._following.names()[number] for number in self._following.links()}
        return await ask_all(self._links.link, others, name, question, forward.LIMIT_S)

    async def _follow(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        await asyncio.sleep(PUBLISH_S)
        await self._following.once()

    async def _read_history(self) -> None:
        """Have the history read before somebody looks at it: in the event loop it would stop the heartbeats."""
        with contextlib.suppress(StoreLost, StoreDamaged):  # who looks at it will see why
            await asyncio.to_thread(self._store.headings, KEPT_MAX)

    async def _beat(self) -> None:
        await asyncio.sleep(BEAT_S)
        self._wake.set()
        await self._custody.tick()
        self._following.beat()

    def _changed(self, topic: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(topic)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "peer: our error", "exception": error})
