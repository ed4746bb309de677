"""Rows of all peers, typed, with ages that no clock can spoil."""

from __future__ import annotations

from sextet.cluster.rows.keys import encode_key
from sextet.cluster.rows.view import View
from sextet.model.status import Alarm, Call, PeerStatus, Registration, to_row

ALICE = Registration(alias="alice@apolo.local", since_s=990.0, sequence=1)


CALL = Call(
    call_id="c1", serial="s1", tag="t1", source="a@x.local", destination="b@x.local", state="ringing", since_s=1.0
)
TWICE = Alarm(number=20004, key="", detail="", since_s=900.0, last_s=997.0, count=2)


def status(now_s: float) -> bytes:
    about = PeerStatus(peer_id="i", address="a", host_name="h", version="1", now_s=now_s, started_s=900.0)
    return to_row(about)


def test_the_age_of_a_row_is_measured_on_its_owners_clock() -> None:
    now = [5.0]
    rows = View(lambda: now[0])
    rows.change(2, "peer", status(1000.0))
    rows.change(2, encode_key("reg", ALICE.alias), to_row(ALICE))
    now[0] = 8.0
    [owned] = rows.owned(Registration, {2: "expc02"}, frozenset())
    assert (owned.row, owned.age_s, owned.peer, owned.stale) == (ALICE, 13.0, "expc02", False)


def test_an_alarm_is_as_old_as_its_last_raising() -> None:
    rows = View(lambda: 0.0)
    rows.change(2, "peer", status(1000.0))
    rows.change(2, encode_key("alarm", "20004."), to_row(TWICE))
    assert [owned.age_s for owned in rows.owned(Alarm, {2: "expc02"}, frozenset())] == [3.0]


def test_rows_of_a_peer_that_cannot_be_heard_are_marked() -> None:
    rows = View(lambda: 0.0)
    rows.change(2, encode_key("reg", ALICE.alias), to_row(ALICE))
    assert rows.owned(Registration, {2: "expc02"}, frozenset({2}))[0].stale


def test_a_row_that_cannot_be_read_is_counted_and_is_not_there() -> None:
    rows = View(lambda: 0.0)
    rows.change(2, encode_key("reg", "x"), to_row(ALICE))
    assert rows.change(2, encode_key("reg", "x"), b"junk") == ("reg", "x", None)
    assert rows.unreadable == 1
    assert rows.of(Registration, 2) == {}


def test_a_call_is_read_when_somebody_looks_and_one_that_cannot_be_read_is_counted_then() -> None:
    rows = View(lambda: 0.0)
    assert rows.change(2, encode_key("call", "s1"), to_row(CALL)) == ("call", "s1", None)
    rows.change(2, encode_key("call", "s2"), b"junk")
    assert rows.unreadable == 0
    assert [rows.of(Call, 2) for _ in range(2)] == [{"s1": CALL}] * 2
    assert rows.unreadable == 1
    rows.change(2, encode_key("call", "s1"), None)
    assert rows.of(Call, 2) == {}


def test_a_removed_peer_leaves_nothing() -> None:
    rows = View(lambda: 0.0)
    rows.change(2, encode_key("reg", ALICE.alias), to_row(ALICE))
    rows.drop(2)
    assert rows.owned(Registration, {2: "expc02"}, frozenset()) == []


def test_a_kind_of_row_that_only_a_newer_version_knows_is_left_out_and_counted() -> None:
    rows = View(lambda: 100.0)
    assert rows.change(2, "hologram.alice", b"{}")[2] is None
    assert rows.unreadable == 1
