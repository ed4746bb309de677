"""將群集更改為使用FQDN: peer addresses become names, one at a time, each on every peer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sextet.lab.documents import Secrets
from sextet.lab.plan import Plan
from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader
from tests.support.real_lab import edit_initial

pytestmark = pytest.mark.scenario


def by_address(take_effect: str) -> Callable[[Plan, Secrets], None]:
    """Prepare the guide's start: an "IP Permissive" cluster."""

    def write(made: Plan, drawn: Secrets) -> None:
        addresses = {f"peer_{peer.number}_address": peer.address for peer in made.peers}
        for peer in made.peers:
            settings = {**addresses, "changes_take_effect": take_effect}
            edit_initial(peer, lambda document, settings=settings: document["clustering"].update(settings))

    return write


@pytest.mark.parametrize(("take_effect", "peers"), [(AT_RESTART, 3), (AT_ONCE, 2)])
def test_one_address_at_a_time_ends_in_a_cluster_of_names(
    systems: Callable[..., Reader], take_effect: str, peers: int
) -> None:
    reader = systems(peers, by_address(take_effect))
    reader.well()
    assert "Active as expc02" in reader.line(1, 2) and "Resolved" not in reader.line(1, 2)
    # 1, 2, 8: on all peers; peer 1 address first, then the next.
    for changed in reader.lab.numbers:
        # 3, 4, 5: on each peer of the cluster, from its address to its FQDN, Save.
        for number in reader.lab.numbers:
            answered = reader.save(number, **{f"peer_{changed}_address": reader.name(changed)})
            assert "Saved" in answered, answered
        if take_effect == AT_RESTART:
            reader.alarm(20007, changed)
            # 6: restart the peer whose address it is.
            reader.restart(changed)
        # 7: wait until alarms are gone.
        reader.no_alarm(20007, *reader.lab.numbers)
        reader.well()
    # 9: all are changed, all restarted: an "FQDN Permissive" cluster.
    reader.active()
