"""更改主要對等體: another peer becomes the primary while the old one is alive, and when it is dead."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario
PRIMARY = "configuration_primary"


def test_the_old_primary_alive(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    old = int(reader.chosen(1, PRIMARY))
    new, third = (number for number in reader.lab.numbers if number != old)
    # 1, 2, 3: on the new primary, its own number as the configuration primary, Save.
    answered = reader.choose(new, new)
    assert "This peer is the configuration primary" in answered, answered
    # Note: the mismatch alarms are to be ignored meanwhile.
    reader.alarm(20017, 1, 2, 3)
    # 4 to 7: on all others, the old primary first.
    for number in (old, third):
        assert reader.alarms(number, 20017)
        assert "Saved" in reader.choose(number, new)
        # 8: refresh the page, the change was accepted.
        assert reader.chosen(number, PRIMARY) == str(new)
    reader.no_alarm(20017, 1, 2, 3)
    # 10: the cluster database is Active.
    reader.active()
    reader.well()
    assert "Saved" in reader.save(3, "/configuration/protocols/sip", standard_refresh_maximum=str(60 + new))
    for number in reader.lab.numbers:
        look = lambda number=number: reader.open(number, "/configuration/protocols/sip")
        reader.until(f"peer {number} has the edit", look, (f'value="{60 + new}"',))


def test_the_old_primary_dead(both_ways: Reader) -> None:
    reader = both_ways
    old = int(reader.chosen(3, PRIMARY))
    new, *others = (number for number in reader.lab.numbers if number != old)
    reader.do("kill", peer=old)
    reader.alarm(20016, new, *others, says=(reader.name(old),))
    # 1, 2, 3: also with the primary not reachable.
    answered = reader.choose(new, new)
    assert "This peer is the configuration primary" in answered, answered
    reader.alarm(20017, new, *others)
    # 4 to 8: the old one cannot be accessed; the rest.
    for number in others:
        assert "Saved" in reader.choose(number, new)
        assert reader.chosen(number, PRIMARY) == str(new)
    reader.no_alarm(20017, new, *others)
    reader.no_alarm(20016, new, *others)
    # The old one returns and does not accept the change by itself; 9: the same procedure there.
    reader.do("start", peer=old)
    reader.alarm(20017, old)
    assert reader.chosen(old, PRIMARY) == str(old)
    assert "Saved" in reader.choose(old, new)
    # 10: the cluster database is Active.
    reader.no_alarm(20017, *reader.lab.numbers)
    reader.active()
    reader.well()
