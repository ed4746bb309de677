"""建立新群集: a cluster of one is made on a fresh system."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.guide_reader import AT_ONCE, AT_RESTART, CLUSTERING, Reader, fields, fresh

pytestmark = pytest.mark.scenario


@pytest.mark.parametrize("take_effect", [AT_RESTART, AT_ONCE])
def test_a_cluster_of_one_stands_after_save_and_restart(systems: Callable[..., Reader], take_effect: str) -> None:
    reader = systems(1, fresh(take_effect))
    # 1, 2: open the web interface, System > Clustering.
    page = reader.words(1, CLUSTERING)
    assert "Cluster name (FQDN for Provisioning)" in page and "Peer 6 address" in page
    # 3, 4: enter the values, Save.
    answered = reader.save(1, **fields(reader.lab.plan.peers))
    assert "Saved" in answered, answered
    if take_effect == AT_RESTART:
        reader.alarm(20007, 1)
        assert "This peer must be restarted" in reader.words(1, CLUSTERING)
        assert reader.line(1, 1) == "", "nothing is in force before the restart"
        # 5, 6: Maintenance > Restart options, Restart, OK.
        assert "A restart is required for" in reader.words(1, "/maintenance/restart")
        reader.restart(1)
        reader.no_alarm(20007, 1)
    # 7: the certificate is valid; this is this system.
    reader.sees(1, 1, "✔ Certificate: Valid", "✔ Clustering: This system")
    reader.database(1, "✔ Active")
    assert "must be restarted" not in reader.words(1, CLUSTERING)
    reader.well()
