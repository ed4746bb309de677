"""A system that is to become a peer is asked what can be asked: each requirement it lacks is named, with the remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.knock import Knock
from sextet.cluster.requirements.measured import Look
from sextet.cluster.requirements.newcomer import PORTS, unmet
from sextet.model.settings.zones import Zone, ZonePeer
from tests.cluster.requirements.test_checks import LIST, ROOT, SEEN

NAME, IP = "expc04.apolo.local", "127.81.0.4"
FOUND = Look(ip=IP, by="dns", names=(NAME,))
OPEN = {place: Knock("open", "it answers") for place in PORTS}


def zone(address: str, state: str = "Enabled") -> Evidence:
    zones = (Zone(name="Back", peers=(ZonePeer(address=address),), state=state),)
    return replace(SEEN, saved=replace(ROOT, zones=zones))


def test_a_system_that_can_be_reached_lacks_nothing() -> None:
    assert unmet(SEEN, NAME, FOUND, OPEN) == ()
    assert unmet(SEEN, IP, Look(ip=IP, by="address", names=(NAME,)), OPEN) == ()
    assert unmet(SEEN, NAME, Look(ip=IP, by="mapping"), OPEN) == (), "DNS is not asked then"
    assert unmet(zone(NAME, "Disabled"), NAME, FOUND, OPEN) == ()


@pytest.mark.parametrize(
    ("seen", "look", "knocks", "check", "measured"),
    [
        (SEEN, Look(failure=f"{NAME}: no such name"), {}, "dns", "no such name"),
        (SEEN, replace(FOUND, names=("other.example",)), OPEN, "dns", f"but {IP} is other.example"),
        (SEEN, replace(FOUND, failure=f"{IP}: has no name"), OPEN, "dns", "has no name"),
        (SEEN, replace(FOUND, ip="2001:db8::4"), OPEN, "ip-version", "it is 2001:db8::4"),
        (replace(SEEN, running=replace(LIST, cluster_ip_version="IPv6")), FOUND, OPEN, "ip-version", f"it is {IP}"),
        (SEEN, FOUND, OPEN | {"tcp 4372": Knock("silent", "no answer")}, "reach-4372", "no answer"),
        (SEEN, FOUND, OPEN | {"tcp 4371": Knock("closed", "refused")}, "reach-4371", "refused"),
        (zone(NAME.upper()), FOUND, OPEN, "not-a-zone-peer", "zone Back leads to"),
        (zone(IP), FOUND, OPEN, "not-a-zone-peer", IP),
    ],
)
def test_what_it_lacks_is_named(
    seen: Evidence, look: Look, knocks: dict[str, Knock], check: str, measured: str
) -> None:
    (sentence,) = unmet(seen, NAME, look, knocks)
    assert sentence.startswith(f"{NAME}: ") and f"({check})" in sentence and measured in sentence
    assert sentence.endswith("."), "the remedy"
    assert sentence.count(f"{NAME}: ") == 1, "it is named once"
