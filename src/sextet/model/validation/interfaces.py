"""Are the interfaces told whole, and is no peer address one at which a cluster must not be built (facts 1.2)?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.interfaces import outside
from sextet.model.schema import Problem
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.interfaces import Interfaces

REMEDY = "Enter the address of the inside interface, or an FQDN that leads to it by DNS or the cluster address mapping"


def network(interfaces: Interfaces, clustering: Clustering) -> Iterator[Problem]:
    """Say what does not fit together, and which peer address is one that peers must not use."""
    yield from _incomplete(interfaces)
    bad = {one.ip: one.what for one in outside(interfaces)}
    for number, address in enumerate(clustering.peers, 1):
        if address in bad:
            sentence = f"Peer {number} address: {address} is {bad[address]} of this system. {REMEDY}."
            yield Problem(f"clustering.peer_{number}_address", sentence)
    for row in clustering.address_mappings:
        if row.ip in bad:
            remedy = "enter the address of its inside interface"
            sentence = f"IP: {row.ip} is {bad[row.ip]} of this system; {remedy}."
            yield Problem(f"{item_path('clustering.address_mappings', row.fqdn)}.ip", sentence)


def _incomplete(interfaces: Interfaces) -> Iterator[Problem]:
    lans = ("lan1", "lan2") if interfaces.dual_interfaces else ("lan1",)
    for lan in lans:
        nat, mode = f"{lan}_static_nat_address", getattr(interfaces, f"{lan}_static_nat_mode")
        value, own = getattr(interfaces, nat), getattr(interfaces, f"{lan}_ipv4_address")
        label = f"LAN {lan[-1]} IPv4 static NAT address"
        if mode and not value:
            yield Problem(f"interfaces.{nat}", f"{label}: is empty although static NAT mode is On; enter it.")
        if mode and value and value == own:
            yield Problem(
                f"interfaces.{nat}", f"{label}: {value} is the interface's own address; enter the one outside."
            )
    if not interfaces.dual_interfaces:
        return
    for lan in lans:
        if not interfaces.lan_addresses(lan):
            sentence = f"LAN {lan[-1]} IPv4 address: is empty although two interfaces are used; enter it."
            yield Problem(f"interfaces.{lan}_ipv4_address", sentence)
    for ip in set(interfaces.lan_addresses("lan1")) & set(interfaces.lan_addresses("lan2")):
        family = "ipv6" if ":" in ip else "ipv4"
        sentence = f"LAN 2 {family.replace('ip', 'IP')} address: {ip} is LAN 1's already; each interface has its own."
        yield Problem(f"interfaces.lan2_{family}_address", sentence)
