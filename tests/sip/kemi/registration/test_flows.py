"""Which peer is asked for which device."""

from __future__ import annotations

import json

import pytest

from sextet.sip.kemi.registration.flows import ALL, Devices, asked_for, mark, note, owner_text, simple, spread
from tests.support.ksr import FakeKSR

BOB = "bob@apolo.local"
D, E = mark("<urn:uuid:d>"), mark("<urn:uuid:e>")


def known(flows: dict[str, list[int]], *owners: int) -> FakeKSR:
    ksr = FakeKSR()
    ksr.htables["owner"][BOB] = owner_text(owners, flows)
    return ksr.request("INVITE", f"sip:{BOB}")


def test_the_text_of_an_alias_without_shared_devices_is_its_owners() -> None:
    assert owner_text((3, 2), {}) == "2,3"
    text, _, more = owner_text((2,), {"": (2,), "<urn:uuid:d>": (2, 1)}).partition(" ")
    assert (text, json.loads(more)) == ("2", {"": [2], D: [2, 1]})


def test_an_instance_is_the_same_with_and_without_brackets_and_none_has_no_mark() -> None:
    assert mark('"<urn:uuid:d>"') == mark("urn:uuid:d") == D
    assert mark("") == ""


def test_own_flows_come_first_and_the_other_holders_are_left_out_of_the_plain_branch() -> None:
    found = spread(known({"": [2], "<urn:uuid:d>": [2, 1, 3]}, 2, 3), BOB, 1, True, (2, 3))
    assert found.shared == {D: (1, 2, 3)}
    assert found.plain == {2: Devices(but=frozenset({D}))}


@pytest.mark.parametrize(
    ("devices", "path", "owner", "asked", "suffices"),
    [
        (("sip:b@192.0.2.9", "sip:b@192.0.2.8"), "", "2,3", ALL, True),
        (("<urn:uuid:d>;1", "<urn:uuid:e>;1"), "", "", ALL, True),
        (("<urn:uuid:d>;1", "<urn:uuid:d>;2"), "", "", ALL, False),  # two flows of one device: it would ring twice
        (("<urn:uuid:d>;0", "<urn:uuid:d>;0"), "", "", ALL, True),  # no outbound: the contacts are devices
        (("sip:b@192.0.2.9",), "<sip:192.0.2.71;lr>", "", ALL, False),
        (("sip:b@192.0.2.9",), "", '2 {"": [2]}', ALL, False),  # a device here has flows at peer 2 too
        (("sip:b@192.0.2.9",), "", "", Devices(only=D), False),
    ],
)
def test_the_registrars_own_look_up_suffices_where_each_contact_is_a_device_to_be_rung(
    devices: tuple[str, ...], path: str, owner: str, asked: Devices, suffices: bool
) -> None:
    ksr = FakeKSR()
    rows = [[f"sip:{n}", device, "f", "", 60, "r", "", path] for n, device in enumerate(devices)]
    ksr.htables["reg"][BOB] = json.dumps([1, rows])
    ksr.htables["owner"][BOB] = owner
    assert simple(ksr, BOB, asked) == suffices


def test_peers_that_cannot_be_used_hold_nothing() -> None:
    found = spread(known({"": [], "<urn:uuid:d>": [2, 3], "<urn:uuid:e>": [2, 4]}, 2, 3, 4), BOB, 1, False, (3,))
    assert (found.shared, found.plain) == ({D: (3,)}, {})


def test_without_shared_devices_every_peer_rings_all_it_has() -> None:
    assert spread(known({}, 2, 3), BOB, 1, True, (2, 3)).plain == {2: ALL, 3: ALL}


@pytest.mark.parametrize(("parameter", "rings"), [("ring", {D: True, E: False}), ("but", {D: False, E: True})])
def test_another_peer_says_which_devices_ring_and_a_stranger_does_not(parameter: str, rings: dict[str, bool]) -> None:
    ksr = FakeKSR().request("INVITE", f"sip:{BOB}", **{f"$(ru{{uri.param,{parameter}}})": D})
    note(ksr, BOB, from_peer=True)
    assert {name: asked_for(ksr, BOB).has(name) for name in (D, E)} == rings
    assert asked_for(ksr, "alice@apolo.local") == ALL
    note(ksr, BOB, from_peer=False)
    assert asked_for(ksr, BOB) == ALL
