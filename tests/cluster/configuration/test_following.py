"""Rounds go on whatever a disk, an engine or a name does, and a peer that others joined keeps its cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.following import Following
from sextet.cluster.configuration.history import Version, opening
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.configuration.revisions import Membership, Store, StoreLost
from sextet.cluster.rows.live import Live
from sextet.cluster.trust.certificates import fingerprint
from sextet.cluster.wire.names import Answer, NameFailure, Resolved, Resolver
from sextet.cluster.wire.proof import Grant, Granted, Welcome
from sextet.engine import EngineError, Wanted
from sextet.lab.authority import issue
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.status import LinkStatus
from tests.support.fake_peer import Lines

OWN, SECOND, THIRD = "127.63.0.1", "127.63.0.2", "127.63.0.3"
KEY = Membership(cluster="apolo", key=b"k" * 32)
NOW = datetime.now(UTC)  # the round reads the wall clock for certificates


class Rows:
    """Own rows that nobody reads."""

    def put(self, key: str, value: bytes, *, shown: bool = False) -> None: ...

    def drop(self, key: str, *, shown: bool = False) -> None: ...


class OneLink:
    chain = (b"a certificate",)


class Links:
    """Links that are as the test says."""

    def __init__(self) -> None:
        self.states: dict[int, LinkStatus] = {}
        self.own = Rows()

    async def configure(self, membership: object) -> None: ...

    def refresh(self) -> None: ...

    def statuses(self) -> dict[int, LinkStatus]:
        return self.states

    def frozen(self) -> str:
        return ""

    def resolved(self, number: int) -> Answer | None:
        return Resolved(self.states[number].peer, "address") if number in self.states else None

    def link(self, number: int) -> OneLink | None:
        return OneLink() if number in self.states else None

    def addresses(self) -> dict[int, str]:
        return {}

    trusted = ()


class Engine:
    """An engine that can be kept from doing what is wanted."""

    name = "sip"

    def __init__(self) -> None:
        self.obstacle = ""
        self.runs = False

    async def start(self, wanted: Wanted) -> None:
        if self.obstacle:
            raise EngineError(self.obstacle)
        self.runs = True

    async def apply(self, wanted: Wanted) -> tuple[str, ...]:
        if self.obstacle:
            raise EngineError(self.obstacle)
        return ()

    def locate(self, owners: object, complete: bool = False, flows: object = None) -> None: ...

    def share(self, views: object, sharers: int, complete: bool = False) -> None: ...

    def release(self, alias: str, device: str) -> None: ...

    async def stop(self, *, leave_running: bool = False) -> None:
        self.runs = False


class System:
    """One peer without its links to others."""

    def __init__(self, directory: Path) -> None:
        self.now = 1000.0
        self.lines = Lines()
        issued = issue(None, [OWN], NOW)
        certificate, key, trusted = (directory / name for name in ("server.pem", "server.key", "ca.pem"))
        issued.write(certificate, key)
        trusted.write_bytes(b"")
        self.identity = Identity(
            address=OWN, state_dir=directory, run_dir=directory, certificate=certificate, private_key=key,
            trusted=trusted, cluster_port=4372, engine_user="", version="0",
        )  # fmt: skip
        self.store = Store(directory / "config.db")
        self.custody = Custody(self.store, self.lines, self.clock)
        self.editor = Editor(self.store, self.custody, self.ask)
        self.links = Links()
        self.engine = Engine()
        self.live = Live(self.links.own, self.lines, self.clock, lambda topic: None)
        self.following = Following(
            self.identity,
            self.custody,
            self.editor,
            self.links,
            self.live,
            self.lines,
            self.clock,  # type: ignore[arg-type]
        )
        self.live.engines = self.following.leading.engines = [self.engine]

    def clock(self) -> float:
        return self.now

    async def ask(self, question: bytes) -> bytes:
        raise AssertionError("nobody is asked here")

    def show(self, key: str, value: bytes) -> None: ...

    def apply(self, version: Version) -> None: ...

    async def start(self) -> None:
        await self.custody.start(self)
        await self.following.start([])

    async def set(self, **values: object) -> None:
        changes = [Change("set", f"clustering.{name}", value) for name, value in values.items()]
        await self.editor.change(changes, user="u", source="s", expected=None, dry_run=False)

    def is_live(self, number: int, peer: str) -> None:
        self.links.states[number] = LinkStatus(peer=peer, state="LIVE", resolved_ip=peer)


Play = Callable[[System], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Play], None]:
    def play(scene: Play) -> None:
        async def whole() -> None:
            await scene(System(tmp_path))

        asyncio.run(whole())

    return play


def test_a_promoted_peer_whose_first_primary_left_the_list_keeps_the_cluster_key(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        first = opening(system.custody.head, {}, cluster="apolo", term=1, author="another", user="u", source="s")
        await system.custody.pin(SECOND, "the first primary's")
        await system.custody.join(KEY)
        await system.custody.receive(primary.Seen(SECOND, first))
        await system.set(peer_1_address=OWN, peer_2_address=SECOND, peer_3_address=THIRD, configuration_primary=1)
        await system.following.once()
        await system.custody.ask(primary.Promoted(user="u", source="s"))
        await system.set(peer_2_address=THIRD, peer_3_address="", configuration_primary=2)
        await system.following.once()
        assert system.custody.membership == KEY

    run(scene)


def test_a_founder_whose_peers_got_other_names_keeps_the_cluster_key(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.set(peer_1_address=OWN, peer_2_address=SECOND)
        await system.following.once()
        await system.custody.pin(SECOND, "as enrolled")
        founded = system.custody.membership
        assert founded.key
        await system.set(peer_2_address=THIRD)
        system.is_live(2, THIRD)
        await system.following.once()
        assert system.custody.pins() == {THIRD: fingerprint(OneLink.chain[0])}
        await system.set(configuration_primary=2)
        await system.following.once()
        assert system.custody.membership == founded

    run(scene)


def test_a_disk_that_fails_does_not_end_a_round(run: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.set(peer_1_address=OWN, peer_2_address=SECOND)
        await system.following.once()
        await system.custody.pin(SECOND, "as enrolled")
        await system.set(peer_2_address=THIRD)
        system.store.unpin = failing  # type: ignore[method-assign]
        await system.following.once()
        assert system.following.running.peers[1] == THIRD
        system.store.join = failing  # type: ignore[method-assign,assignment]
        await system.set(peer_1_address="", peer_2_address="")
        await system.following.once()
        assert not system.custody.membership.key, "what was left is not used, although it is still on disk"

    run(scene)


def test_a_key_that_comes_after_the_list_was_cleared_is_not_kept(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.custody.join(KEY)
        await system.following.once()
        assert not system.custody.membership.key and not system.store.membership().key

    run(scene)


def test_a_full_disk_when_a_key_was_given_is_made_up_for_in_a_later_round(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.set(peer_1_address=OWN, peer_2_address=SECOND)
        await system.following.once()
        pin = system.store.pin
        system.store.pin = failing  # type: ignore[method-assign]
        await system.following.bind(SECOND, "its own")
        assert not system.custody.pins()
        system.store.pin = pin  # type: ignore[method-assign]
        system.is_live(2, SECOND)
        await system.following.once()
        assert list(system.custody.pins()) == [SECOND]

    run(scene)


def test_an_engine_that_could_not_start_is_an_alarm_until_it_starts(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        system.engine.obstacle = "port 5060 is taken"
        await system.start()
        await system.set(cluster_name="other")
        await system.following.once()
        assert [alarm.detail for alarm in system.live.alarms.raised() if alarm.number == 15010] == [
            "port 5060 is taken"
        ]
        system.engine.obstacle = ""
        system.now += 60
        await system.following.once()
        assert system.engine.runs
        assert not [alarm for alarm in system.live.alarms.raised() if alarm.number == 15010]

    run(scene)


def test_an_engine_that_could_not_follow_a_change_is_told_of_it_again(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.following.once()
        assert system.engine.runs
        system.engine.obstacle = "asking Kamailio to follow"
        await system.set(cluster_name="another.example")
        await system.following.once()
        assert [alarm.detail for alarm in system.live.alarms.raised() if alarm.number == 15010]
        system.engine.obstacle = ""
        system.now += 60
        await system.following.once()
        assert not [alarm for alarm in system.live.alarms.raised() if alarm.number == 15010]

    run(scene)


def test_the_page_can_be_shown_while_this_system_looks_for_its_place(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        await system.set(peer_1_address=SECOND, peer_2_address=OWN)
        await system.following.once()
        assert system.following.number == 2
        await system.set(peer_2_address="")
        system.following.running = system.editor.saved.clustering  # as a round has it before it asks for names
        assert system.following.evidence().number == 2

    run(scene)


def test_names_that_do_not_resolve_are_asked_at_once_and_not_in_every_round(
    run: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(system: System) -> None:
        asked: list[str] = []
        all_asked = asyncio.Event()

        async def ask(self: Resolver, name: str) -> NameFailure:
            asked.append(name)
            if len(asked) == 2:
                all_asked.set()
            await all_asked.wait()
            return NameFailure(name, "no answer")

        monkeypatch.setattr(Resolver, "_ask_host", ask)
        await system.start()
        await system.set(peer_1_address="a.example.com", peer_2_address="b.example.com")
        for _ in range(3):
            await asyncio.wait_for(system.following.once(), 5)
        assert sorted(asked) == ["a.example.com", "b.example.com"]

    run(scene)


def test_a_first_start_that_was_cut_off_takes_the_whole_first_configuration_in(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        initial = {"system": {"name": "one"}, "protocols": {"standard_refresh_maximum": 61}}
        full = Store.add
        system.store.add = failing  # type: ignore[method-assign]
        with pytest.raises(StoreLost):
            await system.editor.load(initial)
        system.store.add = full.__get__(system.store)  # type: ignore[method-assign]
        again = Editor(system.store, system.custody, system.ask)
        await again.load(initial)
        assert (again.saved.system.name, again.saved.protocols.standard_refresh_maximum) == ("one", 61)

    run(scene)


def test_another_peer_changes_nothing_that_is_specific_to_this_one(run: Callable[[Play], None]) -> None:
    async def scene(system: System) -> None:
        await system.start()
        changes = [Change("set", "system.name", "theirs")]
        with pytest.raises(Refused, match="specific to a peer"):
            await system.editor.change(changes, user="u", source="s", expected=None, dry_run=False, forwarded=True)

    run(scene)


def test_no_secret_is_shown_by_what_ends_up_in_tracebacks() -> None:
    wanted = Wanted(config=Root(), generation=1, number=1, address=OWN, secret=b"geheim")
    shown = [
        KEY,
        Grant(key="geheim", cluster_id="c"),
        Granted(b"geheim", "c"),
        Welcome(proof="", password="geheim"),
        wanted,
    ]
    assert not [one for one in shown if "geheim" in repr(one) or "kkk" in repr(one)]


def failing(*_: object) -> None:
    raise StoreLost("the disk is full")
