"""具有單個NIC的群集: E peers with one interface find each other by DNS; never at the address of a NAT."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sextet.lab.documents import Secrets
from sextet.lab.plan import Plan
from tests.support.guide_reader import AT_ONCE, AT_RESTART, CLUSTERING, Reader, cluster
from tests.support.real_lab import edit_initial

pytestmark = pytest.mark.scenario
IP = "/system/network-interfaces/ip"
OUTSIDE = 20005


def edge(made: Plan, drawn: Secrets) -> None:
    """Prepare E systems with one interface each, named by FQDNs that the lab's DNS knows."""
    cluster(AT_RESTART)(made, drawn)
    for peer in made.peers:
        settings = {"interfaces": {"lan1_ipv4_address": peer.address}}
        edit_initial(peer, lambda document, more=settings: document.update(more))
        edit_initial(peer, lambda document: document["system"].update(system_type="E"))


def check(reader: Reader, number: int, of: int) -> tuple[str, str]:
    out = reader.ran(number, "-o", "json", "check", "inside-interface")[1]
    (line,) = json.loads(out)["lines"]
    peer = next(one for one in line["peers"] if one["peer_name"] == reader.lab.peer(of).host_name)
    return peer["state"], peer["measured"]


def test_one_interface_no_static_nat_and_dns_is_enough_to_verify_each_other(systems: Callable[..., Reader]) -> None:
    reader = systems(2, edge)
    reader.well()
    for take_effect in (AT_RESTART, AT_ONCE):
        reader.takes_effect(take_effect)
        reader.active()
        enforced(reader, take_effect)
        nat(reader)
        dual(reader)


def enforced(reader: Reader, take_effect: str) -> None:
    assert reader.chosen(1, "address_mapping_enabled") == "Off", "DNS leads to the address, no mapping is needed"
    assert "Saved" in reader.save(1, tls_verification_mode="Enforce")
    reader.until("2 enforces too", lambda: reader.chosen(2, "tls_verification_mode"), ("Enforce",))
    if take_effect == AT_RESTART:
        for number in reader.lab.numbers:
            reader.restart(number)
    reader.active()
    # The lab's addresses are private, which one interface of an E system must not be: the check says so.
    assert check(reader, 1, 2)[0] == "failed" and "a private address" in check(reader, 1, 2)[1]
    assert "Saved" in reader.save(1, tls_verification_mode="Permissive")


def nat(reader: Reader) -> None:
    """Not with static NAT: the name leads to the address outside, which is raised, and refused where it is typed."""
    address = reader.lab.peer(2).address
    natted = {"lan1_ipv4_address": "10.0.0.2", "lan1_static_nat_mode": "On", "lan1_static_nat_address": address}
    assert "Saved" in reader.save(2, IP, **natted)
    what = f"{reader.name(2)} is {address}, the static NAT address of LAN 1; the inside interface is 10.0.0.2"
    for number in (1, 2):
        reader.until(f"{number} measures it", lambda number=number: check(reader, number, 2)[1], (what,))
        reader.alarm(OUTSIDE, number, says=("Invalid peer address", "static NAT address of LAN 1"))
    typed = reader.save(2, peer_2_address=address)
    assert f"Peer 2 address: {address} is the static NAT address of LAN 1 of this system." in typed, typed
    assert "Enter the address of the inside interface" in typed
    # Suggested is the inside address, whichever the sockets bind.
    assert "10.0.0.2" in reader.words(1, f"{CLUSTERING}/suggested")
    plain = {"lan1_ipv4_address": address, "lan1_static_nat_mode": "Off", "lan1_static_nat_address": ""}
    assert "Saved" in reader.save(2, IP, **plain)
    for number in (1, 2):
        check(reader, number, 2)
    reader.no_alarm(OUTSIDE, 1, 2)


def dual(reader: Reader) -> None:
    """Note of the requirements: with two interfaces the cluster is built on the inside one."""
    address = reader.lab.peer(2).address
    two = {"dual_interfaces": "On", "lan1_ipv4_address": "10.0.0.2", "lan2_ipv4_address": address}
    assert "Saved" in reader.save(2, IP, **two)
    what = "the address of LAN 2, the external interface; the inside interface is 10.0.0.2"
    reader.until("1 measures it", lambda: check(reader, 1, 2)[1], (what,))
    reader.alarm(OUTSIDE, 1, says=("the external interface",))
    swapped = {"external_interface": "LAN1"}  # the one at which it is reached is the inside one
    assert "Saved" in reader.save(2, IP, **swapped)
    reader.until("1 measures it", lambda: check(reader, 1, 2)[0], ("ok",))
    reader.no_alarm(OUTSIDE, 1)
    single = {"dual_interfaces": "Off", "external_interface": "LAN2", "lan1_ipv4_address": address}
    assert "Saved" in reader.save(2, IP, **single, lan2_ipv4_address="")
    reader.until("1 measures one again", lambda: check(reader, 1, 2)[1], ("a private address",))
