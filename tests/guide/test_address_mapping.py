"""Expressway-E的集群地址對映: peers look in the mapping before DNS, which is then not asked."""

from __future__ import annotations

import pytest

from tests.support.guide_reader import CLUSTERING, Reader

pytestmark = pytest.mark.scenario
ENABLED = "address_mapping_enabled"
NOT_HERE = "127.0.0.66"  # where nobody listens: whoever dials it has believed the mapping


def mapped(reader: Reader, **elsewhere: str) -> dict[str, str]:
    """Fill in one FQDN:IP pair for each peer."""
    typed = {}
    for row, peer in enumerate(reader.lab.plan.peers):
        typed[f"address_mappings.{row}.fqdn"] = peer.fqdn
        typed[f"address_mappings.{row}.ip"] = elsewhere.get(peer.host_name, peer.address)
    return typed


def test_mappings_are_replicated_and_go_before_dns(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    # 1: on the primary, Cluster address mapping enabled, which is Off by default.
    assert reader.chosen(1, ENABLED) == "Off"
    # 2, 3: FQDN and the IP of the inner interface of every peer, Save.
    assert "Saved" in reader.save(1, **{ENABLED: "On"}, **mapped(reader))
    # They are replicated to all peers.
    for number in reader.lab.numbers:
        look = lambda number=number: reader.open(number, CLUSTERING)
        rows = [f'value="{peer.address}"' for peer in reader.lab.plan.peers]
        reader.until(f"peer {number} has the mappings", look, rows)
    reader.active()
    reader.well()
    # The mapping is believed, whatever DNS says.
    assert "Saved" in reader.save(1, **mapped(reader, expc03=NOT_HERE))
    reader.sees(1, 3, "✘ Clustering: Failed", NOT_HERE)
    # Where it is right it is enough: a peer that cannot ask DNS finds all others.
    assert "Saved" in reader.save(1, **mapped(reader))
    reader.active()
    was = dns_server(reader, 2)
    assert "Saved" in reader.save(2, "/system/dns", **{"dns_servers.0.address": "127.0.0.67"})
    reader.restart(2)
    reader.active()
    # Off again, DNS is asked, and does not answer.
    assert "Saved" in reader.save(1, **{ENABLED: "Off"})
    reader.restart(2)
    reader.sees(2, 1, "Clustering: Unknown", "name does not resolve", "127.0.0.67")
    assert "Saved" in reader.save(2, "/system/dns", **{"dns_servers.0.address": was})
    reader.active()
    reader.well()


def dns_server(reader: Reader, number: int) -> str:
    page = reader.open(number, "/system/dns")
    return page.partition('name="dns_servers.0.address"')[2].partition('value="')[2].partition('"')[0]
