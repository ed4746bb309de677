"""The URIs of devices."""

from __future__ import annotations

import pytest

from sextet.call.decision import Refuse, Request, Try
from sextet.call.gruu import device_of, parameter, public
from sextet.call.loop import mark
from sextet.call.search import search
from sextet.call.source import LOCAL
from sextet.call.stages import Again, Stages
from tests.support.tables import table

BOB = "bob@apolo.local"
DESK = "urn:uuid:00000000-0000-1000-8000-aabbccddee11"


def test_the_uri_of_a_device_is_its_alias_with_its_instance() -> None:
    assert public(BOB, f"<{DESK}>") == f"sip:{BOB};gr={DESK}"
    assert public("b b@2001:db8::1", "urn:x;y") == "sip:b%20b@[2001:db8::1];gr=urn:x%3By"


@pytest.mark.parametrize(
    ("uri", "device"),
    [
        (f"sip:{BOB}", None),
        (f"sip:{BOB};transport=tcp;gr={DESK};x", DESK),
        (f"sips:{BOB};GR={DESK}?Subject=x", DESK),
        (f"sip:{BOB};gr", ""),
        (f"sip:{BOB};gr;x=1", ""),
        (f"sip:{BOB};grx=1;xgr=2", None),
        ("sip:bob;gr=1@apolo.local", None),
        (f"sip:{BOB}?x=;gr", None),
        (f"sip:{BOB};gr=a%3bb", "a;b"),
    ],
)
def test_a_uri_says_which_device_it_is_for(uri: str, device: str | None) -> None:
    assert device_of(uri) == device


@pytest.mark.parametrize("device", [None, "", DESK, "urn:gsma:imei:1-2-0;svn=01", 'a"b>%é', "ü"])
def test_what_is_written_is_read_again(device: str | None) -> None:
    assert device_of(f"sip:{BOB}{parameter(device)};x") == device


def asked(device: str | None, alias: str = BOB) -> Request:
    return Request(protocol="SIP", alias=alias, source=LOCAL, tag="t", device=device)


def test_who_calls_one_device_is_not_forwarded_by_findme_and_still_screened_by_policy() -> None:
    findme = {BOB: Again(groups=(("eve@apolo.local",),), reason="FindMe")}
    away = Stages(user_policy=lambda _table, _request, alias: findme.get(alias))
    closed = Stages(policy=lambda _table, _request, _alias: Refuse(403, "closed"))
    for device, stages, rings in ((None, away, "eve@apolo.local"), (DESK, away, BOB)):
        decision = search(table(), asked(device), lambda _: True, lambda _: (), stages).decision
        assert isinstance(decision, Try)
        assert [target.alias for target in decision.rounds[0].targets] == [rings]
    assert search(table(), asked(DESK), lambda _: True, lambda _: (), closed).decision == Refuse(403, "closed")


def test_a_temporary_gruu_is_not_found_since_none_is_given_out() -> None:
    decision = search(table(), asked(""), lambda _: True, lambda _: ()).decision
    assert isinstance(decision, Refuse) and decision.status == 404


def test_an_alias_that_leads_to_the_uri_of_one_of_its_devices_is_no_loop() -> None:
    assert mark(asked(None), b"") != mark(asked(DESK), b"") == mark(asked(DESK), b"")
