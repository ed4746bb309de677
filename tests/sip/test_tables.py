"""Which tables are kept, and what another configuration would decide by."""

from __future__ import annotations

from sextet.call.table import Table
from sextet.call.zones import Names
from sextet.engine import Neighbour, Wanted
from sextet.model.sections import Root
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.sip.tables import TABLES_MAX, Tables

CONFIG = Root(zones=(Zone(name="Paris", peers=(ZonePeer(address="sip.paris.example"),)),))
NAMES = Names(addresses={"sip.paris.example": ("192.0.2.7",)})
PEER = Neighbour(number=2, name="two", ip="192.0.2.2", up=True)


def test_the_newest_tables_are_kept_by_their_generation() -> None:
    tables = Tables()
    for generation in range(1, TABLES_MAX + 3):
        wanted = Wanted(config=Root(), generation=generation, number=1, address="192.0.2.1")
        tables.remember(wanted, Names(), Table.from_wanted(Root(), 1, (), generation))
    assert tables.at(2) is None
    newest = tables.at(TABLES_MAX + 2)
    assert newest is not None
    assert newest.generation == TABLES_MAX + 2


def test_another_configuration_is_decided_with_the_peers_and_names_that_are_known() -> None:
    tables = Tables()
    assert tables.of(CONFIG).zones["Paris"].uris == ()
    wanted = Wanted(config=Root(), generation=1, number=1, address="192.0.2.1", neighbours=(PEER,))
    tables.remember(wanted, NAMES, Table.from_wanted(Root(), 1, (), 1))
    made = tables.of(CONFIG)
    assert (made.peers[2].name, made.zones["Paris"].uris) == ("two", ("sip:192.0.2.7:5061;transport=tls",))
