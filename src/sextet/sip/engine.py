"""Kamailio as an engine: follows a Wanted, tells its Host, and outlives the process it is called from.

How it works. Files are rendered, then Kamailio is started, or the one that still runs is adopted. Its workers report
over `events.sock`; what they reported before we listened, or could not send, is read whole through the agent (a
picture). One task, the keeper, looks every second whether all is well and does what has to be done again: a lost
Kamailio, an owner list, a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sextet.call.table import TableError
from sextet.call.zones import NO_NAMES
from sextet.ending import end
from sextet.engine import EngineError, Flows, Host, Journal, Picture, Searches, Shared, Wanted
from sextet.sip import ports, process, rendering
from sextet.sip.agent_line import AgentLine
from sextet.sip.counting import Counting
from sextet.sip.directory import Directory
from sextet.sip.events import Event
from sextet.sip.feeding import Feed
from sextet.sip.guests import Guests
from sextet.sip.hanging_up import HangingUp
from sextet.sip.kemi import instructions as told
from sextet.sip.kemi.agent import SOCKET as AGENT_SOCKET
from sextet.sip.kemi.agent import USERS_FILE
from sextet.sip.kemi.script import EVENTS_SOCKET
from sextet.sip.listener import Listener
from sextet.sip.message_log import MessageLog
from sextet.sip.orders import Orders
from sextet.sip.policy_services import PolicyServices
from sextet.sip.process import Process
from sextet.sip.resolver import Resolver, asked_for
from sextet.sip.retelling import Retelling
from sextet.sip.rpc import SOCKET as RPC_SOCKET
from sextet.sip.rpc import command
from sextet.sip.run_dir import (
    Account,
    account_of,
    code_digest,
    install_code,
    prepare,
    secret_of,
    tls_files,
    write_private,
)
from sextet.sip.tables import Tables
from sextet.sip.wording import chain_of
from sextet.sip.zone_answers import ZoneAnswers
from sextet.sip.zone_watch import ZoneWatch

SERVES_S = 15.0  # until a Kamailio that was started must answer; it needs 0.3 s, on a busy machine some seconds
AGAIN_S = (0.3, 1.0, 3.0, 10.0)  # before a Kamailio that ended is started again; longer where it ends at once each time
STABLE_S = 10.0  # a Kamailio that ran this long did not end at once
KEEP_S = 1.0
LOOK_S = 0.9  # a round that nobody asked for comes after KEEP_S, more or less
RESOLVE_S = 60.0  # how often names of neighbour zones are looked up
PACKAGE = Path(__file__).resolve().parent.parent


class SipEngine:
    """The engine named "sip" (engine.Engine)."""

    name = "sip"

    def __init__(
        self, run_dir: Path, host: Host, journal: Journal, user: str | None = None, searches: Searches | None = None
    ) -> None:
        self._run_dir = run_dir.absolute()
        self._host = host
        self._user = user
        self.tables = Tables()
        self._account: Account | None = None
        self._wanted: Wanted | None = None
        self._process: Process | None = None
        self._line = AgentLine(self._run_dir)
        self._orders = Orders()
        self._feed = Feed(self._line, self._orders, host.used)
        self._hanging_up = HangingUp(self._run_dir, self._line)
        self._messages = MessageLog(self._run_dir, self._line, journal)
        self._listener = Listener(self._run_dir / EVENTS_SOCKET, host_events=self._heard)
        self._keepers: tuple[asyncio.Task[None], ...] = ()
        self._wake = asyncio.Event()
        self._changing = asyncio.Lock()  # start, apply, stop and starting again: one at a time
        self._zones = ZoneWatch(host)
        self._looked_at = 0.0
        self._resolver = Resolver(time.monotonic)
        self._resolved, self._resolved_at = NO_NAMES, 0.0
        services = PolicyServices(self._resolver, self._zones.take_services, host.policy_trouble)
        directory = Directory(self._resolver, self._zones.take_directory)
        self._answers = ZoneAnswers(self._resolver, self._line, services, directory, self._zones.take_named)
        self._retelling = Retelling(
            host, journal, searches, self._orders, self._zones, self._answers, self._hanging_up.reason
        )
        self._failures = 0
        self._started_at = 0.0
        self._counting = Counting(journal)
        self._guests = Guests(self._line, host.gone)
        self._code = ""  # digest of what its workers run
        self._untold = False  # whether files were written that Kamailio has not been told to read
        self._uncertified = False  # and certificates among them
        self._sentence: str | None = None  # what the host was told last
        self._conflict = ""  # which port it was told that it cannot have

    async def start(self, wanted: Wanted) -> None:
        """Start Kamailio, or adopt the one left running here; returns when it serves. Raises EngineError."""
        async with self._changing:
            self._wanted = wanted
            if not rendering.listeners(wanted):
                return
            self._account = account_of(self._user)
            prepare(self._run_dir, self._account)
            await self._resolve(wanted)
            self._write(wanted)
            self._code = code_digest(PACKAGE)
            self._listener.open(self._account)  # before there are workers: what they cannot tell is lost
            adopted = await self._adopted(wanted)
            if not adopted:
                # Once: whatever is installed while this process runs, workers started again must understand it.
                install_code(PACKAGE, self._run_dir)
                await self._launch(wanted)
            self._feed.begin(owners=not adopted)  # one that kept running knows owners from before, until we know better
            await self._follow(wanted)
            await self._feed.now()
            await self._picture()
            self._keepers = tuple(asyncio.create_task(each) for each in (self._keep(), self._feed.run()))
            self._say("")

    async def apply(self, wanted: Wanted) -> tuple[str, ...]:
        """Follow; gives the settings that wait for the next start. Raises EngineError and keeps the old state."""
        async with self._changing:
            assert self._wanted is not None, "apply before start"
            if wanted.generation < self._wanted.generation:
                return ()
            if self._process is None:
                waiting = bool(rendering.listeners(wanted))
                self._wanted = wanted
                return ("protocols.sip_mode",) if waiting and not self._keepers else ()
            if asked_for(wanted.config) != asked_for(self._wanted.config):
                await self._resolve(wanted)
            self._write(wanted)
            self._wanted = wanted
            if self._process.running and not await self._begun_anew(wanted):
                await self._follow(wanted)
            wants, runs = rendering.at_restart(wanted.config), self._process.record.settings
            return tuple(path for path, value in wants.items() if runs.get(path) != value)

    def log_messages(self, wanted: bool) -> None:
        """Write every SIP message into the journal, or none (log level 4)."""
        self._messages.wanted = wanted
        self._wake.set()

    def locate(
        self, owners: Mapping[str, Sequence[int]], complete: bool = False, flows: Mapping[str, Flows] | None = None
    ) -> None:
        """Learn which other peers have devices of an alias (none = it is known nowhere else)."""
        self._feed.locate(owners, complete, flows)

    def share(self, views: Mapping[str, Shared], sharers: int, complete: bool = False) -> None:
        """Learn what is used elsewhere, and how many peers hand out bandwidth; reported back as used."""
        self._feed.share(views, sharers, complete)

    def release(self, alias: str, device: str) -> None:
        """Drop this peer's binding of a device; reported back like any change."""
        self._feed.release(alias, device)

    async def unregister(self, alias: str, device: str, reason: str) -> None:
        """See engine.Engine."""
        if not await self._line.release(alias, device, reason):
            raise EngineError("it is not registered there any more")

    async def disconnect(self, call_id: str, reason: str) -> None:
        """See engine.Engine."""
        await self._hanging_up.end(call_id, reason)

    async def test_zone(self, name: str) -> None:
        """Ask all addresses of a zone now; what they answer is told like any change. Raises EngineError."""
        await self._line.ping(name)

    async def stop(self, *, leave_running: bool = False) -> None:
        """Stop, ending its calls; `leave_running` only lets go of it."""
        keepers, self._keepers = self._keepers, ()
        await end(keepers)  # before the lock, which one may hold while it waits to start Kamailio again
        async with self._changing:
            self._line.close()
            self._listener.close()
            self._zones.stop()
            self._answers.stop()
            if self._process is not None:
                if leave_running:
                    self._process.let_go()
                else:
                    await self._process.end()
                self._process = None

    def _write(self, wanted: Wanted) -> None:
        """Write what can change while Kamailio runs; raises EngineError."""
        try:
            instructions = rendering.instructions(wanted, secret_of(self._run_dir), self._resolved)
            text = told.to_text(instructions)
            self.tables.remember(wanted, self._resolved, instructions.table)
            self._zones.follow(wanted, self._resolved, self._resolver.failures)
            self._answers.follow(wanted)
            self._untold = True
            for name, data in tls_files(self._run_dir, wanted).items():
                self._uncertified |= write_private(self._run_dir / name, data, self._account)
            users = told.users_text(rendering.users(wanted))
            write_private(self._run_dir / USERS_FILE, users, self._account)
            write_private(self._run_dir / told.FILE, text, self._account)
        except TableError as error:
            raise EngineError("making the search table from the configuration") from error
        except OSError as error:
            raise EngineError(f"writing what Kamailio reads, in {self._run_dir}") from error

    async def _follow(self, wanted: Wanted) -> None:
        """Have Kamailio read what was written; raises EngineError, and then it is still to be told."""
        await self._line.follow()
        if self._uncertified and rendering.has_tls(wanted):
            await command(self._run_dir, "tls.reload")
        self._untold = self._uncertified = False

    async def _adopted(self, wanted: Wanted) -> bool:
        """Take over a Kamailio that still runs with this code at this address; end one that runs with another."""
        old = process.found(self._run_dir)
        if old is None:
            return False
        if old.record.code == self._code and old.record.address == wanted.address:
            self._process = old
            self._process.watch(self._ended)
            self._started_at = asyncio.get_running_loop().time()
            return True
        await old.end()
        return False

    async def _launch(self, wanted: Wanted) -> None:
        """Start Kamailio and wait until its agent answers; raises EngineError."""
        process.binary()
        self._write(wanted)
        secret = secret_of(self._run_dir)
        text = rendering.kamailio_text(wanted, self._run_dir, secret)
        write_private(self._run_dir / "kamailio.cfg", text, self._account)
        self._line.close()
        self._messages.forget()
        self._orders.begin({})
        for name in (AGENT_SOCKET, RPC_SOCKET):
            (self._run_dir / name).unlink(missing_ok=True)
        self._tell_conflict(conflict := ports.taken(wanted.address, rendering.listeners(wanted)))
        if conflict:
            raise EngineError(f"starting Kamailio: {conflict}")
        await asyncio.to_thread(process.checked, self._run_dir, self._account)
        self._process = process.started(
            self._run_dir,
            self._account,
            code=self._code,
            secret=_digest(rendering.nonce_secret(wanted, secret)),
            address=wanted.address,
            settings=rendering.at_restart(wanted.config),
        )
        self._untold = self._uncertified = False
        self._started_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(SERVES_S):
                while not all((self._run_dir / name).exists() for name in (AGENT_SOCKET, RPC_SOCKET)):
                    if not self._process.running:
                        cause = process.last_complaint(self._run_dir) or "its log says no more"
                        raise EngineError(f"starting Kamailio: it {self._process.how_it_ended()}; {cause}")
                    await asyncio.sleep(0.01)
                await command(self._run_dir, "core.version")
        except TimeoutError as error:
            await self._process.end()
            raise EngineError(f"starting Kamailio: it did not serve within {SERVES_S:.0f} s") from error
        except EngineError:
            await self._process.end()
            raise
        self._process.watch(self._ended)

    async def _begun_anew(self, wanted: Wanted) -> bool:
        """Start again with a new nonce secret or traversal port, while nothing is lost by it; says whether it did.

        Digest nonces are made with the secret that Kamailio was started with. With an old one an endpoint that moves
        between peers is challenged once more, and nothing else: a peer that carries registrations or calls keeps it
        until its next start, and asks nobody for a restart. Requests between peers use the new one at once.
        """
        assert self._process is not None
        record = self._process.record
        secret = _digest(rendering.nonce_secret(wanted, secret_of(self._run_dir)))
        if record.secret == secret and rendering.hears_traversal(wanted.config, record.settings):
            return False
        carried, *_ = await self._line.picture()
        if carried.registrations or carried.calls:
            return False
        await self._process.end()
        await self._launch(wanted)
        self._feed.begin()
        await self._feed.now()
        return True

    async def _picture(self) -> None:
        """Tell the host what is really there; what happens while it is read is told again after it."""
        with self._listener.remembering() as later:
            picture, zones, orders = await self._line.picture()
            self._orders.begin(orders)
            self._host.picture(picture)
            self._zones.replace(zones)
            for event in later:
                self._retelling.tell(event)

    async def _keep(self) -> None:
        """Look after Kamailio until told to stop; no failure of one round ends it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEP_S):
                    await self._wake.wait()
            self._wake.clear()
            async with self._changing:
                try:
                    await self._round()
                except EngineError as error:
                    self._say(chain_of(error))
                except Exception as error:  # where the task ends: without it nobody would start a lost Kamailio again
                    self._say(f"looking after Kamailio failed: {type(error).__name__}: {error}")

    async def _round(self) -> None:
        assert self._wanted is not None and self._process is not None
        if not self._process.running:
            await self._again(self._wanted)
        await self._feed.now()
        if self._listener.incomplete:
            self._listener.incomplete = False
            try:
                await self._picture()
            except EngineError:
                self._listener.incomplete = True
                raise
        if self._sentence == "" and asyncio.get_running_loop().time() - self._looked_at < LOOK_S:
            return  # woken by an event that was missed: that is done
        self._looked_at = asyncio.get_running_loop().time()
        if asyncio.get_running_loop().time() - self._resolved_at > RESOLVE_S and await self._resolve(self._wanted):
            self._write(self._wanted)
        held = {(kind == "udp", port) for kind, port in rendering.ports_of(self._process.record.settings)}
        fresh = [(kind, port) for kind, port in rendering.listeners(self._wanted) if (kind == "udp", port) not in held]
        self._tell_conflict(ports.taken(self._wanted.address, fresh))
        counted = await self._line.pulse() | {"garbage": await self._garbage()}
        self._host.carried(self._line.carried)
        await self._guests.round(self._line.guests, self._looked_at)
        self._listener.incomplete |= self._counting.note(counted, asyncio.get_running_loop().time())
        await self._messages.round()
        process.cap_log(self._run_dir)
        if self._untold:
            await self._follow(self._wanted)
        self._say("")

    async def _garbage(self) -> int:
        """Ask for what Kamailio dropped before any route saw it."""
        values = await command(self._run_dir, "stats.get_statistics", "err_requests", "bad_msg_hdr", "bad_URIs_rcvd")
        return sum(int(str(value).rpartition("=")[2]) for value in values)

    async def _again(self, wanted: Wanted) -> None:
        """Start a Kamailio that ended; what it carried is gone, its endpoints register again."""
        assert self._process is not None
        self._process.sweep()
        stable = asyncio.get_running_loop().time() - self._started_at > STABLE_S
        self._failures = 0 if stable else self._failures + 1
        self._say(f"Kamailio {self._process.how_it_ended()}; it is started again and endpoints register again")
        self._host.picture(Picture(registrations={}, calls=()))
        self._process.let_go()
        await asyncio.sleep(AGAIN_S[min(self._failures, len(AGAIN_S) - 1)])
        await self._launch(wanted)
        self._feed.begin()

    async def _resolve(self, wanted: Wanted) -> bool:
        """Look up the zones that are configured by name; says whether anything changed."""
        self._resolved_at = asyncio.get_running_loop().time()
        servers, zones = asked_for(wanted.config)
        self._resolver.use([server.address for server in servers])
        resolved = await self._resolver.names_of(zones)
        changed = resolved != self._resolved
        self._resolved = resolved
        return changed

    def _heard(self, event: Event | None) -> None:
        if event is None:  # something is missing: see Listener.incomplete
            self._wake.set()
        else:
            self._retelling.tell(event)

    def _ended(self) -> None:
        self._wake.set()

    def _tell_conflict(self, sentence: str) -> None:
        if sentence != self._conflict:
            self._conflict = sentence
            self._host.port_conflict(sentence)

    def _say(self, sentence: str) -> None:
        if sentence != self._sentence:
            self._sentence = sentence
            self._host.engine_state(self.name, sentence)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
