"""Small configurations and tables for tests of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sextet.call.table import Peer, Table
from sextet.call.zones import Names
from sextet.model.config import from_document, to_document
from sextet.model.linking import missing_links
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.dialplan import DEFAULT_RULES, SearchRule
from sextet.model.settings.protocols import Domain
from sextet.model.settings.system import System
from sextet.model.settings.zones import Zone, ZonePeer

LONDON = Zone(name="London", peers=(ZonePeer(address="192.0.2.10"), ZonePeer(address="gw.example")), sip_port=5062)
PARIS = Zone(name="Paris", peers=(ZonePeer(address="2001:db8::5"),), sip_transport="UDP", sip_port=5060, hop_count=5)
PEERS = (
    Peer(number=2, name="expc02.apolo.local", ip="192.0.2.2", up=True),
    Peer(number=3, name="expc03.apolo.local", ip="192.0.2.3", up=False),
)


def root(rules: Sequence[SearchRule] = (), **sections: Any) -> Root:
    """Make the configuration of peer 1 of three; `rules` come after LocalZoneMatch."""
    given = {
        "system": System(name="expc01", dns_host_name="expc01", dns_domain_name="apolo.local"),
        "clustering": Clustering(
            cluster_name="expc-cluster.apolo.local",
            peer_1_address="expc01.apolo.local",
            peer_2_address="expc02.apolo.local",
            peer_3_address="expc03.apolo.local",
        ),
        "domains": (Domain(name="Apolo.Local"), Domain(name="b.example")),
        "zones": (LONDON, PARIS),
        "search_rules": (*DEFAULT_RULES, *rules),
    }
    return Root(**(given | sections))


def table(rules: Sequence[SearchRule] = (), *, maintenance: bool = False, **sections: Any) -> Table:
    """Make the table of peer 1, which has the address 192.0.2.1."""
    resolved = Names(addresses={"GW.example": ("192.0.2.11",)})
    whole = root(rules, **sections)
    return Table.from_wanted(whole, 1, PEERS, 7, address="192.0.2.1", resolved=resolved, maintenance=maintenance)


def rule(name: str, pattern: str = "", kind: str = "Prefix", target: str = "London", **more: Any) -> SearchRule:
    """Make a search rule that leaves the alias as it is; with a pattern where one is given."""
    mode = "Alias pattern match" if pattern else "Any alias"
    given = {"mode": mode, "pattern": pattern, "pattern_type": kind, "behavior": "Leave", "target": target}
    return SearchRule(name=name, **(given | more))


def linked(root: Root) -> Root:
    """Add the default links of all subzones and zones, as the editing of a configuration does."""
    document = to_document(root)
    return from_document({**document, "links": [*document["links"], *missing_links(document)]})
