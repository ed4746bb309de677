"""規格, 重要頁面元素, 需求: what a cluster is made of; the system checks what the guide asks for."""

from __future__ import annotations

import json
import re

import pytest

from sextet.lab.plan import CLUSTER_NAME
from tests.support.guide_reader import AT_RESTART, CLUSTERING, Reader

pytestmark = pytest.mark.scenario
ADMINISTRATION, H323 = "/system/administration", "/configuration/protocols/h323"


MEASURED = {  # what of peer 2, in words
    "version": "this system",
    "capacity-class": "processors",
    "rtt": " ms",
    "h323-on": "On",
    "nat": "",
    "dns": "expc02.apolo.local is",
    "distinct-names": "system name",
    "not-a-zone-peer": "no zone leads to it",
    "reach-4371": "",
    "reach-4372": "connected to",
    "cert-name": "expc02.apolo.local",
}


def check(reader: Reader, number: int, id: str, of: int) -> tuple[str, str]:
    """Run `sextet check` for one requirement; gives the state and what was measured of one peer."""
    code, out, errors = reader.ran(number, "-o", "json", "check", id)
    assert code in (0, 3), errors
    (line,) = json.loads(out)["lines"]
    peer = next(one for one in line["peers"] if one["peer_name"] == reader.lab.peer(of).host_name)
    return peer["state"], peer["measured"]


def test_at_most_six_peers_of_which_one_is_the_primary(both_ways: Reader) -> None:
    reader = both_ways
    page = reader.open(1, CLUSTERING)
    assert len(re.findall(r'name="peer_\d_address"', page)) == 6
    seven = [f"expc0{number}.apolo.local" for number in range(1, 8)]
    refused = reader.refused(1, "cluster", "set-list", *seven, "--dry-run")
    assert "7 were given, and a cluster has at most 6 peers" in refused
    assert [reader.chosen(number, "configuration_primary") for number in reader.lab.numbers] == ["1"] * 3


def test_an_asterisk_is_mandatory_and_a_dagger_is_each_peers_own(both_ways: Reader) -> None:
    reader = both_ways
    words = reader.words(1, CLUSTERING)
    assert "* mandatory" in words and "† specific to this peer" in words
    for label in ("Peer 1 address †", "Cluster name (FQDN for Provisioning) * †", "Configuration primary †"):
        assert label in words, words
    assert "TLS verification mode †" not in words, "it is the cluster's"
    # What has the mark stays on its peer, what has none is applied to all.
    another = "66" if reader.chosen(1, "changes_take_effect") == AT_RESTART else "67"
    assert "Saved" in reader.save(2, ADMINISTRATION, name="Second floor")
    assert "Saved" in reader.save(2, "/configuration/protocols/sip", standard_refresh_maximum=another)
    for other in (1, 3):
        look = lambda other=other: reader.open(other, "/configuration/protocols/sip")
        reader.until(f"peer {other} has the shared setting", look, (f'value="{another}"',))
        assert "Second floor" not in reader.open(other, ADMINISTRATION)
    assert "Saved" in reader.save(2, ADMINISTRATION, name="expc02")


def test_only_c_or_only_e_nodes(both_ways: Reader) -> None:
    reader = both_ways
    assert check(reader, 1, "type-ce", 3) == ("ok", "C, this system C")
    assert "Saved" in reader.save(3, ADMINISTRATION, system_type="E")
    reader.until("1 notices", lambda: check(reader, 1, "type-ce", 3)[1], ("E, this system C",))
    assert check(reader, 1, "type-ce", 3)[0] == "failed" and check(reader, 3, "type-ce", 1)[0] == "failed"
    reader.until("the page says so", lambda: reader.words(1, CLUSTERING), ("expc03: not as on the primary",))
    assert "Saved" in reader.save(3, ADMINISTRATION, system_type="C")
    reader.until("it is well again", lambda: check(reader, 1, "type-ce", 3)[0], ("ok",))


def test_the_other_requirements_are_measured_and_met(both_ways: Reader) -> None:
    code, out, errors = both_ways.ran(1, "-o", "json", "check")
    assert code in (0, 3), errors
    found = {line["id"]: line["peers"] for line in json.loads(out)["lines"]}
    for id, words in MEASURED.items():
        peer = next(one for one in found[id] if one["peer_name"] == both_ways.lab.peer(2).host_name)
        assert peer["state"] == "ok" and words in peer["measured"], (id, peer)


def test_every_peer_has_h323_on_and_the_system_says_who_has_not(both_ways: Reader) -> None:
    reader = both_ways
    assert "Saved" in reader.save(2, H323, h323_mode="Off")
    reader.until("1 measures it", lambda: check(reader, 1, "h323-on", 2)[0], ("failed",))
    reader.alarm(20018, 1)
    assert "Saved" in reader.save(2, H323, h323_mode="On")
    reader.no_alarm(20018, *reader.lab.numbers)
    assert CLUSTER_NAME in reader.open(1, CLUSTERING)
    reader.well()
