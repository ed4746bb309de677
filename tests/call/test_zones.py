"""Where zones are reached."""

from __future__ import annotations

from sextet.call.source import Source, SourceKind, source_of
from sextet.call.zones import Names, Service, flows_of, row_of, zone_of_ip
from sextet.model.settings.zones import (
    BY_SERVICE,
    DNS,
    TRAVERSAL_CLIENT,
    TRAVERSAL_SERVER,
    Zone,
    ZonePeer,
)
from tests.support.tables import table

NAMES = Names(
    addresses={"e.example": ("192.0.2.40", "2001:db8::40")},
    services={
        "tls|paris.example": (
            Service(host="p1.paris.example", port=5071, ips=("192.0.2.51",)),
            Service(host="p2.paris.example", port=5061, ips=("192.0.2.52",)),
        )
    },
)
CLIENT = Zone(name="C", type=TRAVERSAL_CLIENT, traversal_port=7002, peers=(ZonePeer(address="E.example"),))
SRV = Zone(name="Paris", look_up=BY_SERVICE, service_domain="Paris.example", sip_port=9999)


def test_a_service_brings_its_own_ports_and_names() -> None:
    places = row_of(SRV, NAMES).places
    assert [(place.host, place.uri) for place in places] == [
        ("p1.paris.example", "sip:192.0.2.51:5071;transport=tls"),
        ("p2.paris.example", "sip:192.0.2.52:5061;transport=tls"),
    ]
    assert zone_of_ip([SRV], NAMES) == {"192.0.2.51": "Paris", "192.0.2.52": "Paris"}


def test_a_neighbour_whose_ipv4_address_is_written_as_ipv6_is_the_same() -> None:
    zone = Zone(name="N", peers=(ZonePeer(address="::ffff:192.0.2.9"),))
    assert zone_of_ip([zone], NAMES) == {"192.0.2.9": "N"}
    [place] = row_of(zone, NAMES).places
    assert (place.host, place.uri) == ("192.0.2.9", "sip:192.0.2.9:5061;transport=tls")


def test_no_more_peers_of_a_service_are_used_than_the_zone_says() -> None:
    assert (
        len(row_of(Zone(name="p", look_up=BY_SERVICE, service_domain="paris.example", service_peers=1), NAMES).places)
        == 1
    )


def test_a_name_is_reached_at_all_its_addresses_and_one_that_is_unknown_at_none() -> None:
    assert row_of(CLIENT, NAMES).uris == (
        "sip:192.0.2.40:7002;transport=tls",
        "sip:[2001:db8::40]:7002;transport=tls",
    )
    assert row_of(CLIENT, Names()).uris == ()


def test_only_traversal_servers_have_a_port_of_their_own_and_only_clients_try_again() -> None:
    server = Zone(name="S", type=TRAVERSAL_SERVER, traversal_port=7003, retry_interval=90)
    found = [row_of(zone, NAMES) for zone in (CLIENT, server, SRV, Zone(name="D", type=DNS))]
    assert [(row.port, row.retry_s, row.monitored) for row in found] == [
        (0, CLIENT.retry_interval, True), (7003, 0, False), (0, 0, SRV.monitor), (0, 0, False),
    ]  # fmt: skip


def test_an_address_that_two_entries_mean_is_one_place() -> None:
    twice = Zone(name="t", peers=(ZonePeer(address="192.0.2.40"), ZonePeer(address="e.example")))
    assert len(row_of(twice, NAMES).places) == 2  # and not three


def test_a_traversal_server_is_known_by_its_connection_not_by_its_address() -> None:
    assert flows_of([CLIENT], NAMES) == {"192.0.2.40:7002": "C", "2001:db8::40:7002": "C"}
    assert zone_of_ip([CLIENT], NAMES) == {}
    made = table(zones=(Zone(name="C", type=TRAVERSAL_CLIENT, peers=(ZonePeer(address="192.0.2.40"),)),))
    assert source_of(made, "192.0.2.40", None, flow="192.0.2.40:7001") == Source(SourceKind.ZONE, "C")
    assert source_of(made, "192.0.2.40", None, flow="192.0.2.40:5061").kind is SourceKind.DEFAULT


def test_a_traversal_client_is_known_by_the_proof_on_its_connection() -> None:
    made = table(zones=(Zone(name="E", type=TRAVERSAL_SERVER),))
    assert source_of(made, "198.51.100.7", None, zone="E") == Source(SourceKind.ZONE, "E")
    assert source_of(made, "198.51.100.7", None, zone="gone").kind is SourceKind.DEFAULT


def test_dns_zones_and_traversal_servers_have_no_address_of_their_own() -> None:
    for kind in (DNS, TRAVERSAL_SERVER):
        assert row_of(Zone(name="z", type=kind, peers=(ZonePeer(address="192.0.2.1"),)), NAMES).uris == ()


def test_names_say_the_same_after_their_journey() -> None:
    assert Names.from_document(NAMES.to_document()) == NAMES
