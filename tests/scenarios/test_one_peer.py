"""One real peer in this process, with its store and database: what it does when something in it fails or goes away."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.cluster.configuration.identity import Identity
from sextet.cluster.configuration.revisions import Store, StoreLost
from sextet.cluster.peer import Peer
from sextet.lab.authority import issue
from sextet.model import alarms
from sextet.model.config import Change
from sextet.model.schema import Refused
from tests.support.fake_peer import Lines
from tests.support.real_lab import eventually

pytestmark = pytest.mark.scenario
ADDRESS = f"127.11.{1 + os.getpid() % 200}.1"
OTHER = f"127.11.{1 + os.getpid() % 200}.2"
SHARED = "protocols.standard_refresh_maximum"


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="o", dir="/tmp"))  # short: sockets have at most 107 bytes
    yield made
    shutil.rmtree(made)


def a_peer(directory: Path) -> Peer:
    certificate, key, trusted = (directory / name for name in ("server.pem", "server.key", "ca.pem"))
    issue(None, [ADDRESS], datetime.now(UTC)).write(certificate, key)  # dates are checked against the wall clock
    trusted.touch()
    identity = Identity(
        address=ADDRESS, state_dir=directory, run_dir=directory, certificate=certificate, private_key=key,
        trusted=trusted, cluster_port=4372, engine_user="", version="0",
    )  # fmt: skip
    return Peer(identity, Lines(), time.monotonic, lambda: None)


def play(directory: Path, scene: Callable[[Peer], Awaitable[None]]) -> None:
    async def whole() -> None:
        peer = a_peer(directory)
        try:
            await peer.start([], {})
            await scene(peer)
        finally:
            await asyncio.wait_for(peer.stop(), 10)

    asyncio.run(whole())


async def change(peer: Peer, path: str, value: object) -> None:
    await peer.change([Change("set", path, value)], user="u", source="s")


def test_rounds_go_on_after_an_error_of_our_own(directory: Path) -> None:
    async def scene(peer: Peer) -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
        peer._links.refresh = broken  # type: ignore[method-assign]
        await eventually("a round fails", lambda: true(errors))
        rounds: list[int] = []
        peer._links.refresh = lambda: rounds.append(1)  # type: ignore[method-assign]
        await eventually("another round is made", lambda: true(rounds))
        assert [repr(error) for error in errors] == ["ZeroDivisionError()"], "told once"

    play(directory, scene)


def test_a_change_whose_asker_went_away_is_whole_and_hinders_no_other(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, begun, goes_on = Store.add, threading.Event(), threading.Event()

    def slow(*arguments: object) -> None:
        begun.set()
        goes_on.wait(10)  # in its own thread: a disk that takes its time
        add(*arguments)  # type: ignore[arg-type]

    async def scene(peer: Peer) -> None:
        monkeypatch.setattr(Store, "add", slow)
        changes = [Change("set", SHARED, 61), Change("set", "system.name", "gone")]
        asking = asyncio.create_task(peer.change(changes, user="u", source="s"))
        await eventually("it is being stored", lambda: true(begun.is_set()))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        monkeypatch.undo()
        goes_on.set()
        await eventually("what was begun is done", lambda: true(peer.saved.protocols.standard_refresh_maximum == 61))
        await eventually("the other half too", lambda: true(peer.saved.system.name == "gone"))
        await change(peer, SHARED, 62)
        assert peer.saved.protocols.standard_refresh_maximum == 62

    play(directory, scene)


def test_a_disk_that_fails_half_way_is_not_called_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(peer: Peer) -> None:
        monkeypatch.setattr(Store, "put_own", full)
        with pytest.raises(Refused) as refused:
            await peer.change([Change("set", SHARED, 61), Change("set", "system.name", "x")], user="u", source="s")
        assert peer.saved.protocols.standard_refresh_maximum == 61 and peer.saved.system.name != "x"
        assert "Only the settings that all peers share were changed" in str(refused.value)

    play(directory, scene)


def test_a_promotion_that_cannot_be_stored_is_refused_in_words(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(peer: Peer) -> None:
        await change(peer, "clustering.peer_1_address", ADDRESS)
        await change(peer, "clustering.peer_2_address", OTHER)
        monkeypatch.setattr(Store, "add", full)
        peer._custody.authority._highest_term += 1  # as when it saw a later one and its database was put back
        with pytest.raises(Refused, match="disk is full"):
            await peer.promote(user="u", source="s")
        monkeypatch.undo()
        await peer.promote(user="u", source="s")
        assert peer.status().writable

    play(directory, scene)


def test_a_repaired_mirror_is_an_alarm_until_the_peer_is_live_again(directory: Path) -> None:
    """60902."""

    async def scene(peer: Peer) -> None:
        peer._differs(2, "the sums differ")
        assert alarms.MIRROR_REPAIRED.number in {alarm.row.number for alarm in peer.alarms()}
        peer._state(2, "LIVE", "")
        assert alarms.MIRROR_REPAIRED.number not in {alarm.row.number for alarm in peer.alarms()}

    play(directory, scene)


def test_a_key_that_a_full_disk_does_not_take_is_not_lost(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(peer: Peer) -> None:
        listed = {"peer_1_address": ADDRESS, "peer_2_address": OTHER, "configuration_primary": 2}
        changes = [Change("set", f"clustering.{name}", value) for name, value in listed.items()]
        await peer.change(changes, user="u", source="s")
        monkeypatch.setattr(Store, "join", full)
        peer._first_contact().accept(2, b"k" * 32, "apolo", "a fingerprint")
        await eventually("the disk is full", lambda: true("key could not be stored" in str(peer._journal.lines)))
        assert not peer._custody.membership.key
        monkeypatch.undo()
        await eventually("it is stored", lambda: true(peer._custody.membership.key == b"k" * 32))

    play(directory, scene)


async def true(value: object) -> bool:
    return bool(value)


def broken() -> None:
    raise ZeroDivisionError


def full(*_: object, **__: object) -> None:
    raise StoreLost("the disk is full")
