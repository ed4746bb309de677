"""The account of one peer: counted once a second, and a pool that outlives a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sextet.cluster.capacity.account import COUNT_S, Account
from sextet.cluster.capacity.pool import DAY_S, KEPT_S
from sextet.model.capacity import Licences
from sextet.model.settings.capacity import Capacity
from sextet.model.status import Binding, Call, PeerStatus, Registration

OWN = Capacity(platform="Medium VM", licences_counted=True, rms_licences=100)
OTHER = PeerStatus(
    peer_id="2", address="two", host_name="two", version="1", now_s=0, started_s=0,
    platform="Medium VM", licences=Licences(rms=50),
)  # fmt: skip


class Stage:
    def __init__(self, path: Path) -> None:
        self.now = 1000.0
        self.registrations: list[Registration] = []
        self.calls: list[Call] = []
        self.path = path
        self.account = self.restarted()

    def restarted(self) -> Account:
        return Account(self.path, lambda: (self.registrations, self.calls, 0), lambda: self.now)

    def pool(self, silent: frozenset[str] = frozenset()) -> Licences | None:
        return self.account.look(OWN, "one", {"two": OTHER}, silent).licences


def registration(alias: str, *agents: str) -> Registration:
    bindings = tuple(Binding(contact=f"sip:{n}", device=str(n), user_agent=agent) for n, agent in enumerate(agents))
    return Registration(alias=alias, since_s=0, bindings=bindings)


def call(serial: str, audio_only: bool, rich: bool) -> Call:
    made = Call(call_id=serial, serial=serial, tag=serial, source="a", destination="b", state="connected", since_s=0)
    return replace(made, audio_only=audio_only, rich=rich, kbps=384)


def test_use_is_counted_from_the_rows_that_are_there(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.registrations = [registration("a", "TANDBERG EX90"), registration("b", "EX90", "Room Kit"), registration("c")]
    stage.calls = [call("1", False, False), call("2", True, True), call("3", False, True)]
    use = stage.account.use()
    assert (use.registrations, use.rooms, use.desktops) == (3, 1, 2)
    assert (use.video, use.audio, use.rms_video, use.rms_audio) == (2, 1, 1, 1)


def test_rows_are_counted_once_a_second_at_most(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.account.use().registrations == 0
    stage.registrations = [registration("a")]
    assert stage.account.use().registrations == 0
    stage.now += COUNT_S
    assert stage.account.use().registrations == 1


def test_a_lost_peers_licences_are_forgotten_after_two_weeks_across_restarts(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    lost = frozenset({"two"})
    assert stage.pool() == Licences(rms=150)
    for _ in range(13):
        stage.now += DAY_S
        assert stage.pool(lost) == Licences(rms=150)
    stage.account = stage.restarted()
    stage.now += KEPT_S - 13 * DAY_S
    assert stage.pool(lost) == Licences(rms=100)
    assert stage.pool() == Licences(rms=150)


def test_a_pool_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "licence-pool.json").write_text("{")
    assert Stage(tmp_path).pool() == Licences(rms=150)


def test_limits_count_the_lost_peer_still_and_say_what_is_left_without_one(tmp_path: Path) -> None:
    load = Stage(tmp_path).account.look(OWN, "one", {"two": OTHER}, frozenset({"two"}))
    assert (load.cluster.calls, load.smaller.calls, load.unit.calls) == (200, 100, 100)
