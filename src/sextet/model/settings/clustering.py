"""System > Clustering, with the guide's fields (facts 1.1, 9.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import a_name, address, an_ip, choice, many, number, switch, text

PEERS_MAX = 6  # guide, "規格"


def _peer_address(n: int) -> str:
    field: str = address(label=f"Peer {n} address", peer=True, path=f"Alternates Peer {n} Address",
                         help=f"The IP address or FQDN of peer {n}; the same list in the same order on every peer, without gaps.")  # fmt: skip
    return field


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressMapping:
    """One row of the cluster address mapping (facts 9.4)."""

    fqdn: str = text(label="FQDN", mandatory=True, check=a_name, help="The peer's FQDN as it stands in the peer address fields and in its certificate.")
    ip: str = text(high=39, label="IP", mandatory=True, check=an_ip, help="The peer's private IP address, asked before DNS.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """System > Clustering, with the guide's fields."""

    cluster_name: str = text(label="Cluster name (FQDN for Provisioning)", peer=True, check=a_name, path="Alternates Cluster Name",
                             help="The FQDN of the cluster, the same on every peer.")  # fmt: skip
    configuration_primary: int = number(1, 1, PEERS_MAX, label="Configuration primary", peer=True, path="Alternates ConfigurationPrimary",
                                        help="The number of the peer whose configuration all others take over.")  # fmt: skip
    cluster_ip_version: str = choice("IPv4", ("IPv4", "IPv6"), label="Cluster IP version", peer=True, help="The IP version used between the peers, the same on every peer.")
    tls_verification_mode: str = choice("Permissive", ("Permissive", "Enforce"), label="TLS verification mode", path="clusterConfiguration tls_verify",
                                        help="Permissive encrypts between peers without checking certificates; Enforce also checks issuer, dates, name and address.")  # fmt: skip
    changes_take_effect: str = choice("At once", ("At once", "At restart"), label="Cluster changes take effect",
                                      help="Whether changes on this page apply when saved, or, as in the original, when the peer restarts.")  # fmt: skip
    peer_1_address: str = _peer_address(1)
    peer_2_address: str = _peer_address(2)
    peer_3_address: str = _peer_address(3)
    peer_4_address: str = _peer_address(4)
    peer_5_address: str = _peer_address(5)
    peer_6_address: str = _peer_address(6)
    address_mapping_enabled: bool = switch(False, label="Cluster address mapping enabled", help="Whether peer names are looked up in the mapping below before DNS.")
    address_mappings: tuple[AddressMapping, ...] = many(AddressMapping, PEERS_MAX, label="Cluster address mappings", path="Cluster Address Mapping",
                                                        help="FQDN and private IP address of every peer.")  # fmt: skip

    @property
    def peers(self) -> tuple[str, ...]:
        """The peer list up to its last filled row; a gap shows as an empty entry."""
        rows = [getattr(self, f"peer_{n}_address") for n in range(1, PEERS_MAX + 1)]
        while rows and not rows[-1]:
            rows.pop()
        return tuple(rows)
