"""The session timer of a request, as RFC 4028 8.1 has a proxy treat it."""

from __future__ import annotations

import random

import pytest

from sextet.call.session_timer import LEAST_S, Session, Timed, timed

SESSION = Session(value_s=1800, minimum_s=500)


@pytest.mark.parametrize(
    ("expires", "least", "supported", "interval_s", "new_expires", "new_least"),
    [
        ("", "", "timer", 1800, "1800", None),
        ("", "", "", 1800, "1800", "500"),
        ("", "3600", "timer", 3600, "3600", None),
        ("1800", "", "timer", 1800, None, None),
        ("500;refresher=uas", "", "100rel, timer", 500, None, None),
        ("7200;refresher=uac", "", "timer", 1800, "1800;refresher=uac", None),
        ("7200", "2400", "timer", 2400, "2400", None),
        ("2000", "2400", "timer", 2400, "2400", None),
        ("90", "", "", 500, "500", "500"),
        ("90", "600", "100rel", 600, "600", None),
        ("1200", "90", "", 1200, None, "500"),
        ("soon", "never", "timer", 1800, "1800", None),
        ("-5", "", "timer", 1800, "1800", None),
        ("99999999999999999999", "", "timer", 1800, "1800", None),
        ("4294967295 ; refresher=uac", "", "TIMER", 1800, "1800; refresher=uac", None),
    ],
)
def test_a_request_goes_on_with_a_timer_that_suits_its_sender_and_us(
    expires: str, least: str, supported: str, interval_s: int, new_expires: str | None, new_least: str | None
) -> None:
    found = timed(SESSION, expires, least, supported)
    assert found == Timed(
        interval_s=interval_s, refreshed="timer" in supported.lower(), expires=new_expires, least=new_least
    )


@pytest.mark.parametrize("expires", ["499", "90", "1", "0499;refresher=uac"])
def test_only_who_can_try_again_is_refused(expires: str) -> None:
    assert timed(SESSION, expires, "", "timer") is None
    assert timed(SESSION, expires, "", "timers") is not None


def test_what_goes_on_keeps_the_rules_of_the_protocol_whatever_came() -> None:
    chance = random.Random(4028)
    for _ in range(3000):
        minimum = chance.randrange(90, 7200)
        session = Session(value_s=chance.randrange(minimum, 86401), minimum_s=minimum)
        wanted, floor = chance.choice([0, chance.randrange(1, 10**5)]), chance.choice([0, chance.randrange(90, 10**5)])
        supported = chance.choice(["timer", ""])
        found = timed(session, str(wanted or ""), str(floor or ""), supported)
        if found is None:
            assert supported and 0 < wanted < session.minimum_s
            continue
        least_s = int(found.least or floor or LEAST_S)
        assert found.interval_s >= least_s >= (floor or LEAST_S)
        assert found.interval_s <= max(session.value_s, least_s)
        assert not wanted or found.interval_s <= max(wanted, least_s), "a proxy must not lengthen it but for Min-SE"
        assert found.least is None or not supported, "Min-SE of who knows it is his own"
