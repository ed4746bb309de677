"""什麼會觸發出廠重置: clearing all peer addresses, at the next restart; the same list undoes it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sextet import __version__
from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader, cluster
from tests.support.release import small

pytestmark = pytest.mark.scenario
BANNER = "At the next restart this peer resets itself to factory settings"
IP = "/system/network-interfaces/ip"
EMPTY = {f"peer_{number}_address": "" for number in range(1, 7)}


def test_it_is_armed_shown_undone_armed_again_and_done(systems: Callable[..., Reader]) -> None:
    reader = systems(4, cluster(AT_RESTART))
    reader.well()
    triggered(reader, 4)
    reader.type_in(1, "cluster", "remove", "4", "--yes")
    reader.takes_effect(AT_ONCE, 1, 2, 3)
    reader.well(1, 2, 3)
    triggered(reader, 3)


def triggered(reader: Reader, last: int) -> None:
    """Have the last peer of the cluster reset."""
    image = small(reader.lab.peer(last).state_dir.parent / "sextet.tar.gz", __version__)
    reader.type_in(last, "factory-reset", "image", str(image))
    interfaces = {"lan1_ipv4_address": "10.0.0.3", "lan2_ipv4_address": "10.1.0.3"}
    assert "Saved" in reader.save(last, IP, dual_interfaces="On", **interfaces)
    # All peer address fields cleared, Save: asked once more, then a banner on every page.
    assert "Tick the box below if that is meant" in reader.save(last, **EMPTY)
    cleared = reader.save(last, **EMPTY, leave_anyway="yes")
    assert BANNER in cleared, cleared
    assert BANNER in reader.words(last, "/status/overview")
    # Tip: the original addresses in the same order, Save; the banner is gone, and the restart is an ordinary one.
    original = {f"peer_{peer.number}_address": peer.fqdn for peer in reader.lab.plan.peers[:last]}
    wrong = {**original, "peer_1_address": original["peer_2_address"], "peer_2_address": original["peer_1_address"]}
    assert BANNER in reader.save(last, **wrong), "another order does not undo it"
    assert BANNER not in reader.save(last, **original)
    reader.restart(last)
    reader.well(*range(1, last + 1))
    # Cleared again: the restart resets it.
    reader.save(last, **EMPTY, leave_anyway="yes")
    certificate = (reader.lab.peer(last).state_dir / "certificate.pem").read_bytes()
    reader.type_in(last, "peer", "restart", "--yes")  # its certificate is another one then: no page can be opened
    reader.until("it is as new", lambda: reader.shows(last, "domains"), ("[]",))
    # Kept: the address, administrators and their passwords; lost: the rest, LAN 2 and the certificates too.
    show = ("-o", "json", "config", "show")
    assert '"admin"' in reader.type_in(last, *show, "administrators")
    (lan2,) = json.loads(reader.type_in(last, *show, "interfaces.lan2_ipv4_address"))
    assert lan2["value"] == ""
    assert (reader.lab.peer(last).state_dir / "certificate.pem").read_bytes() != certificate
    assert "No factory reset is armed" in reader.type_in(last, "factory-reset", "status")
    reader.logged(last, 'Event="Alarm Raised" Id="15009"', 'Event="Alarm Lowered" Id="15009"')
