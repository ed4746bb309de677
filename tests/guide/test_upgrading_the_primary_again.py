"""警報和警告, the second half: ForceConfigUpdate does not help after an upgrade in the wrong order; what does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guide.conftest import Prepare
from tests.support.guide_reader import AT_RESTART, Reader, cluster
from tests.support.release import real

pytestmark = pytest.mark.scenario
SIP = "/configuration/protocols/sip"
NEW = "7.0.0"
DIFFER = 20008


def refresh(reader: Reader, number: int) -> str:
    return reader.type_in(number, "config", "show", "protocols.standard_refresh_maximum")


def test_the_primary_is_upgraded_again_with_the_package_that_was_used(
    systems: Callable[[int, Prepare], Reader], tmp_path: Path
) -> None:
    reader = systems(2, cluster(AT_RESTART))
    reader.active()
    package = real(tmp_path / f"sextet-{NEW}.tar.gz", NEW)
    # What leads there: the peers were upgraded in the wrong order, and the subordinate does not follow.
    reader.upgrade(package, 2)
    reader.restart(2)
    reader.alarm(DIFFER, 1, 2, says=("Cluster replication error", "switched off while an upgrade is in progress", NEW))
    assert "Saved" in reader.save(1, SIP, standard_refresh_maximum="73")
    # xcommand ForceConfigUpdate does not help.
    refused = reader.refused(2, "xcommand", "ForceConfigUpdate")
    assert "Upgrade the primary first, again with the same package" in refused, refused
    # 1: log in to the primary, it is in a good state; 2: it shows itself as the primary.
    assert "This system" in reader.line(1, 1)
    assert reader.chosen(1, "configuration_primary") == "1"
    # 3: upgrade the primary with the package that was used in the beginning.
    reader.upgrade(package, 1)
    reader.restart(1)
    # The alarm clears after its restart, and the subordinate follows.
    reader.no_alarm(DIFFER, 1, 2)
    reader.wait("peer 2 follows", lambda: "73" in refresh(reader, 2))
    reader.active()
    reader.well()
