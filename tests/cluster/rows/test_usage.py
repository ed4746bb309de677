"""Rows of bandwidth use: what is published, what the others are known to reckon with, and what is given back."""

from __future__ import annotations

import asyncio

import pytest

from sextet.cluster.rows.books import DropRow, Effect, PutRow, Share
from sextet.cluster.rows.sharers import GIVE_BACK_S, Sharers
from sextet.cluster.rows.usage import UsageBook
from sextet.engine import Shared
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import Pipe
from sextet.model.status import Heard, LinkStatus, Usage

LINE, FREE = "pipe/Line", "link/Free"


def book(*members: int) -> UsageBook:
    made = UsageBook(1)
    made.limit(frozenset((LINE,)), 0.0)
    made.members(frozenset(members))
    return made


def rows(effects: list[Effect]) -> dict[str, Usage]:
    found = {one.name: one.row for one in effects if isinstance(one, PutRow)}
    assert all(isinstance(row, Usage) for row in found.values())
    return found  # type: ignore[return-value]


def views(effects: list[Effect]) -> dict[str, Shared]:
    return {element: view for one in effects if isinstance(one, Share) for element, view in one.views.items()}


def theirs(kbps: int, version: int, *heard: tuple[int, int]) -> Usage:
    known = tuple(Heard(peer=peer, version=of) for peer, of in heard)
    return Usage(element=LINE, kbps=kbps, version=version, since_s=0.0, heard=known)


def test_a_row_is_published_for_what_is_used_and_goes_with_the_last_call() -> None:
    made = book(2)
    assert rows(made.used({FREE: 64}, {}, 5.0))[FREE] == Usage(element=FREE, kbps=64, version=2, since_s=5.0)
    assert made.used({FREE: 64}, {}, 6.0) == []
    assert made.used({FREE: 0}, {}, 7.0) == [DropRow("usage", FREE)]


def test_of_an_element_with_a_limit_there_is_always_a_row() -> None:
    made = UsageBook(1)
    assert rows(made.limit(frozenset((LINE,)), 1.0))[LINE].kbps == 0
    made.members(frozenset((2,)))
    made.used({LINE: 64}, {}, 2.0)
    assert rows(made.used({LINE: 0}, {}, 3.0))[LINE].kbps == 0
    assert DropRow("usage", LINE) in made.limit(frozenset(), 4.0)


def test_nobody_is_told_anything_before_it_is_known_who_shares() -> None:
    made = UsageBook(1)
    assert views(made.limit(frozenset((LINE,)), 0.0)) == {}
    (told,) = made.members(frozenset((2, 3)))
    assert told == Share({LINE: Shared(others_kbps=0, confirmed_kbps=0)}, 3, complete=True)


def test_what_others_use_is_told_and_heard_again_in_the_own_row() -> None:
    made = book(2)
    seen = views(made.row(2, LINE, theirs(300, 7)))
    assert seen == {LINE: Shared(others_kbps=300, confirmed_kbps=0, heard=((2, 7),))}
    assert rows(made.used({LINE: 50}, seen, 1.0))[LINE].heard == (Heard(peer=2, version=7),)
    assert made.row(2, FREE, theirs(300, 7)) == [], "nobody waits to hear of what has no limit"


def test_own_use_is_confirmed_once_every_member_goes_by_it() -> None:
    made = book(2, 3)
    version = rows(made.used({LINE: 384}, {}, 1.0))[LINE].version
    assert views(made.row(2, LINE, theirs(0, 1, (1, version))))[LINE].confirmed_kbps == 0
    assert views(made.row(3, LINE, theirs(0, 1, (1, version))))[LINE].confirmed_kbps == 384


def test_what_is_given_back_counts_as_heard_at_once_for_somebody_may_go_by_it() -> None:
    made = book(2)
    first = rows(made.used({LINE: 500}, {}, 1.0))[LINE].version
    made.row(2, LINE, theirs(0, 1, (1, first)))
    assert views(made.used({LINE: 200}, {}, 2.0))[LINE].confirmed_kbps == 200
    last = rows(made.used({LINE: 600}, {}, 3.0))[LINE].version
    assert made.everything()[0].views[LINE].confirmed_kbps == 200  # type: ignore[union-attr]
    assert views(made.row(2, LINE, theirs(0, 2, (1, last))))[LINE].confirmed_kbps == 600


def test_a_row_that_only_tells_what_was_heard_needs_no_answer() -> None:
    made = book(2)
    version = rows(made.used({LINE: 64}, {}, 1.0))[LINE].version
    seen = views(made.row(2, LINE, theirs(0, 5, (1, version))))
    made.used({LINE: 64}, seen, 2.0)
    again = views(made.row(2, LINE, theirs(0, 5, (1, version))))
    assert again == {} and made.used({LINE: 64}, seen, 3.0) == []


def test_a_peer_that_starts_again_counts_for_what_it_said_last_until_it_says_more() -> None:
    made = book(2)
    made.row(2, LINE, theirs(700, 3))
    made.row(2, LINE, None)
    assert made.use()[LINE] == (0, 700)
    made.row(2, LINE, theirs(0, 1))
    assert made.use()[LINE] == (0, 0)


def test_what_a_lost_peer_used_is_given_back_and_a_removed_one_is_forgotten() -> None:
    made = book(2, 3)
    made.row(2, LINE, theirs(700, 3))
    (told,) = made.members(frozenset((3,)))
    assert isinstance(told, Share)
    assert (told.views[LINE].others_kbps, told.sharers) == (0, 2)
    made.members(frozenset((2, 3)))
    assert made.use()[LINE] == (0, 700)
    made.peer_gone(2)
    assert made.use()[LINE] == (0, 0)


def test_a_picture_replaces_everything() -> None:
    made = book(2)
    made.used({LINE: 64, FREE: 64}, {}, 1.0)
    effects = made.picture({LINE: 128}, 2.0)
    assert rows(effects)[LINE].kbps == 128
    assert DropRow("usage", FREE) in effects


def link(state: str, reason: str = "", tried: bool = True) -> LinkStatus:
    return LinkStatus(peer="p", state=state, reason=reason, tried=tried, resolved_ip="192.0.2.2")


@pytest.mark.parametrize("kamailio_runs", [True, False])
def test_a_peer_shares_until_its_calls_have_ended_for_some_time(kamailio_runs: bool) -> None:
    async def serves(ip: str, port: int) -> bool:
        assert (ip, port) == ("192.0.2.2", 5061)
        return kamailio_runs

    sharers = Sharers(serves)
    silent = {
        2: link("DOWN", "timed out: TCP to 192.0.2.2"),
        3: link("DOWN", "connection refused"),
        4: link("DOWN", tried=False),
    }

    def members(links: dict[int, LinkStatus], now: float) -> set[int]:
        return set(asyncio.run(sharers.members(links, 5061, now)))

    assert members(silent, 100.0) == {2, 3, 4}
    assert members(silent, 100.0 + GIVE_BACK_S - 0.1) == {2, 3, 4}
    left = {3, 4} if kamailio_runs else {4}
    assert members(silent, 100.0 + GIVE_BACK_S) == left, "where only sextetd ended, calls go on"
    assert members({**silent, 2: link("LIVE"), 3: link("LIVE")}, 200.0) == {2, 3, 4}
    assert members(silent, 201.0) == {2, 3, 4}, "the silence begins anew"


def test_the_elements_with_a_limit_follow_the_configuration() -> None:
    limited = Root(pipes=(Pipe(name="Line", total_mode="Limited"), Pipe(name="Free")))
    sharers = Sharers()
    assert sharers.limited(limited) == {LINE}
    assert sharers.limited(Root()) == frozenset()
