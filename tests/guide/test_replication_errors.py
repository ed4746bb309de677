"""警報和警告: a cluster replication error, and xcommand ForceConfigUpdate that ends it."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario
SIP = "/configuration/protocols/sip"
OURS, THEIRS = 71, 72


def edit(reader: Reader, number: int, seconds: int) -> None:
    assert "Saved" in reader.save(number, SIP, standard_refresh_maximum=str(seconds))


def has(reader: Reader, number: int, seconds: int) -> bool:
    return f'value="{seconds}"' in reader.open(number, SIP)


def test_force_config_update_deletes_what_conflicts_and_takes_the_primarys(running: Reader) -> None:
    reader = running
    reader.active()
    # What leads there: an old primary was cut off, and the others went on with a new one.
    for other in (2, 3):
        reader.do("cut", peer=1, other=other)
    reader.alarm(20016, 2, 3, says=("The configuration primary is unreachable",))
    edit(reader, 1, OURS)
    reader.choose(2, 2)
    reader.choose(3, 2)
    edit(reader, 2, THEIRS)
    reader.turn_page()
    reader.do("heal")
    # The examples of the alarm.
    inconsistent = "The configuration primary ID is inconsistent, manual synchronisation of configuration is required"
    conflicts = "The configuration of this peer conflicts with the primary's, manual synchronisation of configuration"
    reader.alarm(20017, 1, says=("Cluster replication error", inconsistent))
    reader.alarm(20011, 1, says=("Cluster replication error", conflicts))
    reader.logged(1, 'Event="Alarm Raised" Id="20011"')
    assert "Saved" in reader.choose(1, 2)
    reader.no_alarm(20017, 1, 2, 3)
    assert reader.alarms(1, 20011), "it stands until somebody acts"
    # 1, 2: on the command line of the subordinate, ForceConfigUpdate.
    said = reader.type_in(1, "cluster", "force-config-update", "--yes")
    # 3: its configuration is the primary's.
    assert "The shared configuration is the primary's now" in said, said
    reader.no_alarm(20011, 1)
    assert has(reader, 1, THEIRS) and not has(reader, 1, OURS)
    # Note: what was there before is not lost.
    history = reader.words(1, "/maintenance/history")
    assert "Standard registration refresh maximum" in history or "standard_refresh_maximum" in history, history
    reader.active()
    reader.well()


def test_the_primary_refuses_it(running: Reader) -> None:
    reader = running
    primary = int(reader.chosen(1, "configuration_primary"))
    refused = reader.refused(primary, "cluster", "force-config-update", "--yes")
    assert "names itself" in refused, refused
