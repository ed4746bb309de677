"""Random dial plans and requests: the engine, its explanation and the slow model always agree."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from sextet.call.decision import Request, Searched, Try
from sextet.call.search import search
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.table import Peer, Table
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DialPlan, SearchRule, Transform
from sextet.model.settings.zones import Zone, ZonePeer
from tests.call import reference

ZONES = ("London", "Paris", "Rome")
PATTERNS = [
    ("Exact", "bob@a.test"), ("Prefix", "9"), ("Prefix", "bo"), ("Prefix", "0"), ("Suffix", "@a.test"),
    ("Suffix", "@B.test"), ("Suffix", "9"), ("Regex", r"(\d+)@(.*)"), ("Regex", r"9(.*)@a\.test"),
    ("Regex", r".*@b\.test"), ("Regex", r"(?!bob).*"), ("Regex", r"(.*)\.(.*)"),
]  # fmt: skip
ALIASES = [
    "bob@a.test",
    "Bob@A.test",
    "9bob@a.test",
    "912@b.test",
    "eve@b.test",
    "9",
    "0x@a.test",
    "192.0.2.9",
    "10.0.0.1",
]


def a_rule(dice: random.Random, number: int) -> SearchRule:
    kind, pattern = dice.choice(PATTERNS)
    behavior = dice.choice(["Leave", "Leave", "Replace", "Strip" if kind in ("Prefix", "Suffix") else "Leave"])
    return SearchRule(
        name=f"r{number}",
        priority=dice.randrange(1, 6),
        mode=dice.choice(["Alias pattern match", "Alias pattern match", "Any alias", "Any IP address"]),
        pattern_type=kind,
        pattern=pattern,
        behavior=behavior,
        replace=dice.choice(
            ["bob@a.test", "7", r"\1" if kind == "Regex" and "(" in pattern[:6] and "?" not in pattern else "7"]
        ),
        source=dice.choice(["Any", "Any", "All zones", "Local Zone", "Named"]),
        source_name=dice.choice([*ZONES, "DefaultZone", "LocalZone"]),
        authenticated=dice.random() < 0.2,
        protocol=dice.choice(["Any", "Any", "Any", "SIP", "H323"]),
        on_match=dice.choice(["Continue", "Continue", "Stop"]),
        target=dice.choice(["LocalZone", *ZONES]),
        state=dice.choice(["Enabled", "Enabled", "Enabled", "Disabled"]),
    )


def a_transform(dice: random.Random, priority: int) -> Transform:
    kind, pattern = dice.choice([one for one in PATTERNS if one[0] in ("Prefix", "Suffix")])
    behavior = dice.choice(["Strip", "Replace", "Add Prefix", "Add Suffix"])
    state = dice.choice(["Enabled", "Disabled"])
    return Transform(
        priority=priority, pattern_type=kind, pattern=pattern, behavior=behavior, replace=dice.choice(["9", "@a.test"]),
        state=state,
    )  # fmt: skip


def a_plan(dice: random.Random) -> Root:
    zones = tuple(
        Zone(name=name, peers=(ZonePeer(address=f"10.9.0.{n}"),), state=dice.choice(["Enabled", "Enabled", "Disabled"]))
        for n, name in enumerate(ZONES, 1)
    )
    return Root(
        zones=zones,
        transforms=tuple(a_transform(dice, n) for n in dice.sample(range(1, 9), dice.randrange(4))),
        search_rules=tuple(a_rule(dice, n) for n in range(dice.randrange(15))),
        dial_plan=DialPlan(unknown_ip=dice.choice(["Indirect", "Off"])),
    )


def asked(told: Searched) -> reference.Rounds:
    if not isinstance(told.decision, Try):
        return []
    return [
        (one.priority, [(target.zone or "LocalZone", target.alias) for target in one.targets])
        for one in told.decision.rounds
    ]


def sources(config: Root) -> Sequence[Source]:
    enabled = [zone.name for zone in config.zones if zone.state == "Enabled"]
    return [LOCAL, LOCAL, DEFAULT, *(Source(SourceKind.ZONE, name) for name in enabled)]


@pytest.mark.parametrize("seed", range(40))
def test_the_engine_agrees_with_the_slow_model(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(25):
        config = a_plan(dice)
        table = Table.from_wanted(config, 1, (Peer(number=2, name="two", ip="10.0.0.2", up=True),), 1)
        found: Mapping[str, Sequence[int]] = {
            name: dice.choice([(), (0,), (2,), (0, 2)]) for name in ("bob@a.test", "eve@b.test", "7", "192.0.2.9")
        }
        for _ in range(8):
            alias, source = dice.choice(ALIASES), dice.choice(sources(config))
            proved, protocol = dice.random() < 0.5, dice.choice(["SIP", "SIP", "H323"])
            request = Request(protocol=protocol, alias=alias, source=source, authenticated=proved)
            expected = reference.rounds(config, alias, source.name, proved, protocol, found)
            _agree(table, request, found, expected)


def _agree(table: Table, request: Request, found: Mapping[str, Sequence[int]], expected: reference.Rounds) -> None:
    def here(name: str) -> bool:
        return 0 in found.get(name, ())

    def elsewhere(name: str) -> Sequence[int]:
        return [number for number in found.get(name, ()) if number]

    quick = search(table, request, here, elsewhere)
    whole = search(table, request, here, elsewhere, every=True)
    assert asked(quick) == expected, (table.document["config"], request)
    assert whole.decision == quick.decision
    assert list(quick.notes) == [note for note in whole.notes if note.matched or note.kind == "alias"]
