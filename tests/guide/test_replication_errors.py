"""警報和警告: a cluster replication error, and xcommand ForceConfigUpdate that ends it."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario
SIP = "/configuration/protocols/sip"


def edit(reader: Reader, number: int, seconds: int) -> None:
    assert "Saved" in reader.save(number, SIP, standard_refresh_maximum=str(seconds))


def has(reader: Reader, number: int, seconds: int) -> bool:
    return f'value="{seconds}"' in reader.open(number, SIP)


def test_force_config_update_deletes_what_conflicts_and_takes_the_primarys(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    old = int(reader.chosen(1, "configuration_primary"))
    new, third = (number for number in reader.lab.numbers if number != old)
    ours, theirs = 70 + 2 * old, 71 + 2 * old
    # What leads there: an old primary was cut off, and the others went on with a new one.
    for other in (new, third):
        reader.do("cut", peer=old, other=other)
    reader.alarm(20016, new, third, says=("The configuration primary is unreachable",))
    edit(reader, old, ours)
    reader.choose(new, new)
    reader.choose(third, new)
    edit(reader, new, theirs)
    reader.turn_page()
    reader.do("heal")
    # The examples of the alarm.
    inconsistent = "The configuration primary ID is inconsistent, manual synchronisation of configuration is required"
    conflicts = "The configuration of this peer conflicts with the primary's, manual synchronisation of configuration"
    reader.alarm(20017, old, says=("Cluster replication error", inconsistent))
    reader.alarm(20011, old, says=("Cluster replication error", conflicts))
    reader.logged(old, 'Event="Alarm Raised" Id="20011"')
    assert "Saved" in reader.choose(old, new)
    reader.no_alarm(20017, 1, 2, 3)
    assert reader.alarms(old, 20011), "it stands until somebody acts"
    # 1, 2: on the command line of the subordinate, ForceConfigUpdate.
    said = reader.type_in(old, "cluster", "force-config-update", "--yes")
    # 3: its configuration is the primary's.
    assert "The shared configuration is the primary's now" in said, said
    reader.no_alarm(20011, old)
    assert has(reader, old, theirs) and not has(reader, old, ours)
    # Note: what was there before is not lost.
    history = reader.words(old, "/maintenance/history")
    assert "Standard registration refresh maximum" in history or "standard_refresh_maximum" in history, history
    reader.active()
    reader.well()


def test_the_primary_refuses_it(both_ways: Reader) -> None:
    reader = both_ways
    primary = int(reader.chosen(1, "configuration_primary"))
    refused = reader.refused(primary, "cluster", "force-config-update", "--yes")
    assert "names itself" in refused, refused
