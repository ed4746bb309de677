"""What a cluster may carry, by the guide's table and the facts' rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.model.capacity import (
    AUDIO_CALL,
    AUDIO_SHARE,
    CALLS,
    CALLS_HERE,
    DESKTOPS,
    PROXIED,
    PROXIED_HERE,
    REGISTRATIONS,
    REGISTRATIONS_HERE,
    RMS,
    ROOMS,
    UNLIMITED,
    Licences,
    Limits,
    Use,
    alone,
    limits_of,
    needs_desktop,
    together,
)

GUIDE = [  # guide, "容量": a cluster of four
    ("CE1200", 20_000, 2000, 4000, 2000, 20_000, 24_000),
    ("Large VM", 20_000, 2000, 4000, 2000, 10_000, 24_000),
    ("Medium VM", 10_000, 400, 800, 400, 10_000, 7200),
    ("Small VM", 2000, 40, 40, 75, 200, 1800),
]


@pytest.mark.parametrize(("platform", "registrations", "calls", "audio", "rms", "proxied", "relays"), GUIDE)
@pytest.mark.parametrize("peers", [4, 5, 6])
def test_four_to_six_peers_carry_what_the_guide_says(
    platform: str, registrations: int, calls: int, audio: int, rms: int, proxied: int, relays: int, peers: int
) -> None:
    found = together([platform] * peers)
    wanted = Limits(registrations=registrations, calls=calls, rms=rms, proxied=proxied, relays=relays)
    assert replace(found, audio_share=wanted.audio_share) == wanted
    assert Use(audio=audio).calls(found.audio_share) == calls, "so many audio calls fill it too"


@pytest.mark.parametrize(("peers", "registrations"), [(1, 5000), (2, 10_000), (3, 15_000)])
def test_up_to_four_peers_each_adds_one_unit(peers: int, registrations: int) -> None:
    assert together(["Large VM"] * peers).registrations == registrations


def test_small_systems_add_resilience_only() -> None:
    assert together(["Small VM"]) == together(["Small VM"] * 6) == alone("Small VM")


def test_without_a_class_there_is_no_limit() -> None:
    assert together([UNLIMITED] * 3) == alone(UNLIMITED) == Limits()


def test_while_classes_differ_nobody_is_promised_more_than_the_smallest_carries() -> None:
    assert together(["Large VM", "Medium VM"]).calls == 200
    assert together(["Large VM", "Small VM"]).calls == 40


def test_two_audio_calls_are_one_video_call_and_share_a_session() -> None:
    assert Use(video=3, audio=1).calls(AUDIO_SHARE) == 3.5
    assert Use(rms_video=1, rms_audio=3).rms == 3


def test_counts_add_up() -> None:
    assert Licences(rooms=1, rms=2) + Licences(rooms=2, desktops=5) == Licences(rooms=3, desktops=5, rms=2)
    assert Use(video=1, rooms=2) + Use(video=4) == Use(video=5, rooms=2)


@pytest.mark.parametrize(
    ("user_agent", "desktop"),
    [
        ("Cisco/DX80/ce9.15", True),
        ("TANDBERG EX90", True),
        ("Movi 4.8", True),
        ("Cisco Webex Room Kit", False),
        ("FLEX600", False),
    ],
)
def test_desktops_are_known_by_their_user_agent(user_agent: str, desktop: bool) -> None:
    assert needs_desktop(user_agent) is desktop


def test_every_h323_registration_is_a_rooms() -> None:
    assert not needs_desktop("TANDBERG EX90", "H323")


def test_what_workers_count_has_a_limit_only_where_something_limits_it() -> None:
    assert limits_of(alone(UNLIMITED), together([UNLIMITED]), None) == {}
    found = limits_of(alone("Medium VM"), together(["Medium VM"] * 2), Licences(rooms=5, rms=20))
    assert found[CALLS_HERE] == 200 and found[CALLS] == 400, "in audio calls"
    assert found[RMS] == 40, "fewer licences than the class carries"
    assert (found[REGISTRATIONS_HERE], found[REGISTRATIONS], found[ROOMS], found[DESKTOPS]) == (2500, 5000, 5, 0)
    assert (found[PROXIED_HERE], found[PROXIED]) == (3000, 6000)
    assert AUDIO_CALL not in found
    small = limits_of(alone("Small VM"), together(["Small VM"]), None)
    assert small[CALLS] == 80 and small[AUDIO_CALL] == 2, "an audio call takes as much as a video call"
    assert ROOMS not in limits_of(alone("Medium VM"), together(["Medium VM"]), None), "licences are not counted"
