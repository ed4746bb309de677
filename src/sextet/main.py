"""sextetd, one peer: builds the parts, introduces them to each other, and runs until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sextet import __version__, bootstrap, parts, start_file, starting
from sextet.admin import dialect, lab_commands, passwords
from sextet.admin.access import Access
from sextet.admin.commands import Commands
from sextet.admin.dialplan import (
    bandwidth_commands,
    call_commands,
    policy_commands,
    registration_commands,
    search_commands,
    zone_commands,
)
from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.dialplan.kept import Kept
from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.admin.dialplan.searches import Searches
from sextet.admin.dialplan.unregistering import UnregisterDesk
from sextet.admin.disk import upgrade_commands, vault_commands
from sextet.admin.door import Door
from sextet.admin.first_password import FirstPassword
from sextet.admin.logs import record_commands
from sextet.admin.peers import lifecycle_commands
from sextet.admin.trust.certificates import CertificateDesk
from sextet.bootstrap import Bootstrap
from sextet.cluster.configuration.revisions import StoreDamaged, StoreLost
from sextet.cluster.configuration.system_key import KeyLost
from sextet.cluster.peer import Peer
from sextet.cluster.trust.certificate_files import CertificateFiles
from sextet.console.server import ConsoleError, ConsoleServer
from sextet.degraded import Degraded
from sextet.engine import EngineError
from sextet.model import alarms as types
from sextet.model.config import Change, Document, merged
from sextet.model.schema import Refused
from sextet.parts import RESTART
from sextet.resetting import end_what_was_cut_off, reset_where_due
from sextet.sip.engine import SipEngine
from sextet.starting import COME_UP_S, Running
from sextet.watch.call_log import CallLog
from sextet.watch.logs import Logs
from sextet.watch.past_calls import CallHistory
from sextet.watch.past_registrations import RegistrationHistory
from sextet.watch.searches import SearchHistory
from sextet.web.app import WebError, WebServer
from sextet.web.desk import Desk

SOCKET = "sextetd.sock"
LOCK = "lock"
STOP, FAILED = "stop", "failed"
FIRST_ADMINISTRATOR = "admin"
SENTENCE_CHARACTERS_MAX = 300  # of an error of ours; the host's journal has all of it

_log = logging.getLogger("sextet")


class Daemon:
    """One peer with everything that people and engines need around it."""

    def __init__(self, start: Bootstrap, file: Path, running: Running, reset_failed: str = "") -> None:
        self._start, self._file, self._running, self._reset_failed = start, file, running, reset_failed
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.journal = Logs(start.state_dir, start.address)
        places = parts.places(start)
        certificates = CertificateFiles(places, parts.now)
        certificates.install_waiting()
        self._peer = Peer(parts.identity(start, places), self.journal, time.monotonic, lambda: self.end(RESTART))
        self._history = SearchHistory(start.state_dir, time.monotonic)
        self._past_calls = CallHistory(start.state_dir, time.monotonic)
        self._past_registrations = RegistrationHistory(start.state_dir, time.monotonic)
        host = CallLog(self._peer.live, self.journal, self._past_calls, self._past_registrations)
        self._sip = SipEngine(start.run_dir / "sip", host, self.journal, start.engine_user or None, self._history)
        searches = Searches(self._peer, self._peer, self._history, self._sip.tables)
        door = Door(self._peer, self.journal)
        registry = Commands(self._peer, door, self.journal).registry()
        desk = CertificateDesk(certificates, self._peer, door, self.journal, parts.now, self._certificates_changed)
        desk.add_commands(registry)
        self._records = parts.records(start, self._peer, door, self.journal, self._sip.log_messages)
        record_commands.add_to(registry, self._records)
        search_commands.add_to(registry, searches)
        calls = CallDesk(self._peer, door, self._peer, self._past_calls, self.journal)
        call_commands.add_to(registry, calls)
        registrations = RegistrationDesk(self._peer, self._peer, self._past_registrations)
        unregistering = UnregisterDesk(self._peer, door, self.journal)
        registration_commands.add_to(registry, registrations, unregistering)
        self._kept = Kept(self._peer, self._history, self._past_calls, self._past_registrations)
        keeping, snapshots = parts.keeping(self._peer, self.journal, registry, self.end)
        vault_commands.add_to(registry, keeping, snapshots)
        lives = parts.lives(start, self._peer, door, self.journal)
        for topic in (bandwidth_commands, policy_commands, zone_commands):
            topic.add_to(registry, self._peer, door)
        lifecycle_commands.add_to(registry, lives, self._peer, door)
        lists = parts.lists(self._peer, door, self.journal, registry)
        dialect.add_to(registry, self._peer, lambda: lives.maintenance)
        self._first_password = FirstPassword(start.state_dir)
        self._followers: list[asyncio.Task[None]] = []
        self._upgrades = parts.upgrades(start, running, self._peer, self.journal, door, keeping)
        upgrade_commands.add_to(registry, self._upgrades)
        if start.lab:
            lab_commands.add_to(registry, self._peer)
        self._console = ConsoleServer(start.run_dir / SOCKET, registry)
        access = Access(lambda: self._peer.saved.administrators, self.journal)
        pages = Desk(
            face=self._peer, door=door, access=access, certificates=desk, records=self._records, keeping=keeping,
            snapshots=snapshots, lives=lives, lists=lists, searches=searches, upgrades=self._upgrades,
            calls=calls, registrations=registrations, unregistering=unregistering,
        )  # fmt: skip
        files = (start.certificate, start.private_key)
        self._web = WebServer(pages, start.address, start.https_port, *files, self.journal)

    def end(self, how: str) -> None:
        """Stop, or stop and start again."""
        if not self._ending.done():
            self._ending.set_result(how)

    async def run(self) -> str:
        """Serve until told to end; returns how. Raises EngineError, Refused, StoreLost, WebError and ConsoleError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.end, STOP)
        self._kept.apply()
        self._records.apply()  # so that the first lines carry this system's name
        try:
            async with asyncio.timeout(COME_UP_S if self._running.first_time else None):
                await self._begin()
            self._running.came_up()
            await self._upgrades.begin()
            return await self._ending
        except TimeoutError:
            raise EngineError(f"it has not come up within {COME_UP_S:.0f} s") from None
        finally:
            await self._stop()

    async def _begin(self) -> None:
        await self._peer.start([self._sip], _initial(self._start.initial))
        self._peer.lifecycle.reset_failed(self._reset_failed)
        asyncio.get_running_loop().set_exception_handler(self._our_error)
        await self._first_administrator()
        set_alarm = self._peer.live.alarms.set
        self._followers = [
            asyncio.create_task(self._records.follow(), name="logs"),
            asyncio.create_task(self._kept.follow(), name="sizes of histories"),
            asyncio.create_task(start_file.follow(self._file, self._start, set_alarm), name="bootstrap file"),
            asyncio.create_task(self._watch_accounts(), name="accounts"),
        ]
        await self._web.start()
        await self._console.start()
        self.journal.event("Application Start", Detail=f"sextet {__version__}")

    async def _stop(self) -> None:
        self.journal.event("Application Exit", Detail=f"sextet {__version__}")
        for task in self._followers:
            task.cancel()
        for stop in (self._console.stop, self._web.stop, self._records.end, self._sip.stop, self._peer.stop):
            try:
                await stop()
            except Exception:  # the task ends here: what one part cannot end must not keep the others running
                _log.exception("stopping")
        for history in (self._history, self._past_calls, self._past_registrations):
            history.close()
        self.journal.close()

    async def _certificates_changed(self) -> None:
        """Have links, engines and pages use the files as they are now."""
        await self._peer.look_again()
        try:
            self._web.exchange_certificate(self._start.certificate, self._start.private_key)
        except WebError as error:
            self.journal.module("developer.web", "ERROR", f"pages keep their certificate: {_chain(error)}")

    async def _first_administrator(self) -> None:
        """Make the account that the first log-in needs, and say its password once, to whoever started this system."""
        if self._peer.saved.administrators or any(self._peer.saved.clustering.peers):
            return
        password = secrets.token_urlsafe(12)
        account = {"name": FIRST_ADMINISTRATOR, "password_hash": await asyncio.to_thread(passwords.hashed, password)}
        changes = [Change("add", "administrators", account)]
        await self._peer.change(changes, user="sextetd", source="first start")
        self._first_password.remember(account["password_hash"])
        say(f"Administrator {FIRST_ADMINISTRATOR}, one-time password {password}: change it after the first log-in.")

    async def _watch_accounts(self) -> None:
        """Warn while the password that was printed at the first start is in use."""
        self._judge_accounts()
        async for topics in self._peer.changes():
            if "config" in topics:
                self._judge_accounts()

    def _judge_accounts(self) -> None:
        cause = self._first_password.in_use(self._peer.saved.administrators)
        self._peer.live.alarms.set(types.INSECURE_PASSWORD, "", bool(cause), cause)

    def _our_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Show what nobody caught; a connection that breaks is no error of ours."""
        loop.default_exception_handler(context)
        error, message = context.get("exception"), str(context.get("message", ""))
        foreign = isinstance(error, OSError) or type(error).__module__.startswith("nats")
        if isinstance(error, Exception) and not foreign:
            part = message.partition(":")[0] if message.endswith("our error") else "sextetd"
            sentence = f"{type(error).__name__}: {error}"[:SENTENCE_CHARACTERS_MAX]
            self._peer.live.alarms.set(types.SOFTWARE_ERROR, part, True, sentence)


def main() -> int:
    """Run one peer; what keeps it from running is said in one sentence."""
    parser = argparse.ArgumentParser(prog="sextetd", description="One peer of a sextet cluster.")
    parser.add_argument("--bootstrap", type=Path, required=True, help="the TOML file that says who this peer is")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # what it has to say is said by the link, with its reason
    os.umask(0o077)
    running: Running | None = None
    try:
        start = bootstrap.read(arguments.bootstrap)
        prepare(start.state_dir, start.run_dir)
        with alone(start.state_dir):
            end_what_was_cut_off(start.state_dir)
            running = starting.become_chosen(start.state_dir)
            how = asyncio.run(_serve(start, arguments.bootstrap, running, reset_where_due(start)))
    except (EngineError, KeyLost, Refused, StoreDamaged, StoreLost, WebError, ConsoleError) as error:
        sys.stderr.write(f"sextetd: {_chain(error)}\n")
        how = RESTART if running and running.gave_up(_chain(error)) else FAILED
    except Exception as error:  # ours: a version that runs for the first time gives way to the one before
        if not running or not running.gave_up(repr(error)):
            raise
        _log.exception("not come up")
        how = RESTART
    if how == RESTART:
        starting.again()
    return 1 if how == FAILED else 0


def prepare(state_dir: Path, run_dir: Path) -> None:
    """Make the directories: what is stored is ours alone, what runs may be entered by the engines' user."""
    try:
        for directory, mode in ((state_dir, 0o700), (run_dir, 0o711)):
            missing = [path for path in (directory, *directory.parents) if not path.exists()]
            directory.mkdir(parents=True, exist_ok=True)
            for path in missing:
                path.chmod(mode)
    except OSError as error:
        raise EngineError(f"the directory {directory} cannot be made: {error.strerror}") from None


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Keep a second sextetd away from this state; the lock ends with the process, however it ends."""
    try:
        lock = os.open(state_dir / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EngineError(f"{state_dir / LOCK} cannot be opened: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(f"another sextetd uses {state_dir}; stop it first") from None
        yield
    finally:
        os.close(lock)


def say(words: str) -> None:
    """Tell whoever started this system, at once: a pipe would keep it until the end, and a restart would lose it."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def _serve(start: Bootstrap, file: Path, running: Running, reset_failed: str) -> str:
    try:
        daemon = Daemon(start, file, running, reset_failed)
    except (StoreDamaged, KeyLost) as error:
        if running.first_time:
            raise
        return await Degraded(start, error, Logs(start.state_dir, start.address), SOCKET).run()
    return await daemon.run()


def _initial(path: Path) -> Document:
    if path == Path():
        return {}
    try:
        document: Document = merged(json.loads(path.read_text()), {})
    except (OSError, ValueError) as error:
        raise EngineError(f"the first configuration {path} cannot be read: {error}") from error
    return document


def _chain(error: BaseException) -> str:
    return str(error) if error.__cause__ is None else f"{error} ({error.__cause__})"


if __name__ == "__main__":
    sys.exit(main())
