"""Where calls go: the order of transforms, rules and targets, and the reasons of refusals."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sextet.call.decision import Decision, Refuse, Request, Round, Searched, Target, Try
from sextet.call.rules import TARGETS_MAX
from sextet.call.search import search
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.table import Table
from sextet.model.expression import ALIAS_MAX
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.zones import Zone, ZonePeer
from tests.support.tables import LONDON, PARIS, rule, table

FROM_LONDON = Source(SourceKind.ZONE, "London")
FROM_PEER = Source(SourceKind.PEER, "expc02.apolo.local", 2)
BOB = "bob@apolo.local"


def request(alias: str = BOB, source: Source = LOCAL, **more: object) -> Request:
    given: dict[str, object] = {"protocol": "SIP", "alias": alias, "source": source, **more}
    return Request(**given)  # type: ignore[arg-type]


def decide(
    made: Table, asked: Request, here: Sequence[str] = (), elsewhere: Mapping[str, Sequence[int]] | None = None
) -> Decision:
    owners = elsewhere or {}
    decision = search(made, asked, lambda alias: alias in here, lambda alias: owners.get(alias, ())).decision
    assert explain(made, asked, here, elsewhere).decision == decision
    return decision


def explain(
    made: Table, asked: Request, here: Sequence[str] = (), elsewhere: Mapping[str, Sequence[int]] | None = None
) -> Searched:
    owners = elsewhere or {}
    return search(made, asked, lambda alias: alias in here, lambda alias: owners.get(alias, ()), every=True)


def tried(*targets: Target, priority: int = 50) -> Try:
    return Try((Round(priority=priority, targets=targets),))


def rounds(decision: Decision) -> list[list[str]]:
    assert isinstance(decision, Try), decision
    return [[target.rule for target in one.targets] for one in decision.rounds]


def steps(decision: Decision) -> list[tuple[str, str, str]]:
    assert isinstance(decision, Try), decision
    return [
        (target.rule, target.zone or "LocalZone", target.alias) for one in decision.rounds for target in one.targets
    ]


def test_devices_here_and_on_other_peers_ring_in_one_step() -> None:
    assert decide(table(), request("Bob@apolo.local"), here=[BOB], elsewhere={BOB: (2,)}) == tried(
        Target(kind="local", alias=BOB, hops=69, rule="LocalZoneMatch", here=True, peers=(2,))
    )


def test_a_peer_that_is_down_is_not_asked() -> None:
    decision = decide(table(), request(), elsewhere={BOB: (2, 3)})
    assert decision == tried(Target(kind="local", alias=BOB, hops=69, rule="LocalZoneMatch", peers=(2,)))
    assert decide(table(), request(), elsewhere={BOB: (3,)}) == Refuse(
        480,
        "rule LocalZoneMatch: bob@apolo.local is registered at peer 3 (expc03.apolo.local), which cannot be reached",
    )


def test_the_own_number_among_the_owners_is_no_other_peer() -> None:
    decision = decide(table(), request(), elsewhere={BOB: (1,)})
    assert isinstance(decision, Refuse)
    assert decision.status == 404


def test_a_refusal_names_the_rule_that_decided() -> None:
    assert decide(table(), request()) == Refuse(404, "rule LocalZoneMatch: bob@apolo.local is not registered")
    assert decide(table(search_rules=()), request()) == Refuse(404, "no search rule matched bob@apolo.local")


def test_a_zone_is_asked_at_its_addresses_for_the_alias_that_the_rule_makes() -> None:
    made = table([rule("Out", r"9(\d+)@.*", "Regex", behavior="Replace", replace=r"+\1@gw.example")])
    assert decide(made, request("9886@apolo.local")) == tried(
        Target(
            kind="zone",
            alias="+886@gw.example",
            hops=15,
            rule="Out",
            zone="London",
            uris=("sip:192.0.2.10:5062;transport=tls", "sip:192.0.2.11:5062;transport=tls"),
            trail=("9886@apolo.local",),
        ),
        priority=100,
    )


def test_rules_run_by_priority_and_in_their_order_within_one() -> None:
    rules = (rule("c", priority=90), rule("a", "bob", priority=20, target="Paris"), rule("b", priority=10))
    made = table(search_rules=rules)
    assert [name for name, *_ in steps(decide(made, request()))] == ["b", "a"]


def test_who_is_found_in_the_cluster_is_not_looked_for_in_later_priorities() -> None:
    made = table([rule("same", priority=50), rule("later", priority=60, target="Paris")])
    assert steps(decide(made, request(), here=[BOB])) == [("LocalZoneMatch", "LocalZone", BOB), ("same", "London", BOB)]
    assert [name for name, *_ in steps(decide(made, request()))] == ["same", "later"]


def test_devices_and_zones_of_one_priority_are_asked_in_one_round_devices_first() -> None:
    made = table(search_rules=(rule("zone", priority=50), rule("local", priority=50, target="LocalZone")))
    assert rounds(decide(made, request(), here=[BOB])) == [["local", "zone"]]


def test_each_priority_is_a_round_of_its_own() -> None:
    made = table([rule("a"), rule("b", target="Paris"), rule("c", "b", behavior="Strip", priority=200)])
    assert rounds(decide(made, request())) == [["a", "b"], ["c"]]


def test_stop_ends_the_search_after_the_rules_of_its_priority() -> None:
    made = table(
        search_rules=(
            rule("stop", "bob", priority=10, target="LocalZone", on_match="Stop"),
            rule("same", priority=10),
            rule("later", priority=20, target="Paris"),
        )
    )
    assert [name for name, *_ in steps(decide(made, request()))] == ["same"]
    assert [name for name, *_ in steps(decide(made, request("eve@x")))] == ["same", "later"]


def test_a_refusal_says_which_rule_ended_the_search() -> None:
    made = table(search_rules=(rule("Only", target="LocalZone", on_match="Stop"), rule("later", priority=200)))
    assert decide(made, request()) == Refuse(
        404, "rule Only: bob@apolo.local is not registered; rule Only ended the search"
    )


def test_a_target_is_asked_once_for_one_alias() -> None:
    made = table([rule("a"), rule("b", "BOB"), rule("c", "bob", behavior="Replace", replace="Bob", priority=200)])
    assert [name for name, *_ in steps(decide(made, request()))] == ["a"]


def test_a_call_never_goes_back_to_the_zone_it_came_from() -> None:
    assert decide(table([rule("a")]), request(source=FROM_LONDON)) == Refuse(
        404,
        "rule LocalZoneMatch: bob@apolo.local is not registered; rule a: zone London is where the request came from",
    )
    made = table([rule("a"), rule("b", target="Paris")])
    assert [zone for _, zone, _ in steps(decide(made, request(source=FROM_LONDON)))] == ["Paris"]


def test_disabled_rules_and_zones_are_skipped() -> None:
    made = table([rule("off", state="Disabled"), rule("b", target="Paris")], zones=(LONDON, PARIS))
    assert [name for name, *_ in steps(decide(made, request()))] == ["b"]
    made = table([rule("a")], zones=(replace(LONDON, state="Disabled"),))
    assert decide(made, request()) == Refuse(
        404, "rule LocalZoneMatch: bob@apolo.local is not registered; rule a: there is no enabled zone London"
    )


def test_a_zone_without_addresses_is_named() -> None:
    made = table(search_rules=(rule("a", target="Empty"),), zones=(Zone(name="Empty"),))
    assert decide(made, request()) == Refuse(404, "rule a: zone Empty has no address")


@pytest.mark.parametrize(
    ("source", "wanted", "yes"),
    [
        (LOCAL, {"source": "Any"}, True),
        (DEFAULT, {"source": "Any"}, True),
        (LOCAL, {"source": "All zones"}, True),
        (FROM_LONDON, {"source": "All zones"}, True),
        (DEFAULT, {"source": "All zones"}, False),
        (LOCAL, {"source": "Local Zone"}, True),
        (FROM_LONDON, {"source": "Local Zone"}, False),
        (FROM_LONDON, {"source": "Named", "source_name": "London"}, True),
        (FROM_LONDON, {"source": "Named", "source_name": "Paris"}, False),
        (DEFAULT, {"source": "Named", "source_name": "DefaultZone"}, True),
        (LOCAL, {"source": "Named", "source_name": "Local Zone"}, True),
    ],
)
def test_a_rule_is_for_requests_from_its_source(source: Source, wanted: dict[str, str], yes: bool) -> None:
    made = table(search_rules=(rule("a", target="Paris", **wanted),))
    assert isinstance(decide(made, request(source=source)), Try if yes else Refuse)


def test_a_rule_may_want_a_protocol_and_an_authenticated_request() -> None:
    made = table(search_rules=(rule("a", protocol="H323"), rule("b", authenticated=True, target="Paris")))
    assert isinstance(decide(made, request()), Refuse)
    assert [name for name, *_ in steps(decide(made, request(authenticated=True)))] == ["b"]
    assert [name for name, *_ in steps(decide(made, request(protocol="H323")))] == ["a"]


def test_modes_tell_addresses_from_aliases() -> None:
    made = table(search_rules=(rule("any"), rule("ip", mode="Any IP address", target="Paris")))
    assert [name for name, *_ in steps(decide(made, request("192.0.2.77")))] == ["ip"]
    assert [name for name, *_ in steps(decide(made, request("bob@192.0.2.77")))] == ["any"]


def test_the_first_transform_that_matches_changes_the_alias_for_all_rules() -> None:
    transforms = (
        Transform(priority=2, pattern="9", behavior="Strip"),
        Transform(priority=1, pattern=r"(\d+)", pattern_type="Regex", behavior="Replace", replace=r"\1@%localdomain1%"),
    )
    made = table(transforms=transforms)
    assert steps(decide(made, request("912"), here=["912@apolo.local"])) == [
        ("LocalZoneMatch", "LocalZone", "912@apolo.local")
    ]
    assert isinstance(decide(made, request("9bob@apolo.local"), here=[BOB]), Try)


def test_a_transform_that_leaves_nothing_or_too_much_refuses() -> None:
    gone = table(transforms=(Transform(priority=1, pattern=BOB, behavior="Strip"),))
    assert decide(gone, request()) == Refuse(404, "the transforms leave 0 characters of bob@apolo.local")
    made = table(transforms=(Transform(priority=1, pattern="b", behavior="Add Prefix", replace="x" * 60),))
    assert isinstance(decide(made, request("b" * (ALIAS_MAX - 10))), Refuse)


def test_a_rule_that_leaves_nothing_or_too_much_is_named() -> None:
    made = table(search_rules=(rule("cut", BOB, behavior="Strip"),))
    assert decide(made, request()) == Refuse(404, f"rule cut: nothing that can be searched is left of {BOB}")
    made = table(search_rules=(rule("grow", "b", behavior="Replace", replace="x" * 60),))
    assert isinstance(decide(made, request("b" * (ALIAS_MAX - 58))), Refuse)
    assert isinstance(decide(made, request("b" * (ALIAS_MAX - 59))), Try)


def test_only_the_last_causes_are_named() -> None:
    rules = tuple(rule(f"r{n}", "b", target="LocalZone", behavior="Replace", replace=str(n)) for n in range(9))
    decision = decide(table(search_rules=rules), request("b"))
    assert decision == Refuse(
        404, "rule r6: 6 is not registered; rule r7: 7 is not registered; rule r8: 8 is not registered"
    )


def test_a_request_from_a_peer_is_for_devices_here_and_nothing_else() -> None:
    transforms = (Transform(priority=1, pattern="bob", behavior="Replace", replace="eve"),)
    made = table([rule("a")], transforms=transforms)
    assert decide(made, request(source=FROM_PEER, hops=9), here=[BOB]) == tried(
        Target(kind="local", alias=BOB, hops=8, rule="", here=True), priority=0
    )
    assert decide(made, request(source=FROM_PEER), elsewhere={BOB: (2, 3)}) == Refuse(
        404, "bob@apolo.local is not registered at this peer"
    )


def test_hops_shrink_by_one_and_to_the_limit_of_the_zone() -> None:
    made = table([rule("l"), rule("p", target="Paris")])
    for received, sent in ((70, [15, 5]), (10, [9, 5]), (1, [0, 0])):
        decision = decide(made, request(hops=received))
        assert isinstance(decision, Try)
        assert [target.hops for one in decision.rounds for target in one.targets] == sent
    for source in (LOCAL, FROM_PEER):
        assert decide(made, request(hops=0, source=source), here=[BOB]) == Refuse(483, "Too many hops")


def test_an_alias_without_or_with_too_many_letters_is_refused_before_any_pattern_sees_it() -> None:
    made = table([rule("a", ".*", "Regex")])
    empty, long = decide(made, request("")), decide(made, request("x" * (ALIAS_MAX + 1)))
    assert isinstance(empty, Refuse)
    assert isinstance(long, Refuse)
    assert (empty.status, long.status) == (404, 414)
    assert isinstance(decide(made, request("x" * ALIAS_MAX)), Try)


def test_the_number_of_targets_is_limited() -> None:
    zones = tuple(Zone(name=f"z{n}", peers=(ZonePeer(address="192.0.2.9"),)) for n in range(TARGETS_MAX + 5))
    made = table(search_rules=tuple(rule(f"r{n}", target=zone.name) for n, zone in enumerate(zones)), zones=zones)
    assert len(steps(decide(made, request()))) == TARGETS_MAX


def test_a_reason_is_safe_in_a_header_whatever_was_dialled() -> None:
    decision = decide(table(), request('b"\r\nX: y\\' + "z" * 180))
    assert isinstance(decision, Refuse)
    assert not {'"', "\r", "\n", "\\"} & set(decision.reason)
    assert len(decision.reason) <= 250
    many = tuple(rule(f"r{n}", "z", target="LocalZone", behavior="Replace", replace=f"{n}") for n in range(3))
    cut = decide(table(search_rules=many), request("z" * 150))
    assert isinstance(cut, Refuse)
    assert len(cut.reason) == 250
    assert cut.reason.endswith("…")


def test_an_explanation_tells_rule_by_rule_what_happened() -> None:
    made = table(
        [rule("x", "9"), rule("off", state="Disabled"), rule("z", target="Paris"), rule("z2", target="Paris")],
        transforms=(Transform(priority=4, pattern="0", behavior="Strip"),),
    )
    told = explain(made, request("0bob@apolo.local"))
    seen = [note for note in told.notes if note.kind != "protocol"]
    assert [(note.name, note.matched, note.before, note.after, note.finding) for note in seen] == [
        ("transform 4", True, "0bob@apolo.local", BOB, "Strip"),
        ("LocalZoneMatch", True, BOB, BOB, "bob@apolo.local is not registered"),
        ("x", False, BOB, BOB, "the pattern does not match"),
        ("off", False, BOB, BOB, "the rule is disabled"),
        ("z", True, BOB, BOB, "zone Paris is asked for bob@apolo.local"),
        ("z2", True, BOB, BOB, "already asked"),
    ]
    (note,) = explain(made, request(source=FROM_PEER), here=[BOB]).notes
    assert (note.kind, note.name, note.matched) == ("peer", "expc02.apolo.local", True)
    told = explain(made, request(device="urn:uuid:1"))
    assert told.notes[0].finding == "not asked: the device urn:uuid:1 is called"
    found = explain(made, request(), here=[BOB], elsewhere={BOB: (2,)})
    assert found.notes[0].finding == "registered at this peer, peer 2 (expc02.apolo.local)"


def test_random_dial_plans_keep_what_every_search_promises() -> None:
    dice = random.Random(20)
    for _ in range(300):
        made = table(search_rules=tuple(_any_rule(dice, n) for n in range(dice.randrange(12))))
        source = dice.choice([LOCAL, DEFAULT, FROM_LONDON, FROM_PEER])
        asked = request(dice.choice([BOB, "12@b.example", "192.0.2.7"]), source, hops=dice.randrange(4))
        decision = decide(made, asked, here=dice.choice([[], [BOB]]), elsewhere={BOB: dice.choice([(), (2,), (3,)])})
        if isinstance(decision, Refuse):
            assert decision.reason
            continue
        found = [target for one in decision.rounds for target in one.targets]
        targets = [(target.zone, target.alias.lower()) for target in found]
        assert len(set(targets)) == len(targets)
        for step in found:
            assert 0 <= step.hops < asked.hops
            assert step.here or step.peers or step.uris
            assert step.zone != source.name
            assert 3 not in step.peers
            assert source is not FROM_PEER or (step.here and not step.peers)


def _any_rule(dice: random.Random, number: int) -> SearchRule:
    return rule(
        f"r{number}",
        dice.choice(["", "b", "1"]),
        target=dice.choice(["LocalZone", "London", "Paris"]),
        priority=dice.randrange(1, 4),
        on_match=dice.choice(["Stop", "Continue"]),
        state=dice.choice(["Enabled", "Enabled", "Disabled"]),
        behavior=dice.choice(["Leave", "Strip"]),
    )


def test_in_maintenance_mode_no_call_is_taken_not_even_from_a_peer() -> None:
    for source in (LOCAL, Source(SourceKind.PEER, "expc02", 2)):
        answer = decide(table(maintenance=True), request(source=source), here=(BOB,))
        assert answer == Refuse(503, "this peer is in maintenance mode")
