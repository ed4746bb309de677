"""What custody shows, applies and acknowledges is on disk, and edits wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.history import opening, successor
from sextet.cluster.configuration.primary import State
from sextet.cluster.configuration.revisions import StoreLost
from sextet.cluster.face import Moved, NoPrimary
from tests.support.two_editors import CLUSTER, OnePeer

WHO: Mapping[str, Any] = {"expected": None, "user": "ann", "source": "web", "summary": "one more"}


def one_more(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**document, "count": document.get("count", 0) + 1}


def test_what_is_held_is_shown_and_applied_at_every_start() -> None:
    async def play() -> None:
        peer = await OnePeer("one").start()
        head = peer.custody.head
        peer.restart()
        peer.shown.clear(), peer.applied.clear()
        await peer.custody.start(peer)
        assert peer.applied == [head]
        assert len(peer.shown) == 1

    asyncio.run(play())


def test_edits_at_once_wait_for_each_other_and_none_is_lost() -> None:
    async def play() -> None:
        peer = await (await OnePeer("one").start()).lead()
        before = peer.custody.head.stamp.revision
        made = await asyncio.gather(*(peer.custody.edit(one_more, **WHO) for _ in range(20)))
        assert peer.custody.head.document["count"] == 20
        assert [version.stamp.revision for version in made] == [before + n for n in range(1, 21)]
        assert peer.store.head() == peer.custody.head == peer.applied[-1]

    asyncio.run(play())


def test_an_edit_of_what_was_read_before_is_refused_and_changes_nothing() -> None:
    async def play() -> None:
        peer = await (await OnePeer("one").start()).lead()
        read = peer.custody.head.stamp
        newer = await peer.custody.edit(one_more, **WHO)
        with pytest.raises(Moved, match=r"changed by ann since r\d+"):
            await peer.custody.edit(one_more, **{**WHO, "expected": read})
        assert peer.custody.head == newer

    asyncio.run(play())


def test_on_a_full_disk_an_edit_is_lost_with_a_sentence_and_nothing_is_shown_of_it() -> None:
    async def play() -> None:
        peer = await (await OnePeer("one").start()).lead()
        head, shown = peer.custody.head, len(peer.shown)
        peer.store.full = True
        with pytest.raises(StoreLost, match="disk is full"):
            await peer.custody.edit(one_more, **WHO)
        assert peer.custody.head == head == peer.store.head()
        assert len(peer.shown) == shown
        assert "disk is full" in peer.custody.authority.trouble
        assert any("could not be stored" in str(line) for line in peer.lines.lines)
        peer.store.full = False
        assert (await peer.custody.edit(one_more, **WHO)).document["count"] == 1
        assert peer.custody.authority.trouble == ""

    asyncio.run(play())


def test_a_version_of_the_primary_that_the_disk_did_not_take_is_stored_when_there_is_space() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        two = await (await OnePeer("two").start()).follow(one)
        await one.custody.edit(one_more, **WHO)
        two.store.full = True
        await two.see(one)
        assert two.custody.head != one.custody.head
        two.store.full = False
        await two.custody.tick()
        assert two.custody.head != one.custody.head  # not before its time
        two.now += primary.RETRY_S
        await two.custody.tick()
        assert two.custody.head == one.custody.head == two.applied[-1]

    asyncio.run(play())


def test_a_cluster_is_founded_on_disk_or_not_at_all() -> None:
    async def play() -> None:
        peer = await OnePeer("one").start()
        await peer.custody.receive(primary.Configured(peers=True, named=True, primary="one"))
        peer.store.full = True
        with pytest.raises(StoreLost):
            await peer.custody.found(CLUSTER, user="admin", source="cli")
        assert not peer.custody.membership.cluster
        assert peer.store.membership() == peer.custody.membership
        peer.store.full = False
        await peer.custody.found(CLUSTER, user="admin", source="cli")
        assert peer.store.membership() == peer.custody.membership == CLUSTER
        assert peer.custody.authority.state is State.PRIMARY

    asyncio.run(play())


def test_a_newcomers_own_configuration_is_kept_aside_and_is_no_conflict() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        two = await OnePeer("two").start()
        own = await two.custody.edit(one_more, **WHO)
        await two.follow(one)
        assert two.custody.head == one.custody.head
        kept = two.store.at(own.stamp)
        assert kept is not None and kept.aside and kept.version.document["count"] == 1
        assert await two.custody.edits_set_aside() == 0
        await two.custody.receive(primary.Configured(peers=False, named=False, primary=""))
        assert await two.custody.edits_set_aside() == 0  # alone, it is in nobody's way
        await two.follow(one)
        assert await two.custody.edits_set_aside() == 0

    asyncio.run(play())


def test_edits_that_the_cluster_went_on_without_are_counted_until_they_are_dismissed() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        two = await (await OnePeer("two").start()).follow(one)
        alone = await one.custody.edit(one_more, **WHO)
        await two.custody.receive(primary.Configured(peers=True, named=True, primary="two"))
        await two.custody.ask(primary.Promoted(user="bob", source="cli"))
        await one.see(two)
        assert one.custody.authority.state is State.FENCED
        assert await one.custody.edits_set_aside() == 1
        assert any("Edits set aside" in str(line) for line in one.lines.lines)
        with pytest.raises(NoPrimary):
            await one.custody.edit(one_more, **WHO)
        one.restart()
        await one.custody.start(one)
        assert await one.custody.edits_set_aside() == 1
        await one.custody.dismiss(alone.stamp)
        assert await one.custody.edits_set_aside() == 0
        kept = one.store.at(alone.stamp)
        assert kept is not None and not kept.aside  # in the history still

    asyncio.run(play())


def test_leaving_the_cluster_forgets_its_key_and_its_certificates() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        await one.custody.pin("two.example", "ab")
        await one.custody.receive(primary.Configured(peers=False, named=False, primary=""))
        assert not one.custody.membership.key
        assert not one.store.membership().key
        assert one.store.pins() == {}

    asyncio.run(play())


def test_certificates_of_peers_that_are_no_members_any_more_are_forgotten() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        for name in ("two", "three"):
            await one.custody.pin(name, f"fingerprint of {name}")
        await one.custody.keep_pins(frozenset({"three"}))
        assert one.custody.pins() == one.store.pins() == {"three": "fingerprint of three"}
        one.store.full = True
        with pytest.raises(StoreLost):
            await one.custody.pin("four", "x")
        assert "four" not in one.custody.pins()

    asyncio.run(play())


def test_a_primary_that_saw_a_newer_term_while_it_stored_does_not_acknowledge_into_the_void() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        base = one.custody.head
        made = {"user": "", "source": "", "summary": ""}
        theirs = opening(base, {**base.document, "count": 9}, cluster="cluster-1", term=9, author="two", **made)
        ours, _ = await asyncio.gather(
            one.custody.edit(one_more, **WHO), one.custody.receive(primary.Seen("two", theirs))
        )
        assert ours.stamp == successor(base, one_more(base.document), **made).stamp
        assert one.custody.head == theirs
        kept = one.store.at(ours.stamp)
        assert kept is not None and kept.aside

    asyncio.run(play())


def test_an_edit_that_is_on_disk_is_acknowledged_though_what_came_after_it_is_not() -> None:
    async def play() -> None:
        one = await (await OnePeer("one").start()).lead()
        base = one.custody.head
        made = {"user": "", "source": "", "summary": ""}
        theirs = opening(base, {**base.document, "count": 9}, cluster="cluster-1", term=9, author="two", **made)
        one.fills_when_it_shows = True
        ours, _ = await asyncio.gather(
            one.custody.edit(one_more, **WHO), one.custody.receive(primary.Seen("two", theirs))
        )
        assert one.custody.head == ours == one.store.head()
        assert one.custody.authority.trouble

    asyncio.run(play())
