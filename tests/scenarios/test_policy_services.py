"""Policy services with a real Kamailio and real HTTP servers: allowed, rejected, sent elsewhere, slow, down, wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from sextet.lab.policy_server import PolicyServer
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.dialplan import DEFAULT_RULES, SearchRule
from sextet.model.settings.policy import CallPolicy
from sextet.model.settings.policy_services import PolicyServer as Server
from sextet.model.settings.policy_services import PolicyService
from sextet.model.settings.registration import Registration
from sextet.model.status import ZoneStatus
from sextet.sip import policy_services
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
NETWORK = "127.64.3"
FIRST, SECOND = f"{NETWORK}.81", f"{NETWORK}.82"
PORT = 8080
ALICE, BOB, CAROL = (f"{name}@apolo.local" for name in ("alice", "bob", "carol"))
LATE_S = 20.0  # longer than anything here takes on a busy machine; a service has 30
SERVICE = PolicyService(
    name="Judge", protocol="HTTP", path="/policy", user_name="sextet", password="secret of the service",
    servers=(Server(address=f"{FIRST}:{PORT}"), Server(address=f"{SECOND}:{PORT}")),
)  # fmt: skip


def _cpl(asked: Mapping[str, str]) -> str:
    """Allow carol, send bob's calls to carol unless he is busy, reject the others."""
    if asked["DESTINATION_ALIAS"] == CAROL:
        return "<proxy/>"
    if asked["DESTINATION_ALIAS"] == BOB:
        return f'<taa:location clear="yes" url="{CAROL}"><proxy/></taa:location>'
    return '<reject status="403" reason="ask the judge"/>'


@contextlib.asynccontextmanager
async def _judged(**more: object) -> AsyncIterator[tuple[Peers, PolicyServer, PolicyServer, Phone, Phone]]:
    """One peer that asks two servers, at which alice and carol are registered."""
    service = replace(SERVICE, **more)  # type: ignore[arg-type]
    config = replace(
        CONFIG,
        clustering=Clustering(cluster_name="cluster.apolo.local"),
        call_policy=CallPolicy(mode="Policy service", service="Judge"),
        policy_services=(service,),
    )
    first, second = PolicyServer(_cpl), PolicyServer(_cpl)
    await first.start(FIRST, PORT)
    await second.start(SECOND, PORT)
    try:
        async with (
            peers(NETWORK, 1, config=config) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "carol") as carol,
        ):
            for each, alias in ((alice, ALICE), (carol, CAROL)):
                await each.register()
                await at.registered(1, alias)
            await at.hosts[1].until(lambda: _row(at).state == "Active")
            yield at, first, second, alice, carol
    finally:
        await first.stop()
        await second.stop()


def _row(at: Peers) -> ZoneStatus:
    return at.hosts[1].zone.get("Judge", ZoneStatus(name="", type="", state="", since_s=0.0))


def _states(at: Peers) -> list[str]:
    return [one.state for one in _row(at).addresses]


def test_a_service_allows_rejects_with_its_reason_and_sends_elsewhere() -> None:
    async def play() -> None:
        async with _judged() as (at, first, second, alice, carol):
            await alice.hang_up(answered(await alice.call(CAROL)))
            [asked] = first.asked
            assert asked["DESTINATION_ALIAS"] == CAROL and asked["POLICY_TYPE"] == "ADMIN"
            assert (asked["AUTHENTICATED_SOURCE_ALIAS"], asked["AUTHENTICATED"]) == (ALICE, "TRUE")
            assert (asked["METHOD"], asked["PROTOCOL"], asked["ZONE_NAME"]) == ("INVITE", "SIP", "LocalZone")
            assert asked["CLUSTER_NAME"] == "cluster.apolo.local" and asked["UTCTIME"].endswith("Z")
            assert asked["SOURCE_IP"] and asked["GLOBAL_CALL-SERIAL_NUMBER"] and asked["LOCAL_CALL_SERIAL_NUMBER"]
            assert first.authorization.startswith("Basic ")
            answer = refused(await alice.call("dave@apolo.local"))
            assert answer.status == 403 and "ask the judge" in answer.get("reason")
            dialog = answered(await alice.call(BOB))
            assert carol.count() == 2
            await alice.hang_up(dialog)
            assert [one["DESTINATION_ALIAS"] for one in first.asked[-2:]] == [BOB, CAROL], "each new alias is judged"
            assert not second.asked, "the second server is there for resilience only"

    asyncio.run(play())


def test_a_slow_service_keeps_one_caller_waiting_and_no_other() -> None:
    async def play() -> None:
        async with _judged() as (at, first, _, alice, carol):
            first.delay_s = 7.0  # longer than any timer that Kamailio has for what is not a policy service
            waiting = [asyncio.create_task(alice.call(CAROL, wait_s=20)) for _ in range(10)]
            await first.until(10)
            for _ in range(10):
                await carol.register()
            assert not any(call.done() for call in waiting)
            for call in waiting:
                await alice.hang_up(answered(await call))
            assert len(first.asked) == 10, "retransmissions of a call that waits ask nothing"

    asyncio.run(play())


def test_who_gives_up_while_the_service_thinks_is_let_go() -> None:
    async def play() -> None:
        async with _judged() as (at, first, _, alice, carol):
            first.delay_s = LATE_S
            call = asyncio.create_task(alice.call(CAROL, wait_s=10))
            await first.until(1)
            alice.give_up()
            assert refused(await call).status == 487
            first.delay_s = 0.0
            await alice.hang_up(answered(await alice.call(CAROL)))
            assert carol.count() == 1, "nobody rings for a caller who is gone"

    asyncio.run(play())


def test_the_next_server_is_asked_where_one_is_down_and_that_one_is_passed_over_until_it_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play() -> None:
        monkeypatch.setattr(policy_services, "POLL_S", 1.0)
        async with _judged() as (at, first, second, alice, _):
            await first.stop()
            await alice.hang_up(answered(await alice.call(CAROL)))
            assert (len(first.asked), len(second.asked)) == (0, 1)
            await at.hosts[1].until(lambda: _states(at) == ["failed", "active"])
            await second.stop()
            await at.hosts[1].until(lambda: _states(at) == ["failed", "failed"])
            answer = refused(await alice.call(CAROL))  # a phone waits 8 s, who waits for a service 30
            assert answer.status == 403 and "Service Unavailable" in answer.get("reason")
            assert _row(at).state == "Failed"
            await first.start(FIRST, PORT)
            await at.hosts[1].until(lambda: _states(at) == ["active", "failed"])
            await alice.hang_up(answered(await alice.call(CAROL)))

    asyncio.run(play())


def test_an_answer_that_is_no_cpl_is_told_and_the_default_cpl_holds() -> None:
    async def play() -> None:
        async with _judged(default_cpl="<reject status='480' reason='no judge'/>") as (at, first, _, alice, _carol):
            first.cpl = lambda _: "<reject status='403'"
            answer = refused(await alice.call(CAROL))
            assert answer.status == 480 and "no judge" in answer.get("reason")
            wrong = f"Policy service Judge, {FIRST}:{PORT}: The script is not well-formed XML"
            await at.hosts[1].until(lambda: wrong in "".join(at.hosts[1].troubles[-1:]))
            first.cpl = _cpl
            await alice.hang_up(answered(await alice.call(CAROL)))
            await at.hosts[1].until(lambda: at.hosts[1].troubles[-1] == "")
            first.cpl = lambda _: "x" * (policy_services.ANSWER_MAX + 1)
            await alice.hang_up(answered(await alice.call(CAROL)))
            await at.hosts[1].until(lambda: _states(at) == ["failed", "active"])
            assert "longer than" in _row(at).addresses[0].reason

    asyncio.run(play())


def test_without_sextetd_the_default_cpl_holds_at_once() -> None:
    async def play() -> None:
        async with _judged() as (at, _, _second, alice, _carol):
            await at.engines[1].stop(leave_running=True)
            answer = refused(await alice.call(CAROL))  # a phone waits 8 s, who waits for a service 30
            assert answer.status == 403 and "Service Unavailable" in answer.get("reason")
            await at.engine(1).start(at.wanted[1])

    asyncio.run(play())


def test_a_search_rule_asks_a_service_about_what_it_matches_and_about_nothing_else() -> None:
    async def play() -> None:
        async with _judged() as (at, first, _, alice, carol):
            rule = SearchRule(
                name="Judged", target="Judge", mode="Alias pattern match", pattern_type="Regex", priority=10,
                pattern="(bob|dave)@.*",
                behavior="Leave",
            )  # fmt: skip
            before = at.wanted[1].config
            await at.apply(1, config=replace(before, call_policy=CallPolicy(), search_rules=(rule, *DEFAULT_RULES)))
            await alice.hang_up(answered(await alice.call(CAROL)))
            assert not first.asked
            await alice.hang_up(answered(await alice.call(BOB)))
            assert (first.asked[-1]["POLICY_TYPE"], carol.count()) == ("SEARCH", 2)
            answer = refused(await alice.call("dave@apolo.local"))
            assert answer.status == 403 and "ask the judge" in answer.get("reason")
            first.cpl = lambda _: "not CPL"
            answer = refused(await alice.call("dave@apolo.local"))
            assert answer.status == 504 and "Policy Service Unavailable" in answer.get("reason")

    asyncio.run(play())


def test_a_service_says_who_may_register_and_blocks_nobody_meanwhile() -> None:
    async def play() -> None:
        async with _judged() as (at, first, second, alice, carol):
            registration = Registration(restriction_policy="Policy service", service="Judge")
            config = replace(at.wanted[1].config, call_policy=CallPolicy(), registration=registration)
            first.cpl = lambda told: (
                "<proxy/>" if told["ALIAS"] == CAROL else '<reject status="403" reason="not here"/>'
            )
            await at.apply(1, config=config)
            assert (await alice.register()).status == 403
            assert [one["POLICY_TYPE"] for one in first.asked] == ["REGISTRATION"]
            assert first.asked[0]["AUTHENTICATED"] == "TRUE" and first.asked[0]["CLUSTER_NAME"]
            async with phone(at, 1, "carol", "tcp") as second_carol:
                assert (await second_carol.register()).status == 200
                await at.registered(1, CAROL, bindings=2)
                first.delay_s = LATE_S
                slow = asyncio.create_task(carol.register())
                await first.until(3)
                call = answered(await alice.call(CAROL))
                assert not slow.done(), "the call passed while a registration waited"
                await second_carol.rings()  # over its own connection
                await alice.hang_up(call)
                first.hurry()
                assert (await slow).status == 200
                await first.stop()
                await second.stop()
                assert (await carol.register()).status == 504
                await at.hosts[1].until(lambda: _states(at) == ["failed", "failed"])
                assert len(at.hosts[1].registrations[CAROL]) == 2, "who is registered stays"

    asyncio.run(play())


def test_an_alias_that_comes_after_a_busy_device_is_judged_too() -> None:
    async def play() -> None:
        verdict = "<proxy/>"

        def judge(told: Mapping[str, str]) -> str:
            if told["DESTINATION_ALIAS"] == CAROL:
                return verdict
            return f'<proxy><busy><taa:location clear="yes" url="{CAROL}"><proxy/></taa:location></busy></proxy>'

        async with _judged() as (at, first, _, alice, carol), phone(at, 1, "bob") as bob:
            await bob.register()
            await at.registered(1, BOB)
            first.cpl, bob.status = judge, 486
            await alice.hang_up(answered(await alice.call(BOB)))
            assert [one["DESTINATION_ALIAS"] for one in first.asked] == [BOB, CAROL]
            verdict = "<reject status='403' reason='not after hours'/>"
            answer = refused(await alice.call(BOB))
            assert answer.status == 403 and "not after hours" in answer.get("reason")
            first.delay_s = LATE_S
            call = asyncio.create_task(alice.call(BOB, wait_s=10))
            await first.until(5)
            first.hurry()
            await first.until(6)
            alice.give_up()
            assert refused(await call).status == 487, "who gives up while it is asked is let go"
            assert carol.count() == 1
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())
