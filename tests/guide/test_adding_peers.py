"""要新增其他對等體: systems join a cluster of one, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sextet.lab.plan import CLUSTER_NAME
from tests.support.guide_reader import AT_ONCE, AT_RESTART, CLUSTERING, Reader, fields, typed

pytestmark = pytest.mark.scenario
ONE = {"cluster_name": CLUSTER_NAME, "configuration_primary": 1, "peer_1_address": "expc01.apolo.local"}
ZONES = "/configuration/zones"


def test_newcomers_become_active_and_take_over_the_primarys_configuration(systems: Callable[..., Reader]) -> None:
    reader = systems(4, typed(AT_RESTART, {1: ONE, 4: {"changes_take_effect": AT_ONCE}}))
    reader.sees(1, 1, "This system")
    add(reader, 2, AT_RESTART)
    add(reader, 3, AT_RESTART)
    reader.takes_effect(AT_ONCE)
    add(reader, 4, AT_ONCE)
    reader.well()


def add(reader: Reader, newcomer: int, take_effect: str) -> None:
    name, before = reader.name(newcomer), range(1, newcomer)
    reader.turn_page()
    # 1, 2, 3: on the primary, its address into the first empty field, Save.
    answered = reader.save(1, **{f"peer_{newcomer}_address": name})
    assert "Saved" in answered, answered
    # 4: peer 1 is this system; the new one is Unknown, and after a refresh Failed.
    reader.sees(1, 1, "✔ Clustering: This system")
    line = reader.line(1, newcomer)
    assert "Clustering: Unknown" in line or "Clustering: Failed" in line, line
    reader.sees(1, newcomer, "✘ Clustering: Failed")
    # 5, 6, 7: the same list on every subordinate that is in the cluster already, and on the newcomer.
    listed = fields(reader.lab.plan.peers[:newcomer])
    for subordinate in range(2, newcomer):
        assert "Saved" in reader.save(subordinate, **listed)
    # 8: cluster communication failure; it clears after the restart.
    reader.alarm(20004, *before, says=(name,))
    for peer in before:
        reader.logged(peer, 'Event="Alarm Raised" Id="20004"')
    assert f"Of expc{newcomer:02}" in reader.words(newcomer, ZONES), "it has its own configuration still"
    assert "Saved" in reader.save(newcomer, **listed)
    if take_effect == AT_RESTART:
        reader.alarm(20007, newcomer)
        assert f"Of expc{newcomer:02}" in reader.words(newcomer, ZONES), "nothing is replicated before it has joined"
        reader.sees(1, newcomer, "✘ Clustering: Failed")
        # 9: restart the newcomer.
        reader.restart(newcomer)
    # 10, 11: wait; the cluster database is Active, every line is green.
    reader.active(*before, newcomer)
    reader.no_alarm(20004, *before, newcomer)
    reader.no_alarm(20007, *before, newcomer)
    # 12: the configuration is replicated to it; what is specific to the peer stays.
    reader.until("it has the primary's zone", lambda: reader.words(newcomer, ZONES), ("Of expc01",))
    assert f"Of expc{newcomer:02}" not in reader.words(newcomer, ZONES)
    assert f'value="expc{newcomer:02}"' in reader.open(newcomer, "/system/dns"), "† stays"
    assert f"Of expc{newcomer:02}" in reader.type_in(newcomer, "config", "set-aside"), "what was replaced is kept"
    reader.logged(newcomer, "Starting synchronisation", "This peer is not the cluster master", "completed successfully")
    assert CLUSTER_NAME in reader.open(newcomer, CLUSTERING)
