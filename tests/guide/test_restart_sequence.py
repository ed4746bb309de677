"""重新啟動序列: the primary first, then one peer after the other, each looked at before the next."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario


def test_primary_first_then_the_peers_one_by_one(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    # 1: restart the primary, wait until its web interface can be accessed.
    for number in reader.lab.numbers:
        reader.turn_page()
        reader.restart(number)
        # 2, 3: verify the replication state there, and the state of all peers, before the next.
        reader.active()
        for other in reader.lab.numbers:
            reader.no_alarm(20004, other)
            reader.no_alarm(20006, other)
        reader.logged(number, "Starting synchronisation", "Synchronisation completed successfully")
        for other in reader.lab.numbers:
            shown = reader.words(other, "/status/overview")
            assert "3 of 3 peers active" in shown, shown
    reader.well()
