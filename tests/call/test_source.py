"""Where requests come from."""

from __future__ import annotations

from dataclasses import replace

from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind, source_of
from tests.support.tables import LONDON, PARIS, table


def test_a_peer_is_believed_only_from_its_own_address() -> None:
    assert source_of(table(), "192.0.2.2", 2) == Source(SourceKind.PEER, "expc02.apolo.local", 2)
    assert source_of(table(), "192.0.2.9", 2) == DEFAULT
    assert source_of(table(), "192.0.2.2", 5, endpoint=True) == DEFAULT


def test_a_zone_is_known_by_its_addresses_also_by_those_its_name_resolves_to() -> None:
    assert source_of(table(), "192.0.2.10", None).name == "London"
    assert source_of(table(), "192.0.2.11", None).name == "London"
    assert source_of(table(), "[2001:DB8:0::5]", None).name == "Paris"


def test_a_zone_comes_before_the_endpoints_behind_it() -> None:
    assert source_of(table(), "192.0.2.10", None, endpoint=True).kind is SourceKind.ZONE


def test_a_known_endpoint_is_the_local_zone_and_a_stranger_the_default_zone() -> None:
    assert source_of(table(), "198.51.100.1", None, endpoint=True) == LOCAL
    assert source_of(table(), "198.51.100.1", None) == DEFAULT
    assert source_of(table(), "nonsense", None) == DEFAULT


def test_a_disabled_zone_is_nobody() -> None:
    zones = (replace(LONDON, state="Disabled"), PARIS)
    assert source_of(table(zones=zones), "192.0.2.10", None) == DEFAULT


def test_an_address_of_two_zones_belongs_to_the_first() -> None:
    zones = (LONDON, replace(PARIS, peers=LONDON.peers))
    assert source_of(table(zones=zones), "192.0.2.10", None).name == "London"
