"""Bandwidth in real Kamailios: what calls use, what is refused and lowered, and what comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sextet.engine import Shared
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, Bandwidth, Link, Pipe
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.local_zone import DefaultSubzone, MembershipRule, Subzone
from sextet.model.settings.policy import FindMe, FindMeDevice, FindMeLocation, FindMePerson
from sextet.sip import guests
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
AUDIO = "m=audio 40000 RTP/AVP 0\r\n"
VIDEO = "m=video 40002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
BOB, PERSON = "bob@apolo.local", "bob.smith@apolo.local"


def sdp(kbps: int = 0, video: bool = True) -> str:
    return f"{HEAD}{f'b=AS:{kbps}' + chr(13) + chr(10) if kbps else ''}t=0 0\r\n{AUDIO}{VIDEO if video else ''}"


def limited(kbps: int, **bandwidth: bool) -> Root:
    """Alice's address is in the subzone Site, whose link to everybody else leads through a pipe."""
    rule = MembershipRule(name="site", subnet_address="127.61.4.77", subzone="Site")
    link = Link(name="SiteToDefault", node1="Site", node2="DefaultSubZone", pipe1="Line")
    pipe = Pipe(name="Line", total_mode="Limited", total_limit=kbps)
    return replace(
        CONFIG,
        subzones=(Subzone(name="Site"),),
        membership_rules=(rule,),
        links=(*DEFAULT_LINKS, link),
        pipes=(pipe,),
        bandwidth=Bandwidth(**bandwidth),
    )


async def uses(at: Peers, number: int, kbps: int, element: str = "pipe/Line") -> None:
    await at.hosts[number].until(lambda: at.hosts[number].use.get(element, 0) == kbps)


async def ways(at: Peers, number: int, nodes: str) -> None:
    """Wait until a peer shows its one call with these nodes."""
    await at.hosts[number].until(lambda: [call.nodes for call in at.hosts[number].calls.values()] == [nodes])


def alice_of(at: Peers, number: int = 1) -> Phone:
    return Phone("alice", at.address(number), password="alice-secret", local_ip="127.61.4.77")


def test_calls_fill_a_pipe_until_one_is_lowered_and_one_refused_and_hanging_up_gives_it_back() -> None:
    async def play() -> None:
        async with peers("127.61.4", 1, config=limited(1000)) as at, alice_of(at) as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            bob.sdp = sdp(384)
            one = answered(await alice.call(BOB, body=sdp(384)))
            await uses(at, 1, 384)
            assert at.hosts[1].use["subzone/Site"] == at.hosts[1].use["subzone/DefaultSubZone"] == 384
            two = answered(await alice.call(BOB, body=sdp(384)))
            await uses(at, 1, 768)
            third = answered(await alice.call(BOB, body=sdp(384)))
            await uses(at, 1, 1000)
            assert "b=AS:232\r\n" in (await bob.rings(after=2)).body, "what is left of the pipe"
            assert "b=AS:232\r\n" in third.answer.body, "and the answer may ask for no more"
            no = refused(await alice.call(BOB, body=sdp(384)))
            assert no.status == 488
            assert "Gatekeeper Resources Unavailable: 384 kbit/s needed, 0 of 1000 are left of pipe Line" in no.get(
                "reason"
            )
            assert no.get("warning").startswith("370 ")
            assert bob.count() == 3
            for dialog in (one, two, third):
                assert (await alice.hang_up(dialog)).status == 200
            await uses(at, 1, 0)
            assert at.hosts[1].use == {}

    asyncio.run(play())


def test_without_downspeeding_the_call_that_does_not_fit_is_refused_in_the_words_of_its_limit() -> None:
    async def play() -> None:
        config = limited(500, downspeed_total=False, downspeed_per_call=False)
        pipe = replace(config.pipes[0], per_call_mode="Limited", per_call_limit=400)
        config = replace(config, pipes=(pipe,))
        async with peers("127.61.4", 1, config=config) as at, alice_of(at) as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            bob.sdp = sdp(384)
            assert "Exceeds Call Capacity" in refused(await alice.call(BOB, body=sdp(512))).get("reason")
            answered(await alice.call(BOB, body=sdp(384)))
            await uses(at, 1, 384)
            assert "Gatekeeper Resources Unavailable" in refused(await alice.call(BOB, body=sdp(384))).get("reason")
            audio = answered(await alice.call(BOB, body=sdp(video=False)))
            await uses(at, 1, 448)
            assert (await bob.rings(after=1)).body == sdp(video=False)
            await alice.hang_up(audio)
            await uses(at, 1, 384)

    asyncio.run(play())


def test_a_re_invite_to_video_changes_the_use_and_one_without_room_leaves_the_call_as_it_was() -> None:
    async def play() -> None:
        config = limited(600, downspeed_total=False)
        async with peers("127.61.4", 1, config=config) as at, alice_of(at) as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            bob.sdp = sdp(video=False)
            dialog = answered(await alice.call(BOB, body=sdp(video=False)))
            await uses(at, 1, 64)
            bob.sdp = sdp(512)
            assert (await alice.offer(dialog, sdp(512))).status == 200
            await uses(at, 1, 512)
            shown = [("Site -> Default Subzone", "connected", 512)]
            await at.hosts[1].until(
                lambda: [(call.nodes, call.state, call.kbps) for call in at.hosts[1].calls.values()] == shown
            )
            no = await alice.offer(dialog, sdp(768))
            assert no.status == 488
            assert "Gatekeeper Resources Unavailable" in no.get("reason")
            assert bob.count() == 2
            bob.status = 606
            assert (await alice.offer(dialog, sdp(600))).status == 606
            await uses(at, 1, 512)
            bob.status, bob.sdp = 200, sdp(video=False)
            assert (await alice.offer(dialog, sdp(512))).status == 200
            await uses(at, 1, 64)
            await alice.hang_up(dialog)
            await uses(at, 1, 0)

    asyncio.run(play())


def test_a_call_that_is_cancelled_or_refused_gives_back_what_it_had() -> None:
    async def play() -> None:
        async with peers("127.61.4", 1, config=limited(1000)) as at, alice_of(at) as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            bob.status = 486
            assert refused(await alice.call(BOB, body=sdp(384))).status == 486
            await uses(at, 1, 0)
            bob.status = 0
            calling = asyncio.create_task(alice.call(BOB, body=sdp(384)))
            await bob.rings(after=1)
            await uses(at, 1, 384)
            alice.give_up()
            assert refused(await calling).status == 487
            await uses(at, 1, 0)

    asyncio.run(play())


def test_a_call_is_over_soon_after_its_cancel_though_nobody_answers_that() -> None:
    async def play() -> None:
        config = limited(1000)
        async with (
            peers("127.61.4", 1, 2, config=config) as at, alice_of(at) as alice,
            phone(at, 2, "bob") as bob, phone(at, 2, "carol") as carol,
        ):  # fmt: skip
            await alice.register()
            for one in (bob, carol):
                one.status = 0
                await one.register()
                await at.registered(2, f"{one.user}@apolo.local")
                calling = asyncio.create_task(alice.call(f"{one.user}@apolo.local", body=sdp(384)))
                call_id = (await one.rings()).get("call-id")
                await alice.hears(180, after=one is carol)
                await uses(at, 2, 384)
                await one.close()  # it vanishes
                if one is bob:
                    alice.give_up()
                else:
                    await at.engines[1].disconnect(call_id, "Disconnected by administrator admin")
                assert refused(await calling).status == 487
                await uses(at, 2, 0)
                for number in (1, 2):
                    await at.hosts[number].until(
                        lambda number=number, call_id=call_id: call_id in at.hosts[number].ended
                    )
                    assert not at.hosts[number].calls
            for number in (1, 2):
                await at.traces[number].ended(2)
            (first, _), further = ([one.reason for one in at.traces[number].searches.values()] for number in (1, 2))
            assert first == "the caller gave up"
            assert further == ["the caller gave up; the CANCEL was not answered"] * 2

    asyncio.run(play())


def test_a_call_over_two_peers_is_charged_once_where_its_device_is() -> None:
    async def play() -> None:
        config = limited(1000)
        async with peers("127.61.4", 1, 2, config=config) as at, alice_of(at) as alice, phone(at, 2, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(2, BOB)
            bob.sdp = sdp(384)
            bob.status = 0
            calling = asyncio.create_task(alice.call(BOB, body=sdp(384)))
            invite = await bob.rings()
            await uses(at, 2, 384)
            await ways(at, 2, "Cluster Subzone -> Default Subzone")
            await ways(at, 1, "Site -> Default Subzone -> Cluster Subzone")
            bob.reply(invite, 200, body=bob.sdp)
            dialog = answered(await calling)
            await ways(at, 2, "Site -> Default Subzone")
            await at.hosts[1].until(lambda: at.hosts[1].use == {})
            assert at.hosts[2].use["subzone/Site"] == 384
            await alice.hang_up(dialog)
            await uses(at, 2, 0)

    asyncio.run(play())


def test_a_call_of_a_second_device_ends_when_the_peer_that_it_came_from_has_it_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guests, "LOST_S", 0.0)

    async def play() -> None:
        aliases = (BOB, "carol@apolo.local")
        devices = tuple(FindMeDevice(name=alias.partition("@")[0], alias=alias) for alias in aliases)
        office = FindMeLocation(name="Office", at_once="bob, carol")
        person = FindMePerson(findme_id=PERSON, active_location="Office", devices=devices, locations=(office,))
        config = replace(limited(1000), findme=FindMe(mode="On", people=(person,)))
        async with (
            peers("127.61.4", 1, 2, config=config) as at, alice_of(at) as alice,
            phone(at, 2, "bob") as bob, phone(at, 2, "carol") as carol,
        ):  # fmt: skip
            await alice.register()
            for one in (bob, carol):
                one.status = 0
                await one.register()
                await at.registered(2, f"{one.user}@apolo.local")
            calling = asyncio.create_task(alice.call(PERSON, body=sdp(384)))
            rung = {one.user: await one.rings() for one in (bob, carol)}
            [call] = at.hosts[2].calls.values()
            further = carol if call.destination == BOB else bob  # the dialog is that of the request that came first
            further.reply(rung[further.user], 200, body=sdp(384))
            dialog = answered(await calling)
            await at.hosts[2].until(lambda: [one.state for one in at.hosts[2].calls.values()] == ["connected"])
            assert at.hosts[2].use["pipe/Line"] == 384
            at.hosts[2].over.add(dialog.call_id)
            await uses(at, 2, 0)
            await at.hosts[2].until(lambda: at.hosts[2].ended.get(dialog.call_id) == guests.REASON)
            await alice.hang_up(dialog)

    asyncio.run(play())


def test_what_other_peers_use_is_not_there_for_this_one() -> None:
    async def play() -> None:
        config = limited(1000, downspeed_total=False)
        async with peers("127.61.4", 1, config=config) as at, alice_of(at) as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            bob.sdp = sdp(384)
            at.engines[1].share(
                {"pipe/Line": Shared(others_kbps=700, confirmed_kbps=0, heard=((2, 7),))}, 2, complete=True
            )
            await at.hosts[1].until(lambda: at.hosts[1].heard.get("pipe/Line") is not None)
            assert at.hosts[1].heard["pipe/Line"].heard == ((2, 7),)
            assert refused(await alice.call(BOB, body=sdp(384))).status == 488
            at.engines[1].share({"pipe/Line": Shared(others_kbps=0, confirmed_kbps=0, heard=((2, 8),))}, 2)
            await at.hosts[1].until(lambda: at.hosts[1].heard["pipe/Line"].heard == ((2, 8),))
            answered(await alice.call(BOB, body=sdp(384)))
            no = refused(await alice.call(BOB, body=sdp(384)))
            assert "116 of 1000 are left" in no.get("reason"), "half is the share of what nobody has heard of"
            at.engines[1].share({"pipe/Line": Shared(others_kbps=0, confirmed_kbps=384, heard=((2, 9),))}, 2)
            await at.hosts[1].until(lambda: at.hosts[1].heard["pipe/Line"].heard == ((2, 9),))
            answered(await alice.call(BOB, body=sdp(384)))
            await uses(at, 1, 768)

    asyncio.run(play())


def test_an_alias_rings_only_where_there_is_room() -> None:
    async def play() -> None:
        config = replace(limited(1000), default_subzone=DefaultSubzone(inter_mode="No bandwidth"))
        async with (
            peers("127.61.4", 1, config=config) as at,
            phone(at, 1, "bob") as desk,
            Phone("bob", at.address(1), password="bob-secret", local_ip="127.61.4.77") as home,
            alice_of(at) as alice,
        ):
            await alice.register()
            await desk.register()
            await home.register()
            await at.registered(1, BOB, bindings=2)
            home.sdp = sdp(384)
            answered(await alice.call(BOB, body=sdp(384)))
            assert (desk.count(), home.count()) == (0, 1)
            await uses(at, 1, 384, "subzone/Site")

    asyncio.run(play())


def test_subzones_decide_who_registers_and_who_has_to_prove_it() -> None:
    async def play() -> None:
        config = limited(1000)
        closed = replace(config, subzones=(Subzone(name="Site", registrations="Deny"),))
        trusting = replace(config, subzones=(Subzone(name="Site", authentication="Do not check credentials"),))
        async with (
            peers("127.61.4", 1, config=closed) as at,
            alice_of(at) as alice,
            Phone("alice", at.address(1), local_ip="127.61.4.77") as bare,
            Phone("bob", at.address(1), local_ip="127.61.4.78") as nobody,
            phone(at, 1, "bob") as bob,
        ):
            no = await alice.register()
            assert (no.status, no.first.partition(" 403 ")[2]) == (403, "the subzone Site lets nobody register")
            assert (await bob.register()).status == 200
            await at.apply(1, config=trusting)
            for _ in range(2):
                assert (await bare.register()).status == 200
            assert (await nobody.register()).status == 401, "the Default Subzone still checks"
            assert (await bob.register()).status == 200
            bob.password = "wrong"
            assert (await bob.register()).status == 401, "not by the way of the unchanged refresh either"
            answered(await bare.call(BOB))

    asyncio.run(play())


def test_a_search_rule_may_be_for_one_subzone() -> None:
    async def play() -> None:
        rule = SearchRule(name="Site only", source="Named", source_name="Site", target="LocalZone")
        async with (
            peers("127.61.4", 1, config=replace(limited(1000), search_rules=(rule,))) as at,
            alice_of(at) as alice,
            phone(at, 1, "bob") as bob,
        ):
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            answered(await alice.call(BOB))
            assert refused(await bob.call("alice@apolo.local")).status == 404

    asyncio.run(play())
