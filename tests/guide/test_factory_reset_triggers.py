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


@pytest.mark.parametrize("take_effect", [AT_RESTART, AT_ONCE])
def test_it_is_armed_shown_undone_armed_again_and_done(systems: Callable[..., Reader], take_effect: str) -> None:
    reader = systems(3, cluster(take_effect))
    reader.well()
    image = small(reader.lab.peer(3).state_dir.parent / "sextet.tar.gz", __version__)
    reader.type_in(3, "factory-reset", "image", str(image))
    interfaces = {"lan1_ipv4_address": "10.0.0.3", "lan2_ipv4_address": "10.1.0.3"}
    assert "Saved" in reader.save(3, IP, dual_interfaces="On", **interfaces)
    # All peer address fields cleared, Save: asked once more, then a banner on every page.
    assert "Tick the box below if that is meant" in reader.save(3, **EMPTY)
    cleared = reader.save(3, **EMPTY, leave_anyway="yes")
    assert BANNER in cleared, cleared
    assert BANNER in reader.words(3, "/status/overview")
    # Tip: the original addresses in the same order, Save; the banner is gone, and the restart is an ordinary one.
    original = {f"peer_{peer.number}_address": peer.fqdn for peer in reader.lab.plan.peers}
    wrong = {**original, "peer_1_address": original["peer_2_address"], "peer_2_address": original["peer_1_address"]}
    assert BANNER in reader.save(3, **wrong), "another order does not undo it"
    assert BANNER not in reader.save(3, **original)
    reader.restart(3)
    reader.well()
    # Cleared again: the restart resets it.
    reader.save(3, **EMPTY, leave_anyway="yes")
    certificate = (reader.lab.peer(3).state_dir / "certificate.pem").read_bytes()
    reader.type_in(3, "peer", "restart", "--yes")  # its certificate is another one then, which this reader cannot know
    show = ("-o", "json", "config", "show")
    reader.until("it is as new", lambda: reader.ran(3, *show, "domains")[1], ("[]",))
    # Kept: the address, administrators and their passwords; lost: the rest, LAN 2 and the certificates too.
    assert '"admin"' in reader.type_in(3, *show, "administrators")
    (lan2,) = json.loads(reader.type_in(3, *show, "interfaces.lan2_ipv4_address"))
    assert lan2["value"] == ""
    assert (reader.lab.peer(3).state_dir / "certificate.pem").read_bytes() != certificate
    assert "No factory reset is armed" in reader.type_in(3, "factory-reset", "status")
    assert {(15009, "Raised"), (15009, "Lowered")} <= reader.lab.alarm_events()
