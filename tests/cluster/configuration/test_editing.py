"""Changes are validated whole and stored whole: † settings here, shared ones with the primary; or nothing is."""

from __future__ import annotations

import asyncio

import pytest

from sextet.cluster.configuration import primary
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.config import Change
from sextet.model.schema import Refused
from tests.support.two_editors import OnePeer

SHARED, OWN = "protocols.standard_refresh_maximum", "system.name"


async def pair() -> tuple[OnePeer, OnePeer]:
    one = await (await OnePeer("one").start()).lead()
    return one, await (await OnePeer("two").start()).follow(one)


def test_a_revision_says_which_items_came_and_went_and_which_settings_changed() -> None:
    async def play() -> None:
        one, _ = await pair()

        async def said(*changes: Change) -> str:
            await one.editor.change(list(changes), user="alice", source="web", expected=None, dry_run=False)
            return one.custody.head.summary

        zone = {"name": "Edge", "type": "ENUM", "dns_suffix": "e164.arpa"}
        assert (await said(Change("add", "zones", zone))).startswith("zones[Edge] added")
        # What is emptied or filled in is a setting that changed, not an item that went or came.
        described = "search_rules[LocalZoneMatch].description"
        assert (await said(Change("set", described, ""))).endswith(" to nothing")
        assert await said(Change("set", described, "Ours")) == f"{described}: nothing to Ours"
        assert (await said(Change("remove", "zones[Edge]"))).startswith("zones[Edge] removed")

    asyncio.run(play())


def test_the_first_configuration_is_taken_in_once() -> None:
    async def play() -> None:
        peer = OnePeer("one")
        await peer.custody.start(peer)
        await peer.editor.load({"system": {"name": "first"}, "domains": [{"name": "a.example"}]})
        assert peer.editor.saved.system.name == "first"
        assert peer.editor.saved.domains[0].name == "a.example"
        await peer.editor.load({"system": {"name": "second"}})
        assert peer.editor.saved.system.name == "first"

    asyncio.run(play())


def test_a_first_configuration_that_makes_no_sense_is_refused_with_everything() -> None:
    async def play() -> None:
        peer = OnePeer("one")
        await peer.custody.start(peer)
        wrong = {"protocols": {"sip_udp_port": 1}, "search_rules": [{"name": "x", "target": "Nowhere"}]}
        with pytest.raises(Refused) as refused:
            await peer.editor.load(wrong)
        assert {problem.field for problem in refused.value.problems} == {
            "protocols.sip_udp_port",
            "search_rules[x].target",
        }

    asyncio.run(play())


def test_a_start_that_was_cut_off_after_its_own_settings_begins_again() -> None:
    async def play() -> None:
        peer = OnePeer("one")
        await peer.custody.start(peer)
        peer.store.put_own({"system": {"name": "half"}}, user="", source="")
        peer.restart()
        await peer.custody.start(peer)
        await peer.editor.load({"system": {"name": "whole"}})
        assert peer.editor.saved.system.name == "whole"

    asyncio.run(play())


def test_a_shared_setting_on_a_subordinate_goes_to_the_primary_and_is_here_when_acknowledged() -> None:
    async def play() -> None:
        one, two = await pair()
        outcome = await two.set(SHARED, 61)
        assert (one.asked, two.asked) == (0, 1)
        for peer in (one, two):
            assert peer.editor.saved.protocols.standard_refresh_maximum == 61
            assert peer.custody.head.stamp == outcome.stamp
        assert [(d.path, d.old, d.new) for d in outcome.differences] == [(SHARED, "60", "61")]
        assert one.custody.head.user == "ann"

    asyncio.run(play())


def test_a_fenced_primary_says_so_and_asks_nobody() -> None:
    async def play() -> None:
        one, two = await pair()
        await two.custody.receive(primary.Configured(peers=True, named=True, primary="two"))
        await two.custody.ask(primary.Promoted(user="ann", source="web"))
        await one.see(two)
        with pytest.raises(NoPrimary, match="The newest configuration is not this peer's own"):
            await one.set(SHARED, 61)
        assert one.asked == 0

    asyncio.run(play())


def test_a_setting_of_a_peers_own_stays_there_and_needs_no_primary() -> None:
    async def play() -> None:
        one, two = await pair()
        two.primary = None
        before = two.custody.head.stamp
        outcome = await two.set(OWN, "second")
        assert outcome.stamp == before
        assert (one.editor.saved.system.name, two.editor.saved.system.name) == ("", "second")
        assert two.store.own()["system"]["name"] == "second"

    asyncio.run(play())


def test_without_a_primary_a_change_of_both_kinds_changes_neither() -> None:
    async def play() -> None:
        _, two = await pair()
        two.primary = None
        changes = [Change("set", OWN, "second"), Change("set", SHARED, 61)]
        with pytest.raises(NoPrimary, match="Nobody can be reached"):
            await two.editor.change(changes, user="ann", source="web", expected=None, dry_run=False)
        assert two.editor.saved.system.name == ""

    asyncio.run(play())


def test_a_change_of_both_kinds_is_split_between_this_peer_and_the_primary() -> None:
    async def play() -> None:
        one, two = await pair()
        changes = [Change("set", OWN, "second"), Change("set", SHARED, 61)]
        await two.editor.change(changes, user="ann", source="web", expected=None, dry_run=False)
        assert two.editor.saved.system.name == "second"
        assert one.editor.saved.system.name == ""
        assert one.editor.saved.protocols.standard_refresh_maximum == 61

    asyncio.run(play())


def test_what_was_forwarded_is_not_forwarded_again_and_brings_no_settings_of_another_peer() -> None:
    async def play() -> None:
        _, two = await pair()
        asked = {"user": "ann", "source": "web", "expected": None, "dry_run": False, "forwarded": True}
        with pytest.raises(NoPrimary, match="configuration primary, one"):
            await two.editor.change([Change("set", SHARED, 61)], **asked)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="specific to a peer"):
            await two.editor.change([Change("set", OWN, "x")], **asked)  # type: ignore[arg-type]
        assert two.asked == 0
        assert two.editor.saved.system.name == ""

    asyncio.run(play())


@pytest.mark.parametrize("subordinate", [False, True])
def test_of_two_writers_the_second_is_told_to_read_again(subordinate: bool) -> None:
    async def play() -> None:
        one, two = await pair()
        writer = two if subordinate else one
        read = writer.custody.head.stamp
        await one.set(SHARED, 61)
        with pytest.raises(Moved):  # also where the newer version has not arrived yet
            await writer.set(SHARED, 62, expected=read)
        assert one.editor.saved.protocols.standard_refresh_maximum == 61

    asyncio.run(play())


def test_edits_of_different_settings_at_once_are_all_there() -> None:
    async def play() -> None:
        one, two = await pair()
        adds = [peer.set("domains", {"name": f"d{n}.example"}, verb="add") for n in range(5) for peer in [one]]
        adds += [two.set("domains", {"name": f"e{n}.example"}, verb="add") for n in range(5)]
        await asyncio.gather(*adds)
        names = {domain.name for domain in one.editor.saved.domains}
        assert names == {f"{letter}{n}.example" for letter in "de" for n in range(5)}
        await two.see(one)
        assert two.editor.saved.domains == one.editor.saved.domains

    asyncio.run(play())


def test_all_problems_come_at_once_and_nothing_is_stored() -> None:
    async def play() -> None:
        one, _ = await pair()
        before, own = one.custody.head, one.editor.own
        changes = [
            Change("set", OWN, "renamed"),
            Change("set", "protocols.sip_tcp_port", 80),
            Change("add", "search_rules", {"name": "x", "target": "Nowhere"}),
        ]
        with pytest.raises(Refused) as refused:
            await one.editor.change(changes, user="ann", source="web", expected=None, dry_run=False)
        assert len(refused.value.problems) == 2
        assert (one.custody.head, one.editor.own) == (before, own)

    asyncio.run(play())


def test_a_dry_run_tells_and_stores_nothing_on_either_side() -> None:
    async def play() -> None:
        one, two = await pair()
        before = one.custody.head
        for peer in (one, two):
            outcome = await peer.set(SHARED, 99, dry_run=True)
            assert [d.new for d in outcome.differences] == ["99"]
        assert one.custody.head == two.custody.head == before
        assert two.asked == 0

    asyncio.run(play())


def test_what_waits_for_a_restart_is_named() -> None:
    async def play() -> None:
        one, _ = await pair()
        assert (await one.set("protocols.sip_udp", True)).restart == ("protocols.sip_udp",)
        assert (await one.set(SHARED, 61)).restart == ()

    asyncio.run(play())


def test_a_full_disk_refuses_with_a_remedy_and_what_was_saved_stays() -> None:
    async def play() -> None:
        one, two = await pair()
        one.store.full = True
        for peer, path, value in ((one, SHARED, 61), (two, SHARED, 61), (one, OWN, "x")):
            with pytest.raises(Refused, match="Nothing was changed.*Free space"):
                await peer.set(path, value)
        assert one.editor.saved.protocols.standard_refresh_maximum == 60
        assert one.editor.saved.system.name == ""

    asyncio.run(play())


def test_a_change_that_changes_nothing_makes_no_revision() -> None:
    async def play() -> None:
        one, two = await pair()
        before = one.custody.head
        for peer in (one, two):
            assert (await peer.set(SHARED, 60)).differences == ()
        assert one.custody.head == before
        assert two.asked == 0

    asyncio.run(play())


def test_a_long_change_is_summed_up() -> None:
    async def play() -> None:
        one, _ = await pair()
        ports = ("sip_udp_port", "sip_tcp_port", "sip_tls_port", "standard_refresh_minimum", "standard_refresh_maximum")
        changes = [Change("set", f"protocols.{name}", 1100 + place) for place, name in enumerate(ports)]
        await one.editor.change(changes, user="alice", source="web", expected=None, dry_run=False)
        summary = one.custody.head.summary
        assert summary.count(" to ") == 3
        assert summary.endswith(" and 2 more")

    asyncio.run(play())


def test_a_new_zone_and_its_links_are_one_revision_on_the_primary_whoever_asked() -> None:
    async def play() -> None:
        one, two = await pair()
        before = one.custody.head.stamp.revision
        zone = Change("add", "zones", {"name": "London", "peers": [{"address": "192.0.2.9"}]})
        await two.editor.change([zone], user="u", source="s", expected=None, dry_run=False)
        for peer in (one, two):
            assert sum("London" in (link.node1, link.node2) for link in peer.editor.saved.links) == 2
        await one.editor.change([Change("remove", "zones[London]")], user="u", source="s", expected=None, dry_run=False)
        assert not [link for link in one.editor.saved.links if "London" in (link.node1, link.node2)]
        assert one.custody.head.stamp.revision == before + 2

    asyncio.run(play())
