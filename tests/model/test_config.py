"""The configuration as a value: documents, parts, paths, changes, differences."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sextet.model.config import (
    Change,
    Difference,
    as_text,
    canonical,
    changed,
    differences,
    digest,
    flattened,
    from_document,
    from_text,
    item_path,
    merged,
    peer_part,
    read,
    setting_at,
    shared_part,
    to_document,
)
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DEFAULT_RULES, Transform
from sextet.model.settings.registration import Credential, PolicyPattern, Registration
from sextet.model.settings.zones import Zone, ZonePeer

FULL = Root(
    credentials=(Credential(name="alice", password="geheim"),),
    zones=(Zone(name="London", peers=(ZonePeer(address="192.0.2.10"),)), Zone(name="R&D [old] x]")),
    registration=Registration(allow_list=(PolicyPattern(pattern=r"[0-9]+@x\.[a-z]]", pattern_type="Regex"),)),
    transforms=(Transform(priority=5, pattern="9"),),
)
DOCUMENT: dict[str, Any] = to_document(FULL)


def refused(document: object) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        from_document(document)  # type: ignore[arg-type]
    return {problem.field: problem.sentence for problem in caught.value.problems}


def refused_change(*changes: Change) -> list[str]:
    with pytest.raises(Refused) as caught:
        changed(DOCUMENT, changes)
    return [problem.field for problem in caught.value.problems]


def test_a_name_that_is_taken_is_said_with_its_field_its_list_and_what_to_do() -> None:
    taken = " is taken in {}; choose another, or change the entry that is there."
    for path, field, added, sentence in (
        ("zones", "zones[London].name", {"name": "London"}, "Name: 'London'" + taken.format("Zones")),
        ("transforms", "transforms[7].priority", {"priority": 7, "pattern": "1"},
         "Priority: '7'" + taken.format("Transforms")),
    ):  # fmt: skip
        twice = changed(changed(to_document(Root()), [Change("add", path, added)]), [Change("add", path, added)])
        assert refused(twice)[field] == sentence


def test_a_configuration_survives_its_journey_through_json() -> None:
    assert from_document(json.loads(canonical(DOCUMENT))) == FULL


def test_what_is_missing_takes_its_default() -> None:
    assert from_document({}) == Root()
    assert from_document({"protocols": {"sip_udp": True}}).protocols.sip_udp_port == 5060


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = refused(
        {
            "protocols": {"sip_udp": "On", "sip_udp_port": 1, "sip_fax": True},
            "zones": [{"name": "a", "hop_count": 0}, "b", {"name": "a"}, {}],
            "domains": "x",
            "system": 7,
            "extra": {},
        }
    )
    assert set(found) == {
        "extra",
        "protocols.sip_fax",
        "protocols.sip_udp",
        "protocols.sip_udp_port",
        "zones[a].name",
        "zones[a].hop_count",
        "zones[].",
        "zones[].name",
        "domains",
        "system.",
    }


def test_a_document_that_is_no_set_of_settings_is_refused() -> None:
    for document in ([], "x", 7, None):
        assert "must be a set of named settings" in refused(document)[""]


def test_a_list_has_a_limit() -> None:
    found = refused({"domains": [{"name": f"d{n}.example"} for n in range(201)]})
    assert found == {"domains": "Domains: 201 entries; at most 200 are allowed, remove some."}


def test_thousands_of_entries_are_read_at_once() -> None:
    rows = [{"name": f"user{n}", "password": "x"} for n in range(5000)]
    assert len(from_document({"credentials": rows}).credentials) == 5000


def test_transforms_without_a_priority_share_the_default_one() -> None:
    assert "transforms[1].priority" in refused({"transforms": [{"pattern": "a"}, {"pattern": "b"}]})


def test_reading_goes_on_with_the_default_where_a_value_is_wrong() -> None:
    root, problems = read({"protocols": {"sip_udp_port": "x", "sip_tcp_port": 5070}})
    assert (root.protocols.sip_udp_port, root.protocols.sip_tcp_port) == (5060, 5070)
    assert [problem.field for problem in problems] == ["protocols.sip_udp_port"]


def test_the_shared_and_the_peers_part_make_the_whole_again() -> None:
    shared, peer = shared_part(DOCUMENT), peer_part(DOCUMENT)
    assert merged(shared, peer) == DOCUMENT
    assert set(peer) == {"system", "interfaces", "clustering", "capacity", "logging"}
    assert set(peer["clustering"]) & set(shared["clustering"]) == set()
    assert "tls_verification_mode" in shared["clustering"]
    assert "peer_1_address" in peer["clustering"]


def test_equal_documents_have_equal_digests_whatever_their_order() -> None:
    turned = dict(reversed(list(DOCUMENT.items())))
    assert digest(turned) == digest(DOCUMENT)
    assert digest(changed(DOCUMENT, [Change("set", "protocols.sip_udp", True)])) != digest(DOCUMENT)


def test_settings_items_and_lists_are_changed_by_their_paths() -> None:
    after = from_document(
        changed(
            DOCUMENT,
            [
                Change("set", "protocols.sip_udp", True),
                Change("set", "zones[London].sip_port", 5070),
                Change("add", "zones[London].peers", {"address": "192.0.2.11"}),
                Change("add", "zones", {"name": "Paris"}),
                Change("remove", "credentials[alice]"),
                Change("set", "transforms[5].priority", 6),
                Change("set", "domains", [{"name": "apolo.local"}]),
                Change("set", "domains[apolo.local]", {"name": "b.example"}),
            ],
        )
    )
    assert after.protocols.sip_udp
    assert [peer.address for peer in after.zones[0].peers] == ["192.0.2.10", "192.0.2.11"]
    assert [(zone.name, zone.sip_port) for zone in after.zones] == [
        ("London", 5070),
        ("R&D [old] x]", 5061),
        ("Paris", 5061),
    ]
    assert after.credentials == ()
    assert after.transforms[0].priority == 6
    assert [domain.name for domain in after.domains] == ["b.example"]


def test_any_key_can_be_named_in_a_path() -> None:
    for name in ("R&D [old] x]", "a.b", "]", "[", "]]", "x].y", "會議室"):
        path = item_path("zones", name)
        document = changed({}, [Change("add", "zones", {"name": name})])
        assert setting_at(f"{path}.sip_port").label == "SIP port"
        assert changed(document, [Change("set", f"{path}.sip_port", 7000)])["zones"][0]["sip_port"] == 7000
        assert changed(document, [Change("remove", path)])["zones"] == []
        assert f"{path}.sip_port" in flattened(document)


def test_the_first_rule_that_is_added_keeps_the_default_one() -> None:
    rules = from_document(
        changed({}, [Change("add", "search_rules", {"name": "x", "target": "LocalZone"})])
    ).search_rules
    assert [rule.name for rule in rules] == [DEFAULT_RULES[0].name, "x"]


def test_a_transform_without_a_priority_is_found_under_its_default() -> None:
    document = {"transforms": [{"pattern": "9"}]}
    assert changed(document, [Change("remove", "transforms[1]")]) == {"transforms": []}


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("set", "protocols.sip_fax"),
        ("set", "protocols"),
        ("set", ""),
        ("set", "zones[Rome].sip_port"),
        ("set", "zones.sip_port"),
        ("set", "zones[London"),
        ("set", "zones[London]."),
        ("set", "zones[London]x"),
        ("set", "protocols[x].sip_udp"),
        ("set", "protocols.sip_udp[x]"),
        ("set", "Zones[London]"),
        ("add", "zones[London]"),
        ("add", "protocols.sip_udp"),
        ("remove", "zones[Rome]"),
        ("remove", "protocols.sip_udp"),
        ("remove", "zones"),
    ],
)
def test_a_change_that_leads_nowhere_is_refused_and_names_its_path(verb: Any, path: str) -> None:
    assert refused_change(Change(verb, path, {"name": "x"})) == [path]


def test_a_refused_change_leaves_the_document_as_it_was() -> None:
    before = canonical(DOCUMENT)
    refused_change(Change("set", "protocols.sip_udp", True), Change("remove", "zones[Rome]"))
    assert canonical(DOCUMENT) == before


def test_typed_text_becomes_what_the_setting_wants() -> None:
    assert from_text("protocols.sip_udp_port", " 5070 ") == 5070
    assert from_text("protocols.sip_udp", "on") is True
    assert from_text("zones[x].state", "Disabled") == "Disabled"
    for path, text in (("protocols.sip_udp_port", "0x10"), ("protocols.sip_udp", "yes"), ("zones[x].state", "off")):
        with pytest.raises(Refused):
            from_text(path, text)


def test_values_are_shown_as_pages_do() -> None:
    assert [as_text(value) for value in (True, False, None, "x", 7)] == ["On", "Off", "", "x", "7"]


def test_secrets_show_as_dots_in_lists_and_differences() -> None:
    assert flattened(DOCUMENT)["credentials[alice].password"] == "•••"
    assert flattened(DOCUMENT, secrets=True)["credentials[alice].password"] == "geheim"
    after = changed(DOCUMENT, [Change("set", "credentials[alice].password", "anders")])
    assert differences(DOCUMENT, after) == [Difference("credentials[alice].password", "•••", "•••")]


def test_differences_name_every_setting_that_moved() -> None:
    after = changed(
        DOCUMENT,
        [
            Change("set", "protocols.sip_udp", True),
            Change("remove", "transforms[5]"),
            Change("add", "domains", {"name": "x.y"}),
        ],
    )
    found = {one.path: (one.old, one.new) for one in differences(DOCUMENT, after)}
    assert found["protocols.sip_udp"] == ("Off", "On")
    assert found["transforms[5].pattern"] == ("9", "")
    assert found["domains[x.y].name"] == ("", "x.y")
    assert all("zones" not in path for path in found)
    assert differences(DOCUMENT, DOCUMENT) == []


def test_documents_of_any_shape_are_read_or_refused_and_never_raise_anything_else() -> None:
    dice = random.Random(5)

    def junk(depth: int) -> Any:
        if depth == 0:
            return dice.choice([None, True, 0, -1, 10**30, 1.5, "", "x", "\ud800", "]"])
        if dice.random() < 0.5:
            return [junk(depth - 1) for _ in range(dice.randrange(3))]
        return {
            dice.choice(["name", "zones", "protocols", "peers", "priority", "x"]): junk(depth - 1) for _ in range(3)
        }

    for _ in range(2000):
        try:
            from_document({dice.choice(list(DOCUMENT)): junk(dice.randrange(4)) for _ in range(3)})
        except Refused as error:
            assert all(problem.sentence for problem in error.problems)
