"""What ends say to each other within a call and while it rings, through one real Kamailio and through two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.sip_client import SDP, Dialog, Message, Phone
from tests.support.sip_peers import Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
NETWORK = "127.61.7"
ALICE, BOB, CAROL = (f"{user}@apolo.local" for user in ("alice", "bob", "carol"))
NEEDED = {407: 'Proxy-Authenticate: Digest realm="bob", nonce="n"', 422: "Min-SE: 600"}
BEST = (  # what bob and his other device answer, and what the caller hears
    (404, 486, 486), (486, 603, 603), (302, 480, 302), (500, 486, 486), (407, 404, 407), (415, 404, 415),
    (503, 503, 500), (422, 404, 422), (302, 486, 302), (486, 302, 302),
)  # fmt: skip
CHALLENGES = {
    401: 'WWW-Authenticate: Digest realm="{realm}", nonce="n"',
    407: 'Proxy-Authenticate: Digest realm="{realm}", nonce="n"',
}
HELD = SDP + "a=sendonly\r\n"
through = pytest.mark.parametrize("count", [1, 2], ids=["one peer", "two peers"])
# A call passes the caller's peer and the device's, no third: three take part where one alias has devices at two others.
over_peers = pytest.mark.parametrize("count", [1, 2, 3], ids=["one peer", "two peers", "three peers"])


@asynccontextmanager
async def phones(count: int, transport: str = "udp") -> AsyncIterator[tuple[Peers, Phone, Phone, Phone]]:
    """Register alice with the first of so many peers, bob and carol with the last."""
    async with (
        peers(NETWORK, *range(1, count + 1)) as at,
        phone(at, 1, "alice") as alice,
        phone(at, count, "bob", transport) as bob,
        phone(at, count, "carol") as carol,
    ):
        for one, number, alias in ((alice, 1, ALICE), (bob, count, BOB), (carol, count, CAROL)):
            assert (await one.register()).status == 200
            await at.registered(number, alias)
        yield at, alice, bob, carol


@asynccontextmanager
async def two_devices(count: int, transport: str = "udp") -> AsyncIterator[tuple[Peers, Phone, Phone, Phone]]:
    """Register another device of bob's as well: with the first peer, or of three with the second."""
    number = 2 if count == 3 else 1
    async with phones(count, transport) as (at, alice, bob, _), phone(at, number, "bob") as desk:
        assert (await desk.register()).status == 200
        await at.registered(number, BOB, bindings=2 if count == 1 else 1)
        if count == 3:
            await at.located(1, BOB, 2, 3)
        yield at, alice, bob, desk


async def connected(at: Peers, *call_ids: str) -> None:
    """Wait until every peer shows exactly these calls, all answered."""
    for host in at.hosts.values():
        wanted = {call_id: "connected" for call_id in call_ids}
        await host.until(lambda host=host, wanted=wanted: {i: c.state for i, c in host.calls.items()} == wanted)


async def over(at: Peers) -> None:
    for host in at.hosts.values():
        await host.until(lambda host=host: not host.calls)


@through
def test_both_ends_put_each_other_on_hold_and_resume(count: int) -> None:
    async def play() -> None:
        async with phones(count, "tcp") as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            theirs = bob.dialogs[dialog.call_id]
            await connected(at, dialog.call_id)
            for body in (HELD, SDP):
                answer = await alice.offer(dialog, body)
                assert (answer.status, answer.body) == (200, SDP)
                assert body in [one.body for one in bob.received[-2:]]
                answer = await bob.offer(theirs, body)
                assert (answer.status, answer.body) == (200, SDP)
                assert body in [one.body for one in alice.received if one.first.startswith("INVITE")]
            await bob.rings("ACK", after=2)
            await alice.rings("ACK", after=1)
            await connected(at, dialog.call_id)
            assert (await bob.hang_up(theirs)).status == 200
            await alice.rings("BYE")
            await over(at)

    asyncio.run(play())


@through
def test_an_offer_that_is_refused_or_challenged_leaves_the_call_as_it_was(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            await connected(at, dialog.call_id)
            for status in (488, 491):
                bob.status = status
                assert (await alice.offer(dialog, HELD)).status == status
            await connected(at, dialog.call_id)
            assert (await alice.hang_up(dialog)).status == 200
            await over(at)

    asyncio.run(play())


@through
def test_requests_within_a_call_reach_the_other_end_both_ways(count: int) -> None:
    async def play() -> None:
        async with phones(count, "tcp") as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            for method in ("UPDATE", "INFO", "MESSAGE", "OPTIONS"):
                body = SDP if method == "UPDATE" else "Signal=1\r\n"
                for one, own, other in ((alice, dialog, bob), (bob, bob.dialogs[dialog.call_id], alice)):
                    assert (await one.within(own, method, body)).status == 200
                    arrived = await other.rings(method)
                    assert arrived.body == body
                    assert not [name for name, _ in arrived.headers if name.startswith("x-sextet")]
            await connected(at, dialog.call_id)
            assert (await alice.hang_up(dialog)).status == 200
            await over(at)

    asyncio.run(play())


@through
def test_a_blind_transfer_is_asked_for_carried_out_and_told_back(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, carol):
            dialog = answered(await alice.call(BOB))
            theirs = bob.dialogs[dialog.call_id]
            assert (await alice.within(dialog, "REFER", extra=[f"Refer-To: <sip:{CAROL}>"])).status == 200
            assert (await bob.rings("REFER")).get("refer-to") == f"<sip:{CAROL}>"
            event = "Event: refer\r\nSubscription-State: "
            trying, done = [f"{event}active"], [f"{event}terminated"]
            assert (await bob.within(theirs, "NOTIFY", "SIP/2.0 100 Trying\r\n", trying)).status == 200
            second = answered(await bob.call(CAROL))
            assert (await bob.within(theirs, "NOTIFY", "SIP/2.0 200 OK\r\n", done)).status == 200
            assert (await alice.rings("NOTIFY", after=1)).body == "SIP/2.0 200 OK\r\n"
            assert (await alice.hang_up(dialog)).status == 200
            await at.hosts[count].until(lambda: set(at.hosts[count].calls) == {second.call_id})
            assert (await bob.hang_up(second)).status == 200
            await over(at)

    asyncio.run(play())


@through
def test_an_attended_transfer_replaces_the_call_that_was_asked_about(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, carol):
            first = answered(await alice.call(BOB))
            asked = answered(await alice.call(CAROL))
            tags = [part.rpartition("tag=")[2] for part in (asked.remote, asked.local)]
            replaces = f"{asked.call_id};to-tag={tags[0]};from-tag={tags[1]}"
            header = f"Refer-To: <sip:{CAROL}?Replaces={replaces.replace(';', '%3B').replace('=', '%3D')}>"
            assert (await alice.within(first, "REFER", extra=[header])).status == 200
            third = answered(await bob.call(CAROL, extra=f"Replaces: {replaces}\r\nRequire: replaces"))
            assert (await carol.rings(after=1)).get("replaces") == replaces
            assert (await carol.hang_up(carol.dialogs[asked.call_id])).status == 200
            await alice.rings("BYE")
            assert (await alice.hang_up(first)).status == 200
            await at.hosts[count].until(lambda: set(at.hosts[count].calls) == {third.call_id})
            assert (await carol.hang_up(carol.dialogs[third.call_id])).status == 200
            await bob.rings("BYE")
            await over(at)

    asyncio.run(play())


@through
def test_early_media_is_acknowledged_reliably_before_the_call_is_answered(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, _):
            bob.status = 0
            call = asyncio.create_task(alice.call(BOB, extra="Supported: 100rel"))
            invite = await bob.rings()
            assert invite.get("supported") == "100rel"
            bob.reply(invite, 183, "Session Progress", SDP, ["Require: 100rel", "RSeq: 7"])
            progress = await alice.hears(183)
            assert (progress.get("require"), progress.get("rseq"), progress.body) == ("100rel", "7", SDP)
            early = alice.dialog_of(progress)
            acknowledged = await alice.within(early, "PRACK", extra=[f"RAck: 7 {invite.get('cseq')}"])
            assert acknowledged.status == 200
            assert (await bob.rings("PRACK")).get("rack") == f"7 {invite.get('cseq')}"
            assert (await alice.within(early, "UPDATE", HELD)).status == 200, "in the early dialog too (RFC 3311)"
            bob.reply(invite, 200, body=SDP)
            dialog = answered(await call)
            await connected(at, dialog.call_id)
            dialog.cseq = early.cseq
            assert (await alice.hang_up(dialog)).status == 200
            await over(at)

    asyncio.run(play())


@through
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_redirection_is_passed_on_as_it_is(count: int, transport: str) -> None:
    async def play() -> None:
        async with phones(count, transport) as (at, alice, bob, _):
            bob.status, bob.headers = 302, ["Contact: <sip:reception@elsewhere.example>;q=0.7"]
            answer = refused(await alice.call(BOB))
            assert (answer.status, answer.all("contact")) == (302, ["<sip:reception@elsewhere.example>;q=0.7"])
            await bob.rings("ACK")
            await over(at)

    asyncio.run(play())


@over_peers
def test_of_the_answers_of_several_devices_the_right_one_is_passed_on(count: int) -> None:
    """RFC 3261 16.7: 6xx first, then the lowest class, within it what the caller can act on; never a bare 503."""

    async def play() -> None:
        async with two_devices(count) as (at, alice, bob, desk):
            for done, (first, second, wanted) in enumerate(BEST, 1):
                bob.status, desk.status = first, second
                bob.headers = [NEEDED[first]] if first in NEEDED else []
                answer = refused(await alice.call(BOB))
                assert answer.status == wanted, (first, second)
                if wanted in NEEDED:
                    name, _, value = NEEDED[wanted].partition(": ")
                    assert answer.get(name.lower()) == value
                assert (bob.count(), desk.count()) == (done, done)
            await over(at)

    asyncio.run(play())


@over_peers
def test_the_challenges_of_all_devices_are_passed_on_together(count: int) -> None:
    """RFC 3261 16.7 step 7."""

    async def play() -> None:
        async with two_devices(count) as (at, alice, bob, desk):
            for statuses in ((401, 401), (407, 407), (407, 401)):
                for one, status, realm in zip((bob, desk), statuses, ("of-bob", "of-desk"), strict=True):
                    one.status, one.headers = status, [CHALLENGES[status].format(realm=realm)]
                answer = refused(await alice.call(BOB))
                assert answer.status in statuses
                challenges = [*answer.all("www-authenticate"), *answer.all("proxy-authenticate")]
                assert sorted(one.split('"')[1] for one in challenges) == ["of-bob", "of-desk"], statuses
            await over(at)

    asyncio.run(play())


@over_peers
def test_a_decline_everywhere_stops_the_other_devices(count: int) -> None:
    async def play() -> None:
        async with two_devices(count) as (at, alice, bob, desk):
            bob.status = desk.status = 0
            call = asyncio.create_task(alice.call(BOB))
            invite, _ = await asyncio.gather(bob.rings(), desk.rings())
            bob.reply(invite, 603, "Decline")
            await desk.rings("CANCEL")
            assert refused(await call).status == 603
            await over(at)

    asyncio.run(play())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_device_whose_first_ring_crosses_the_answer_of_another_stops_ringing(transport: str) -> None:
    """RFC 3261 16.7 step 10; tm alone forgets about one in fifty of these."""

    async def play() -> None:
        async with two_devices(1, transport) as (at, alice, bob, desk):
            bob.status = 0
            for done in range(100):
                dialog = answered(await alice.call(BOB))
                await bob.rings("CANCEL", after=done)
                assert (await alice.hang_up(dialog)).status == 200
            assert desk.count() == 100
            await over(at)

    asyncio.run(play())


@over_peers
def test_two_devices_that_answer_at_once_both_reach_the_caller(count: int) -> None:
    async def play() -> None:
        async with two_devices(count) as (at, alice, bob, desk):
            bob.status = desk.status = 0
            desk.user = "desk"  # its own tag
            call = asyncio.create_task(alice.call(BOB))
            invites = await asyncio.gather(bob.rings(), desk.rings())
            bob.reply(invites[0], 200, body=SDP)
            desk.reply(invites[1], 200, body=SDP)
            dialog = answered(await call)
            other = await _other(alice, dialog)
            alice.acknowledge(other)
            assert (await alice.hang_up(other)).status == 200, "RFC 3261 13.2.2.4"
            kept = bob if dialog.target == bob.contact.strip("<>") else desk
            assert kept.count("BYE") == 0
            assert (await alice.hang_up(dialog)).status == 200
            await kept.rings("BYE")
            await over(at)

    asyncio.run(play())


async def _other(alice: Phone, dialog: Dialog) -> Dialog:
    """Wait for an answer of another device than the one whose dialog this is."""
    for number in range(8):
        answer: Message = await alice.hears(200, after=number)
        if answer.get("to") != dialog.remote:
            return alice.dialog_of(answer)
    raise AssertionError("only one device was heard")


@through
def test_an_answer_that_is_sent_again_and_an_acknowledgement_that_comes_late_arrive(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB, acknowledged=False))
            invite = await bob.rings()
            for number in (1, 2):
                bob.reply(invite, 200, body=SDP)
                assert (await alice.hears(200, after=number)).get("to") == dialog.remote
            assert bob.count("ACK") == 0
            for number in (0, 1):
                alice.acknowledge(dialog)
                assert (await bob.rings("ACK", after=number)).get("cseq") == f"{dialog.cseq} ACK"
            await connected(at, dialog.call_id)
            assert (await alice.hang_up(dialog)).status == 200
            await over(at)

    asyncio.run(play())


@over_peers
def test_whoever_gives_up_while_it_rings_elsewhere_frees_every_device(count: int) -> None:
    async def play() -> None:
        async with two_devices(count, "tcp") as (at, alice, bob, desk):
            bob.status = desk.status = 0
            call = asyncio.create_task(alice.call(BOB))
            await asyncio.gather(bob.rings(), desk.rings())
            alice.give_up()
            await asyncio.gather(bob.rings("CANCEL"), desk.rings("CANCEL"))
            assert refused(await call).status == 487
            await over(at)
            bob.status = 200
            desk.status = 486
            again = answered(await alice.call(BOB))
            assert (await alice.hang_up(again)).status == 200
            await over(at)

    asyncio.run(play())


@through
def test_a_request_of_no_call_we_know_is_refused(count: int) -> None:
    async def play() -> None:
        async with phones(count) as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            forged = Dialog("another-call", dialog.local, dialog.remote, dialog.target, dialog.routes, dialog.answer, 1)
            assert (await alice.within(forged, "BYE")).status == 481
            assert (await alice.within(forged, "REFER", extra=[f"Refer-To: <sip:{CAROL}>"])).status == 481
            assert (await alice.request("CANCEL", f"sip:{BOB}")).status == 481, "RFC 3261 9.2: or it would be sent on"
            assert bob.count("BYE") == bob.count("REFER") == bob.count("CANCEL") == 0
            assert (await alice.hang_up(dialog)).status == 200
            await over(at)

    asyncio.run(play())


@through
def test_whoever_speaks_to_a_device_whose_connection_is_gone_hears_it_and_can_hang_up(count: int) -> None:
    async def play() -> None:
        async with phones(count, "tcp") as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            await connected(at, dialog.call_id)
            await bob.close()
            await at.hosts[count].until(lambda: BOB not in at.hosts[count].registrations)
            for answer in (await alice.offer(dialog, HELD), await alice.hang_up(dialog)):
                assert (answer.status, "connection to the device is gone" in answer.get("reason")) == (480, True)
            await over(at)

    asyncio.run(play())


@through
def test_a_device_behind_address_translation_that_refreshed_its_call_hears_that_it_is_ended(count: int) -> None:
    class Behind(Phone):
        @property
        def contact(self) -> str:
            return f"<sip:{self.user}@127.0.0.99:9;transport=tcp>"  # where nobody listens

    async def play() -> None:
        async with (
            peers(NETWORK, *range(1, count + 1)) as at,
            phone(at, 1, "alice") as alice,
            Behind("bob", at.address(count), transport="tcp", password="bob-secret") as bob,
        ):
            await bob.register()
            await at.registered(count, BOB)
            dialog = answered(await alice.call(BOB))
            await connected(at, dialog.call_id)
            await bob.rings("ACK")
            assert (await bob.offer(bob.dialogs[dialog.call_id], SDP)).status == 200
            await at.engines[count].disconnect(dialog.call_id, "Disconnected by administrator")
            await asyncio.gather(alice.rings("BYE"), bob.rings("BYE"))
            await over(at)

    asyncio.run(play())


def test_a_call_over_a_peer_that_is_gone_is_not_ended_by_the_offers_that_cannot_be_sent() -> None:
    async def play() -> None:
        async with phones(2) as (at, alice, bob, _):
            dialog = answered(await alice.call(BOB))
            await connected(at, dialog.call_id)
            await at.engines[2].stop()
            answer = await alice.offer(dialog, HELD)
            assert (answer.status, "cannot be reached" in answer.get("reason")) == (500, True)
            assert [call.state for call in at.hosts[1].calls.values()] == ["connected"]
            await alice.hang_up(dialog)
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())
