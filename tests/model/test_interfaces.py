"""A cluster is built inside: which addresses are not, and how it is said."""

from __future__ import annotations

import pytest

from sextet.model.interfaces import inside, outside
from sextet.model.settings.clustering import AddressMapping, Clustering
from sextet.model.settings.interfaces import Interfaces
from sextet.model.validation.interfaces import network

DUAL = Interfaces(  # the guide's picture
    dual_interfaces=True,
    lan1_ipv4_address="10.15.13.20",
    lan2_ipv4_address="192.168.245.131",
    lan2_static_nat_mode=True,
    lan2_static_nat_address="10.88.246.163",
)
SINGLE = Interfaces(lan1_ipv4_address="192.0.2.20", lan1_ipv6_address="2001:db8::20")


def test_the_inside_interface_is_the_one_that_is_not_external() -> None:
    assert inside(DUAL, "IPv4") == "10.15.13.20"
    swapped = Interfaces(external_interface="LAN1", dual_interfaces=True, lan2_ipv4_address="192.168.245.131")
    assert inside(swapped, "IPv4") == "192.168.245.131"
    assert (inside(SINGLE, "IPv4"), inside(SINGLE, "IPv6")) == ("192.0.2.20", "2001:db8::20")
    assert inside(Interfaces(), "IPv4") == ""


def test_outside_are_the_external_interface_and_every_static_nat_address() -> None:
    assert {one.ip: one.what for one in outside(DUAL)} == {
        "10.88.246.163": "the static NAT address of LAN 2",
        "192.168.245.131": "the address of LAN 2, the external interface",
    }
    assert outside(SINGLE) == ()
    natted = Interfaces(lan1_static_nat_mode=True, lan1_static_nat_address="203.0.113.7", lan2_ipv4_address="10.0.0.9")
    assert [one.ip for one in outside(natted)] == ["203.0.113.7"]  # LAN 2 is not used


@pytest.mark.parametrize("address", ["10.88.246.163", "192.168.245.131"])
def test_a_peer_address_that_is_outside_is_refused_with_reason_and_remedy(address: str) -> None:
    (found,) = network(DUAL, Clustering(peer_1_address="10.15.13.21", peer_2_address=address))
    assert found.field == "clustering.peer_2_address"
    assert "LAN 2" in found.sentence and "inside interface" in found.sentence
    (mapped,) = network(DUAL, Clustering(address_mappings=(AddressMapping(fqdn="e.x.y", ip=address),)))
    assert mapped.field == "clustering.address_mappings[e.x.y].ip"
    assert list(network(DUAL, Clustering(peer_1_address="10.15.13.20"))) == []


@pytest.mark.parametrize(
    ("interfaces", "fields"),
    [
        (Interfaces(lan1_static_nat_mode=True), ["lan1_static_nat_address"]),
        (Interfaces(dual_interfaces=True), ["lan1_ipv4_address", "lan2_ipv4_address"]),
        (Interfaces(lan2_static_nat_mode=True), []),  # LAN 2 is not used
        (
            Interfaces(dual_interfaces=True, lan1_ipv4_address="10.0.0.1", lan2_ipv4_address="10.0.0.1"),
            ["lan2_ipv4_address"],
        ),
        (
            Interfaces(lan1_ipv4_address="10.0.0.1", lan1_static_nat_mode=True, lan1_static_nat_address="10.0.0.1"),
            ["lan1_static_nat_address"],
        ),
    ],
)
def test_interfaces_that_are_not_told_whole_are_refused(interfaces: Interfaces, fields: list[str]) -> None:
    assert [one.field for one in network(interfaces, Clustering())] == [f"interfaces.{name}" for name in fields]
