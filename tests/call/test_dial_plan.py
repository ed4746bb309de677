"""What holds beside the rules: IP addresses, the fallback alias, the other protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sextet.call.decision import Decision, Refuse, Request, Try
from sextet.call.search import search
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.table import Table
from sextet.model.settings.dialplan import DialPlan, Transform
from sextet.model.settings.local_zone import MembershipRule
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.zones import DNS, ENUM, Zone
from tests.support.tables import rule, table

BOB, FAR, NEAR = "bob@apolo.local", "198.51.100.7", "192.0.2.77"
LONDON = Source(SourceKind.ZONE, "London")
RULES = (
    rule("ip here", target="LocalZone", mode="Any IP address"),
    rule("ip out", target="Paris", mode="Any IP address"),
)
SUBNET = MembershipRule(name="office", subnet_address="192.0.2.64", subnet_prefix=26, subzone="DefaultSubZone")


def plan(mode: str = "Indirect", **more: object) -> Table:
    return table(
        RULES,
        dial_plan=DialPlan(unknown_ip=mode, **more),  # type: ignore[arg-type]
        protocols=Protocols(sip_udp=True, sip_tcp=True),
        membership_rules=(SUBNET,),
    )


def decide(
    made: Table, alias: str, source: Source = LOCAL, here: Sequence[str] = (),
    elsewhere: Mapping[str, Sequence[int]] | None = None, **more: object,
) -> Decision:  # fmt: skip
    asked = Request(protocol="SIP", alias=alias, source=source, **more)  # type: ignore[arg-type]
    owners = elsewhere or {}
    return search(made, asked, lambda alias: alias in here, lambda alias: owners.get(alias, ())).decision


def targets(decision: Decision) -> list[tuple[str, str, tuple[str, ...]]]:
    assert isinstance(decision, Try), decision
    return [(one.kind, one.alias, one.uris) for each in decision.rounds for one in each.targets]


def test_indirect_asks_zones_by_rules_for_ip_addresses() -> None:
    assert [kind for kind, *_ in targets(decide(plan(), FAR))] == ["zone"]


def test_direct_calls_an_unknown_address_in_the_transports_that_are_on_and_asks_nobody() -> None:
    uris = tuple(f"sip:{FAR};transport={name}" for name in ("udp", "tcp", "tls"))
    assert targets(decide(plan("Direct"), FAR)) == [("direct", FAR, uris)]
    assert targets(decide(plan("Direct"), "2001:db8::7"))[0][2][0] == "sip:[2001:db8::7];transport=udp"


def test_direct_is_not_for_strangers() -> None:
    for source, more, fine in ((DEFAULT, {}, False), (DEFAULT, {"authenticated": True}, True), (LONDON, {}, True)):
        decision = decide(plan("Direct"), FAR, source, **more)
        assert isinstance(decision, Try if fine else Refuse)
    assert decide(plan("Direct"), FAR, DEFAULT) == Refuse(
        403, f"{FAR} is not known here, and strangers are not connected to unknown IP addresses"
    )


def test_off_refuses_what_is_not_known() -> None:
    assert decide(plan("Off"), FAR) == Refuse(
        403, f"{FAR} is not known here, and calls to unknown IP addresses are Off"
    )


@pytest.mark.parametrize("mode", ["Off", "Direct", "Indirect"])
def test_a_registered_address_is_known_and_needs_a_rule_to_the_local_zone(mode: str) -> None:
    for where in ({"here": [FAR]}, {"elsewhere": {FAR: (2,)}}):
        found = targets(decide(plan(mode), FAR, **where))
        assert found[0][:2] == ("local", FAR)
    bare = replace(plan(mode), rules=())
    assert isinstance(decide(bare, FAR, here=[FAR]), Refuse)


@pytest.mark.parametrize("mode", ["Off", "Direct", "Indirect"])
def test_an_address_within_a_subzone_is_known_and_called_directly_by_the_rule(mode: str) -> None:
    kind, alias, uris = targets(decide(plan(mode), NEAR))[0]
    assert (kind, alias, uris[0]) == ("direct", NEAR, f"sip:{NEAR};transport=udp")
    assert isinstance(decide(replace(plan("Off"), rules=()), NEAR), Refuse)


def test_the_setting_is_asked_after_the_transforms() -> None:
    short = Transform(priority=1, pattern="77", pattern_type="Exact", behavior="Replace", replace=FAR)
    assert decide(replace(plan("Off"), transforms=table(transforms=(short,)).transforms), "77") == Refuse(
        403, f"{FAR} is not known here, and calls to unknown IP addresses are Off"
    )


@pytest.mark.parametrize(
    "name", ["apolo.local", "b.example", "expc01.apolo.local", "expc-cluster.apolo.local", "192.0.2.1", "192.0.2.2"]
)
def test_the_fallback_alias_takes_calls_that_name_only_this_system(name: str) -> None:
    assert targets(decide(plan(fallback_alias=BOB), name, here=[BOB])) == [("local", BOB, ())]
    refusal = decide(plan(), name, here=[BOB])
    assert refusal == Refuse(404, f"{name} names only this system, and there is no fallback alias")


def test_the_fallback_alias_takes_nothing_else() -> None:
    for name in ("carol@apolo.local", "other.example", FAR):
        assert isinstance(decide(replace(plan(fallback_alias=BOB), rules=plan().rules[:1]), name, here=[BOB]), Refuse)


@pytest.mark.parametrize(
    ("mode", "source", "expected"),
    [
        ("Off", LOCAL, [("", "SIP")]),
        ("Registered only", LOCAL, [("", "both"), ("H323", "both")]),
        ("Registered only", LONDON, [("", "both"), ("H323", "local")]),
        ("On", LONDON, [("", "both"), ("H323", "both")]),
    ],
)
def test_the_other_protocol_comes_after_the_callers_own_as_interworking_allows(
    mode: str, source: Source, expected: list[tuple[str, str]]
) -> None:
    made = replace(
        table([rule("out", priority=50, target="Paris")], dial_plan=DialPlan(interworking=mode)), gateway=True
    )
    decision = decide(made, BOB, source, here=[BOB])
    assert isinstance(decision, Try)
    assert [one.protocol for one in decision.rounds] == [protocol for protocol, _ in expected]
    for each, (_, who) in zip(decision.rounds, expected, strict=True):
        assert [one.kind for one in each.targets] == (["local"] if who == "local" else ["local", "zone"])


def test_without_a_gateway_nothing_is_asked_by_the_other_protocol_and_the_trace_says_so() -> None:
    asked = Request(protocol="SIP", alias=BOB, source=LOCAL)
    told = search(table(), asked, lambda _: True, lambda _: (), every=True)
    assert isinstance(told.decision, Try)
    assert len(told.decision.rounds) == 1
    assert told.notes[-1].finding == "not asked by H.323: there is no gateway to H.323 here"
    kinds = [note.kind for note in search(table(), asked, lambda _: True, lambda _: ()).notes]
    assert "protocol" not in kinds, "only who wants to know everything is told"
    both = replace(table(dial_plan=DialPlan(interworking="On")), gateway=True)
    kinds = [note.kind for note in search(both, asked, lambda _: True, lambda _: (), every=True).notes]
    assert "protocol" not in kinds, "there is nothing to tell"


@pytest.mark.parametrize("alias", [f"bob@{FAR}", FAR, "bob@2001:db8::7"])
def test_a_dns_zone_is_asked_for_ip_addresses_but_not_by_strangers(alias: str) -> None:
    rules = [rule(mode, target="There", mode=mode) for mode in ("Any alias", "Any IP address")]
    made = table(rules, zones=(Zone(name="There", type=DNS),))
    assert targets(decide(made, alias)) == [("zone", alias, ())]
    assert targets(decide(made, alias, LONDON)) == targets(decide(made, alias, DEFAULT, authenticated=True))
    refused = decide(made, alias, DEFAULT)
    assert isinstance(refused, Refuse) and "strangers are not connected to IP addresses" in refused.reason
    assert isinstance(decide(made, "bob@x.example", DEFAULT), Try)


@pytest.mark.parametrize(
    ("zone", "alias", "words"),
    [
        (DNS, "1234", "1234 names no domain, which DNS zone There needs"),
        (DNS, "bob@192.0.2.9", ""),
        (DNS, "bob@192.0.2.1", "192.0.2.1 is an address of this cluster"),
        (DNS, "bob@x.example", ""),
        (ENUM, BOB, f"{BOB} is no telephone number, which ENUM zone There needs"),
        (ENUM, "+44 20-7946@x.example", ""),
    ],
)
def test_a_zone_that_has_to_look_something_up_is_asked_where_the_alias_holds_it(
    zone: str, alias: str, words: str
) -> None:
    made = table((rule("there", target="There"),), zones=(Zone(name="There", type=zone),))
    decision = decide(made, alias)
    assert isinstance(decision, Refuse) == bool(words)
    if isinstance(decision, Refuse):
        assert decision.status == 404 and words in decision.reason
