"""將群集更改為使用FQDN: peer addresses become names, one at a time, each on every peer."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader

pytestmark = pytest.mark.scenario


def by_address(reader: Reader) -> None:
    """Make it the guide's start, an "IP Permissive" cluster."""
    take_effect = reader.chosen(1, "changes_take_effect")
    reader.takes_effect(AT_ONCE)
    for changed in reader.lab.numbers:
        for number in reader.lab.numbers:
            answered = reader.save(number, **{f"peer_{changed}_address": reader.lab.peer(changed).address})
            assert "Saved" in answered, answered
    reader.well()
    reader.takes_effect(take_effect)
    reader.well()


def test_one_address_at_a_time_ends_in_a_cluster_of_names(both_ways: Reader) -> None:
    reader = both_ways
    at_restart = reader.chosen(1, "changes_take_effect") == AT_RESTART
    by_address(reader)
    assert "Active as expc02" in reader.line(1, 2) and "Resolved" not in reader.line(1, 2)
    # 1, 2, 8: on all peers; peer 1 address first, then the next.
    for changed in reader.lab.numbers:
        # 3, 4, 5: on each peer of the cluster, from its address to its FQDN, Save.
        for number in reader.lab.numbers:
            answered = reader.save(number, **{f"peer_{changed}_address": reader.name(changed)})
            assert "Saved" in answered, answered
        if at_restart:
            reader.alarm(20007, changed)
            # 6: restart the peer whose address it is.
            reader.restart(changed)
        # 7: wait until alarms are gone.
        reader.no_alarm(20007, *reader.lab.numbers)
        reader.well()
    # 9: all are changed, all restarted: an "FQDN Permissive" cluster.
    reader.active()
