"""Capacity and licence alarms, from measured use and limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.cluster.capacity.judging import Load, alarms_of
from sextet.cluster.capacity.pool import DAY_S, HOUR_S, KEPT_S, Share
from sextet.model import alarms as types
from sextet.model.capacity import Licences, Use, alone, together

QUIET = Load(
    uses={"one": Use(), "two": Use()},
    unit=alone("Medium VM"),
    cluster=together(["Medium VM"] * 2),
    licences=Licences(rooms=100, desktops=10, rms=20),
)


def load(one: Use, two: Use = Use(), **more: object) -> Load:  # noqa: B008
    return replace(QUIET, own=one, uses={"one": one, "two": two}, **more)  # type: ignore[arg-type]


def test_a_quiet_cluster_raises_nothing() -> None:
    assert alarms_of(QUIET) == {}


def test_without_a_class_and_licences_nothing_is_ever_raised() -> None:
    assert alarms_of(Load(own=Use(registrations=10**6, video=10**5), uses={"one": Use(rooms=10**6)})) == {}


@pytest.mark.parametrize(("registrations", "raised"), [(4499, False), (4500, True)])
def test_registrations_warn_at_the_level_of_the_whole_cluster(registrations: int, raised: bool) -> None:
    found = alarms_of(load(Use(registrations=2400), Use(registrations=registrations - 2400)))
    assert (types.REGISTRATIONS_NEAR in found) is raised


def test_a_warning_names_use_limit_and_level() -> None:
    found = alarms_of(load(Use(registrations=2400), Use(registrations=2300)))
    assert (
        found[types.REGISTRATIONS_NEAR] == "4700 of 5000 registrations in the cluster (94%); the warning level is 90 %."
    )


def test_a_level_of_zero_never_warns_and_still_tells_that_a_limit_is_reached() -> None:
    found = alarms_of(load(Use(registrations=2500, rooms=100), warning_level=0))
    assert set(found) == {types.UNIT_REGISTRATIONS_FULL, types.PEERS_REGISTRATIONS_FULL, types.ROOMS_FULL}


def test_a_full_unit_is_told_by_itself_and_by_the_others() -> None:
    full, other = Use(registrations=2500), Use(registrations=1)
    assert types.UNIT_REGISTRATIONS_FULL in alarms_of(load(full, other))
    seen = alarms_of(load(other, full))
    assert types.UNIT_REGISTRATIONS_FULL not in seen
    assert seen[types.PEERS_REGISTRATIONS_FULL] == "At the limit of 2500 registrations: two 2500."


def test_a_full_cluster_is_told_although_no_peer_of_it_is_full() -> None:
    """Small VMs carry together what one of them carries, and refuse what is beyond that."""
    small: dict[str, object] = {"unit": alone("Small VM"), "cluster": together(["Small VM"] * 2), "warning_level": 0}
    found = alarms_of(load(Use(video=20, registrations=900), Use(video=19, audio=1, registrations=1100), **small))
    assert found == {
        types.CALLS_FULL: "40 of 40 calls in the cluster.",
        types.UNIT_REGISTRATIONS_FULL: "2000 of 2000 registrations in the cluster.",
    }
    assert alarms_of(load(Use(video=20, registrations=900), Use(video=19, registrations=1099), **small)) == {}


def test_proxied_registrations_share_the_alarms_of_registrations_and_name_themselves() -> None:
    found = alarms_of(load(Use(registrations=2400, proxied=3000), Use(registrations=2300, proxied=2900)))
    assert found == {
        types.REGISTRATIONS_NEAR: "4700 of 5000 registrations in the cluster (94%); the warning level is 90 %. "
        "5900 of 6000 proxied registrations in the cluster (98%); the warning level is 90 %.",
        types.UNIT_REGISTRATIONS_FULL: "3000 of 3000 proxied registrations on this peer.",
        types.PEERS_REGISTRATIONS_FULL: "At the limit of 3000 proxied registrations: one 3000.",
    }


def test_audio_calls_count_half() -> None:
    assert types.CALLS_FULL not in alarms_of(load(Use(video=99, audio=1)))
    assert types.CALLS_FULL in alarms_of(load(Use(video=99, audio=2)))


@pytest.mark.parametrize(
    ("use", "near", "full"),
    [
        (Use(rooms=90), types.ROOMS_NEAR, types.ROOMS_FULL),
        (Use(desktops=9), types.DESKTOPS_NEAR, types.DESKTOPS_FULL),
        (Use(rms_video=17, rms_audio=2), types.RMS_NEAR, types.RMS_FULL),
    ],
)
def test_licences_warn_then_tell_that_they_are_used_up(use: Use, near: types.AlarmType, full: types.AlarmType) -> None:
    found = alarms_of(load(use))
    assert near in found and full not in found
    assert full in alarms_of(load(use, use))


def test_licences_that_are_not_counted_raise_nothing() -> None:
    assert types.ROOMS_FULL not in alarms_of(load(Use(rooms=500), licences=None))


LOST = Licences(rms=300)


@pytest.mark.parametrize(
    ("lost_s", "alarm", "words"),
    [
        (3 * HOUR_S, types.LICENCES_LOST_HOURS, "three not heard for more than 3 hours, 300 rich media session"),
        (2 * DAY_S, types.LICENCES_LOST_DAYS, "leave the pool in 12 days"),
        (KEPT_S - 2 * HOUR_S, types.LICENCES_LOST_DAYS, "leave the pool in 2 hours"),
        (KEPT_S, types.LICENCES_GONE, "three (300 rich media session licences)."),
    ],
)
def test_a_lost_peer_is_told_in_hours_then_days_then_as_gone(lost_s: float, alarm: types.AlarmType, words: str) -> None:
    found = alarms_of(replace(QUIET, missed={"three": Share(licences=LOST, lost_s=lost_s)}))
    assert list(found) == [alarm]
    assert words in found[alarm]


def test_several_lost_peers_have_an_alarm_of_their_own() -> None:
    missed = {name: Share(licences=LOST, lost_s=2 * DAY_S) for name in ("three", "four")}
    assert list(alarms_of(replace(QUIET, missed=missed))) == [types.LICENCES_LOST_DAYS_MANY]
