"""Connected as asked for, with less, or refused: the whole table of downspeeding."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sextet.call.bandwidth.decision import EXCEEDS, UNAVAILABLE, Granted, Refused, decide, no_way
from sextet.call.bandwidth.plan import Plan, of_config
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, Bandwidth, Pipe
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.zones import DEFAULT_ZONE

LINKS = tuple(replace(link, pipe1="Line") if link.name == "DefaultSZtoDefaultZ" else link for link in DEFAULT_LINKS)


def plan(per_call: bool = True, total: bool = True, **pipe: object) -> Plan:
    bandwidth = Bandwidth(downspeed_per_call=per_call, downspeed_total=total)
    return of_config(Root(links=LINKS, pipes=(Pipe(name="Line", **pipe),), bandwidth=bandwidth))  # type: ignore[arg-type]


def asked(made: Plan, wanted: int, used: int = 0, least: int = 64) -> Granted | Refused:
    route = made.route(DEFAULT_SUBZONE, DEFAULT_ZONE)
    assert route is not None
    return decide(made, route, wanted, least, lambda element, limit: limit - used)


ONE = {"per_call_mode": "Limited", "per_call_limit": 512}
ALL = {"total_mode": "Limited", "total_limit": 1000}


@pytest.mark.parametrize(
    ("limits", "per_call", "total", "wanted", "used", "kbps"),
    [
        ({}, True, True, 100_000, 0, 100_000),
        (ONE, True, True, 512, 0, 512),
        (ONE, True, True, 513, 0, 512),
        (ONE, False, True, 512, 0, 512),
        (ALL, True, True, 384, 616, 384),
        (ALL, True, True, 384, 617, 383),
        (ALL, False, True, 384, 936, 64),
        (ALL, True, False, 384, 616, 384),
        ({**ONE, **ALL}, True, True, 1920, 700, 300),
        ({**ONE, **ALL}, True, False, 1920, 488, 512),
        (ALL, True, True, 30, 970, 30),
    ],
)
def test_what_is_connected_and_with_how_much(
    limits: dict[str, object], per_call: bool, total: bool, wanted: int, used: int, kbps: int
) -> None:
    granted = asked(plan(per_call, total, **limits), wanted, used)
    assert isinstance(granted, Granted)
    assert granted.kbps == kbps
    assert bool(granted.downspeeded_by) == (kbps < wanted)


@pytest.mark.parametrize(
    ("limits", "per_call", "total", "wanted", "used", "words"),
    [
        (ONE, False, True, 513, 0, EXCEEDS),
        ({"per_call_mode": "Limited", "per_call_limit": 63}, True, True, 384, 0, EXCEEDS),
        ({"per_call_mode": "No bandwidth"}, True, True, 64, 0, EXCEEDS),
        ({"per_call_mode": "No bandwidth"}, True, True, 0, 0, UNAVAILABLE),
        (ALL, True, False, 384, 617, UNAVAILABLE),
        (ALL, True, True, 384, 937, UNAVAILABLE),
        (ALL, True, True, 384, 1200, UNAVAILABLE),
        (ALL, True, True, 30, 971, UNAVAILABLE),
        ({"total_mode": "No bandwidth"}, True, True, 64, 0, UNAVAILABLE),
        ({"total_mode": "No bandwidth"}, True, True, 0, 0, UNAVAILABLE),
        ({**ONE, **ALL}, True, False, 1920, 489, UNAVAILABLE),
    ],
)
def test_what_is_refused_and_in_which_words(
    limits: dict[str, object], per_call: bool, total: bool, wanted: int, used: int, words: str
) -> None:
    made = plan(per_call, total, **limits)
    if wanted == 0 and words == UNAVAILABLE and "per_call_mode" in limits:
        assert asked(made, wanted, used) == Granted(0)  # nothing asked for exceeds nothing
        return
    refused = asked(made, wanted, used)
    assert isinstance(refused, Refused)
    assert refused.words == words
    assert "Line" in refused.cause


def test_an_audio_call_is_never_given_less_than_it_runs_with() -> None:
    assert isinstance(asked(plan(**ALL), 80, used=940, least=80), Refused)
    assert asked(plan(**ALL), 80, used=920, least=80) == Granted(80)


def test_the_reason_can_stand_in_a_header() -> None:
    assert no_way('A"B\\C\r\nD', "E").reason == f"{UNAVAILABLE}: no links lead from A?B?C??D to E"


@pytest.mark.parametrize("seed", range(40))
def test_no_grant_exceeds_any_limit_and_no_refusal_could_have_been_a_grant(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(50):
        total, cap, used = dice.randint(1, 2000), dice.randint(1, 2000), dice.randint(0, 2500)
        flags = dice.random() < 0.5, dice.random() < 0.5
        made = plan(*flags, total_mode="Limited", total_limit=total, per_call_mode="Limited", per_call_limit=cap)
        wanted, least = dice.randint(1, 2500), dice.randint(1, 200)
        answer = asked(made, wanted, used, least)
        most = wanted
        if wanted > cap:
            most = cap if flags[0] else -1
        if most > total - used:
            most = total - used if flags[1] else -1
        if isinstance(answer, Granted):
            assert answer.kbps == most
        else:
            assert most < min(wanted, least)
