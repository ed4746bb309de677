"""Who may change the configuration, and what becomes of it: one authority against one flow of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.cluster.configuration.history import GENESIS, ROW_BYTES_MAX, Version, opening, successor
from sextet.cluster.configuration.primary import (
    RETRY_S,
    Apply,
    Authority,
    Configured,
    Dismissed,
    Edited,
    Effect,
    Event,
    Forced,
    Founded,
    Joined,
    Leave,
    NotStored,
    Promoted,
    Publish,
    Report,
    Seen,
    SetAside,
    State,
    Store,
    Stored,
)
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.schema import Refused
from sextet.model.status import Stamp

MADE = {"user": "admin", "source": "cli", "summary": ""}
BY = {"user": "admin", "source": "cli"}
MEMBER = Configured(peers=True, named=False, primary="peer2")
NAMED = Configured(peers=True, named=True, primary="peer1")
ALONE = Configured(peers=False, named=True, primary="")


class Peer:
    """An authority `me`, with a disk that answers at once."""

    def __init__(self, head: Version = GENESIS, cluster: str = "", configured: Configured = ALONE) -> None:
        held = {} if head is GENESIS else {head.stamp: False}
        self.authority = Authority("me", cluster=cluster, head=head, held=held, highest_term=head.stamp.term)
        self >> configured

    def __rshift__(self, event: Event) -> list[Effect]:
        return self.authority.receive(event, 0.0)

    def done(self, event: Event) -> list[Effect]:
        """Take an event, and store what it wants stored."""
        effects = self >> event
        for effect in effects:
            if isinstance(effect, Store):
                return [*effects, *(self >> Stored(effect.version.stamp))]
        return effects

    @property
    def head(self) -> Version:
        return self.authority.head

    @property
    def state(self) -> State:
        return self.authority.state

    def edit(self, **document: object) -> Edited:
        return Edited(base=self.head.stamp, document=document, **BY)


def founder() -> Peer:
    peer = Peer(configured=NAMED)
    peer.done(Founded(cluster="c", **BY))
    return peer


def test_alone_every_change_is_accepted_under_an_own_term() -> None:
    peer = Peer()
    stored = opening(GENESIS, {"a": 1}, cluster="", term=1, author="me", **MADE)
    assert peer >> peer.edit(a=1) == [Store(stored, frozenset())]
    assert peer >> Stored(stored.stamp) == [Publish(stored), Apply(stored)]
    peer.done(peer.edit(a=2))
    assert (peer.state, peer.head.stamp) == (State.ALONE, Stamp(1, "me", 2))


def test_nothing_is_shown_before_it_is_on_disk() -> None:
    peer = founder()
    before = peer.head
    assert [type(effect) for effect in peer >> peer.edit(a=1)] == [Store]
    assert peer.head == before
    with pytest.raises(Moved):
        peer >> peer.edit(a=2)


def test_a_change_of_nothing_stores_nothing() -> None:
    peer = founder()
    assert peer >> Edited(base=peer.head.stamp, document=peer.head.document, **BY) == []


def test_what_was_made_from_an_older_version_is_refused() -> None:
    peer = founder()
    old = peer.edit(a=1)
    peer.done(peer.edit(b=1))
    with pytest.raises(Moved, match=r"r2 \(term 1\)"):
        peer >> old
    assert peer.head.document == {"b": 1}


def test_a_cluster_begins_with_a_term_and_the_content_there_was() -> None:
    peer = Peer()
    peer.done(peer.edit(a=1))
    peer >> NAMED
    assert peer.state is State.JOINING
    peer.done(Founded(cluster="c", **BY))
    assert (peer.state, peer.head.stamp, peer.head.document) == (State.PRIMARY, Stamp(2, "me", 2), {"a": 1})
    assert peer.authority.cluster == peer.head.cluster == "c" and peer.head.lineage == (Stamp(1, "me", 1),)


def test_a_cluster_that_could_not_be_stored_did_not_begin() -> None:
    peer = Peer(configured=NAMED)
    (store,) = peer >> Founded(cluster="c", **BY)
    assert isinstance(store, Store)
    peer >> NotStored(store.version.stamp, "full")
    assert (peer.authority.cluster, peer.state) == ("", State.JOINING)


def test_a_follower_adopts_the_newest_from_anybody_and_refuses_changes_with_the_primarys_name() -> None:
    primary = founder()
    first = primary.head
    second = successor(first, {"n": 2}, **MADE)
    peer = Peer(replace(first, stamp=Stamp(1, "other", 1)), "c", MEMBER)
    theirs = replace(second, stamp=Stamp(1, "other", 2))
    assert peer.done(Seen("peer3", theirs)) == [Store(theirs, frozenset()), Publish(theirs), Apply(theirs)]
    assert peer >> Seen("peer2", peer.head) == []
    with pytest.raises(NoPrimary, match="peer2"):
        peer >> peer.edit(a=1)


def test_versions_of_another_cluster_and_older_ones_are_ignored() -> None:
    peer = founder()
    peer.done(peer.edit(a=1))
    later = opening(peer.head, {}, cluster="d", term=9, author="z", **MADE)
    assert peer >> Seen("peer2", later) == []
    assert peer >> Seen("peer2", opening(GENESIS, {}, cluster="c", term=1, author="a", **MADE)) == []


def test_the_newest_that_came_while_storing_is_stored_next() -> None:
    peer = Peer(opening(GENESIS, {}, cluster="c", term=1, author="z", **MADE), "c", MEMBER)
    second = successor(peer.head, {"n": 2}, **MADE)
    third, fourth = successor(second, {"n": 3}, **MADE), successor(successor(second, {"n": 3}, **MADE), {}, **MADE)
    assert peer >> Seen("peer2", second) == [Store(second, frozenset())]
    assert [*(peer >> Seen("peer2", fourth)), *(peer >> Seen("peer3", third))] == []
    assert peer >> Stored(second.stamp) == [Publish(second), Apply(second), Store(fourth, frozenset())]


def test_promotion_opens_a_term_with_the_same_content() -> None:
    held = successor(opening(GENESIS, {}, cluster="c", term=1, author="z", **MADE), {"a": 1}, **MADE)
    peer = Peer(held, "c", MEMBER)
    peer >> NAMED
    assert peer.state is State.FENCED
    peer.done(Promoted(**BY))
    assert (peer.state, peer.head.stamp, peer.head.document) == (State.PRIMARY, Stamp(2, "me", 3), {"a": 1})
    assert peer >> Promoted(**BY) == []


def test_an_old_primary_is_fenced_and_its_edits_are_set_aside() -> None:
    peer = founder()
    shared = peer.head
    peer.done(peer.edit(a=1))
    mine = peer.head
    theirs = opening(shared, {"b": 1}, cluster="c", term=2, author="other", **MADE)
    effects = peer.done(Seen("peer2", theirs))
    assert effects[0] == Store(theirs, frozenset({mine.stamp}))
    assert effects[-1] == SetAside((mine.stamp,), theirs.stamp)
    assert (peer.state, peer.authority.aside) == (State.FENCED, frozenset({mine.stamp}))
    with pytest.raises(NoPrimary, match="not this peer's own"):
        peer >> peer.edit(c=1)
    peer >> Dismissed(mine.stamp)
    assert peer.authority.aside == frozenset()


def test_an_edit_that_only_reached_a_follower_before_the_promotion_is_kept_there_too() -> None:
    # Whoever accepted it may be lost for good: then this is the only copy.
    shared = opening(GENESIS, {}, cluster="c", term=1, author="old", **MADE)
    peer = Peer(shared, "c", MEMBER)
    late = successor(shared, {"a": 1}, **MADE)
    peer.done(Seen("peer1", late))
    promoted = opening(shared, {"b": 1}, cluster="c", term=2, author="new", **MADE)
    assert peer.done(Seen("peer2", promoted))[-1] == SetAside((late.stamp,), promoted.stamp)
    assert (peer.state, peer.head, peer.authority.aside) == (State.FOLLOWER, promoted, {late.stamp})


def test_a_dismissed_edit_is_not_set_aside_again_when_another_line_is_left() -> None:
    peer = founder()
    shared = peer.head
    peer.done(peer.edit(a=1))
    dismissed = peer.head.stamp
    peer.done(Seen("peer2", opening(shared, {"b": 1}, cluster="c", term=2, author="other", **MADE)))
    peer >> Dismissed(dismissed)
    peer.done(Promoted(**BY))
    common = peer.head
    peer.done(peer.edit(a=2))
    mine = peer.head.stamp
    peer.done(Seen("peer2", opening(common, {"b": 2}, cluster="c", term=4, author="other", **MADE)))
    assert peer.authority.aside == {mine}


def test_of_two_promotions_at_once_the_higher_author_wins_everywhere() -> None:
    shared = opening(GENESIS, {}, cluster="c", term=1, author="a", **MADE)
    mine = Peer(shared, "c", NAMED)
    mine.done(Promoted(**BY))
    lower = opening(shared, {}, cluster="c", term=2, author="b", **MADE)
    higher = opening(shared, {}, cluster="c", term=2, author="z", **MADE)
    assert mine >> Seen("peer2", lower) == []
    mine.done(Seen("peer3", higher))
    assert (mine.head, mine.authority.aside) == (higher, frozenset({Stamp(2, "me", 2)}))


def test_what_was_set_aside_is_in_force_again_when_the_truth_grows_out_of_it() -> None:
    shared = opening(GENESIS, {}, cluster="c", term=1, author="a", **MADE)
    b, z = (opening(shared, {}, cluster="c", term=2, author=name, **MADE) for name in "bz")
    peer = Peer(shared, "c", MEMBER)
    for version in (b, z):
        peer.done(Seen("peer2", version))
    assert peer.authority.aside == {b.stamp}
    peer.done(Seen("peer2", opening(b, {}, cluster="c", term=3, author="b", **MADE)))
    assert peer.authority.aside == {z.stamp}


def test_a_newcomer_keeps_what_it_had_and_takes_the_clusters() -> None:
    peer = Peer()
    for n in range(5):
        peer.done(peer.edit(n=n))
    mine = {Stamp(1, "me", n) for n in range(1, 6)}
    theirs = opening(GENESIS, {"b": 1}, cluster="c", term=1, author="a", **MADE)
    peer >> MEMBER
    assert peer >> Seen("peer2", theirs) == []
    assert peer >> Joined("c") == [Store(theirs, frozenset(mine))]
    peer >> Stored(theirs.stamp)
    assert (peer.state, peer.head, peer.authority.aside) == (State.FOLLOWER, theirs, frozenset(mine))


def test_a_newcomer_cannot_be_promoted_over_a_configuration_it_never_saw() -> None:
    peer = Peer(configured=NAMED)
    peer >> Joined("c")
    for event in (Promoted(**BY), peer.edit(a=1)):
        with pytest.raises(NoPrimary, match="not received"):
            peer >> event


def test_alone_nobody_is_promoted() -> None:
    peer = Peer()
    with pytest.raises(Refused, match="peer list"):
        peer >> Promoted(**BY)


def test_an_empty_peer_list_leaves_the_cluster_and_edits_open_an_own_term() -> None:
    peer = founder()
    assert peer >> ALONE == [Leave()]
    assert peer >> ALONE == []
    peer.done(peer.edit(a=1))
    assert (peer.state, peer.head.cluster, peer.head.stamp) == (State.ALONE, "", Stamp(2, "me", 2))


def test_who_comes_back_behind_its_own_term_does_not_give_a_stamp_twice() -> None:
    peer = founder()
    first = peer.head
    peer.done(peer.edit(a=1))
    peer >> ALONE
    peer.done(peer.edit(a=2))
    peer >> NAMED
    peer >> Joined("c")
    peer.done(Seen("peer2", first))
    assert (peer.state, peer.head) == (State.FENCED, first)
    peer.done(Promoted(**BY))
    assert peer.head.stamp == Stamp(3, "me", 2)


def test_a_database_that_was_put_back_is_noticed_and_what_it_wrote_since_is_kept() -> None:
    peer = founder()
    old = peer.head
    lost = successor(successor(old, {"n": 2}, **MADE), {"n": 3}, **MADE)
    peer.done(peer.edit(n=9))
    since = peer.head.stamp
    effects = peer.done(Seen("peer2", lost))
    assert isinstance(effects[0], Report) and "older" in effects[0].sentence
    assert (peer.head, peer.authority.aside) == (lost, frozenset({since}))


def test_two_contents_under_one_stamp_are_a_conflict_until_they_are_not() -> None:
    peer = founder()
    other = replace(peer.head, digest="0" * 64)
    assert len(peer >> Seen("peer2", other)) == 1
    assert peer >> Seen("peer2", other) == []
    assert "peer2" in peer.authority.conflicts
    peer >> Seen("peer2", peer.head)
    assert peer.authority.conflicts == {}


def test_a_full_disk_fails_the_change_and_leaves_everything_as_it_was() -> None:
    peer = founder()
    before = peer.head
    (store,) = peer >> peer.edit(a=1)
    assert isinstance(store, Store)
    peer >> NotStored(store.version.stamp, "disk full")
    assert (peer.head, peer.authority.trouble) == (before, "disk full")
    peer.done(peer.edit(a=1))
    assert (peer.head.stamp, peer.authority.trouble) == (store.version.stamp, "")


def test_the_trouble_with_a_disk_is_over_when_it_takes_what_is_held_once_more() -> None:
    peer = founder()
    (store,) = peer >> peer.edit(a=1)
    assert isinstance(store, Store)
    peer >> NotStored(store.version.stamp, "disk full")
    assert peer.authority.tick(RETRY_S - 0.1) == []
    assert peer.authority.tick(RETRY_S) == [Store(peer.head, frozenset())]
    peer >> NotStored(peer.head.stamp, "still full")
    assert peer.authority.trouble == "still full"
    peer.done(peer.edit(a=1))
    assert peer.authority.trouble == ""


def test_a_disk_that_was_full_is_found_good_without_anybodys_change() -> None:
    peer = founder()
    before = peer.head
    (store,) = peer >> peer.edit(a=1)
    assert isinstance(store, Store)
    peer >> NotStored(store.version.stamp, "disk full")
    peer.authority.tick(RETRY_S)
    peer >> Stored(before.stamp)
    assert (peer.head, peer.authority.trouble, peer.authority.next_timer()) == (before, "", None)


def test_a_version_that_could_not_be_adopted_is_tried_again() -> None:
    peer = Peer(opening(GENESIS, {}, cluster="c", term=1, author="z", **MADE), "c", MEMBER)
    newer = successor(peer.head, {"n": 2}, **MADE)
    peer >> Seen("peer2", newer)
    assert isinstance((peer >> NotStored(newer.stamp, "disk full"))[0], Report)
    assert peer.authority.newest == newer and peer.authority.tick(RETRY_S - 0.1) == []
    assert peer.authority.next_timer() == RETRY_S
    assert peer.authority.tick(RETRY_S) == [Store(newer, frozenset())]


def test_a_configuration_too_large_to_travel_is_refused() -> None:
    peer = founder()
    noise = "".join(chr(0x4E00 + (n * n * 7919 + n * 31) % 20000) for n in range(ROW_BYTES_MAX))
    with pytest.raises(Refused, match="at most 900000"):
        peer >> peer.edit(noise=noise)
    peer.done(peer.edit(a=1))
    assert peer.head.document == {"a": 1}


def test_a_peer_serves_its_own_copy_from_the_start() -> None:
    head = opening(GENESIS, {"a": 1}, cluster="c", term=1, author="z", **MADE)
    assert Peer(head, "c", MEMBER).authority.start() == [Publish(head), Apply(head)]


def test_who_founded_a_cluster_of_its_own_by_mistake_can_still_join_the_right_one() -> None:
    peer = founder()
    mine = peer.head.stamp
    peer.done(Promoted(**BY))
    theirs = opening(GENESIS, {"b": 1}, cluster="the right one", term=1, author="a", **MADE)
    peer >> MEMBER
    peer >> Joined("the right one")
    assert peer.state is State.JOINING
    peer.done(Seen("peer2", theirs))
    assert (peer.state, peer.head, peer.authority.aside) == (State.FOLLOWER, theirs, frozenset({mine}))


def test_a_forced_update_takes_what_the_primary_holds_under_whatever_stamp() -> None:
    mine = opening(GENESIS, {"a": 1}, cluster="c", term=1, author="boss", **MADE)
    theirs = opening(GENESIS, {"a": 2}, cluster="c", term=1, author="boss", **MADE)
    peer = Peer(mine, "c", MEMBER)
    peer >> Seen("peer2", theirs)
    assert peer.authority.conflicts
    effects = peer.done(Forced(theirs))
    assert Store(theirs, frozenset()) in effects and Apply(theirs) in effects
    assert peer.authority.head == theirs and not peer.authority.conflicts
    behind = Peer(successor(mine, {"a": 3}, **MADE), "c", MEMBER)
    behind.done(Forced(theirs))
    assert behind.authority.head == theirs


def test_an_answer_that_was_overtaken_on_its_way_does_not_put_a_peer_back() -> None:
    asked = opening(GENESIS, {"n": 1}, cluster="c", term=1, author="boss", **MADE)
    newer = successor(asked, {"n": 2}, **MADE)
    peer = Peer(asked, "c", MEMBER)
    peer.done(Seen("peer2", newer))
    assert Store(newer, frozenset()) in peer.done(Forced(asked))
    assert peer.head == newer


def test_a_forced_update_is_refused_on_the_primary_alone_and_from_another_cluster() -> None:
    mine = opening(GENESIS, {"a": 1}, cluster="c", term=1, author="me", **MADE)
    for configured, cluster in ((NAMED, "c"), (ALONE, "c"), (MEMBER, "d")):
        peer = Peer(mine, "c", configured)
        with pytest.raises(Refused):
            peer >> Forced(opening(GENESIS, {}, cluster=cluster, term=9, author="boss", **MADE))
        assert peer.authority.head == mine
