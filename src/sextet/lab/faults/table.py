"""Which faults a lab is put through, which of them at the same time; and which alarms no lab can raise, and why."""

from __future__ import annotations

from sextet.lab.bench import Fault
from sextet.lab.faults import capacity, clustering, peers, settings

Round = tuple[tuple[Fault, ...], ...]
"""Lanes that go side by side, for each breaks something else; the faults of a lane come one after the other."""

ROUNDS: tuple[Round, ...] = (
    (
        (
            clustering.NO_NAME, clustering.OTHER_PRIMARY, clustering.UNKNOWN_NAME, clustering.LISTED_TWICE,
            clustering.NOT_LISTED, clustering.CUT, clustering.TWO_PRIMARIES,
        ),
        (settings.MAINTENANCE,),
    ),
    (
        (
            settings.H323_OFF, settings.BOTH_OFF, settings.MODE_AT_RESTART, settings.PERMISSIVE,
            settings.PORT_CHANGED, settings.DIRECTORY_DEAD, settings.ACCESS_RULES, settings.NO_LINKS,
            settings.DIAGNOSTICS, settings.WRONG_POLICY, settings.NTP_SILENT,
        ),
        (settings.SYSLOG_DEAD,),
        (peers.EDITED, peers.UNREADABLE),
    ),
    (
        (capacity.NEAR_CAPACITY, capacity.FULL_CAPACITY, capacity.NEAR_LICENCES, capacity.NO_LICENCES_LEFT),
        (peers.DISK_FULL,),
    ),
    ((clustering.TWO_CLUSTERS,), (peers.FROZEN,)),
    ((peers.OWN_ERROR, peers.ENGINE_KILLED), (peers.CLOSED,)),
    ((peers.KILLED,), (peers.UPLOADED,)),
    ((peers.NAMELESS, peers.EXPIRED, peers.DATABASE_DELETED, peers.KEY_LOST), (peers.DATABASE_DAMAGED,),
     (settings.ZONE_DEAD, settings.PORT_TAKEN)),
    ((capacity.LOST_LICENCES,),),
)  # fmt: skip

FAULTS: tuple[Fault, ...] = tuple(fault for lanes in ROUNDS for lane in lanes for fault in lane)

NOT_ON_A_LAB = {
    15009: "a factory reset ends the peer's membership; tests/scenarios/test_lifecycle.py resets one",
    15013: "an armed factory reset ends the peer's membership; tests/scenarios/test_lifecycle.py lets one fail",
    15018: "it takes a release package that does not come up; tests/scenarios/test_upgrade.py installs one",
    20008: "it takes a release package of another version; tests/scenarios/test_upgrade.py installs one",
    15023: "no backup is restored on a member of a cluster; tests/admin/disk/test_safekeeping.py lets one fail",
    25002: "the clock is the host's, and all peers share it; tests/scenarios/test_checks.py shows them a wrong server",
    25020: "the NTP client is the host's; tests/scenarios/test_checks.py follows what the host's kernel says",
    60902: "a mirror differs only by an error or a bad memory; tests/scenarios/test_one_peer.py makes one differ",
}
