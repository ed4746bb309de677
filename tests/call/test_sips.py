"""What a call to a sips: URI may reach: TLS on every hop, or a refusal that says why (RFC 3261 26.2.2, RFC 5630)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sextet.call.decision import UNSAFE, Refuse, Request, Searched, Try, found_at
from sextet.call.search import search
from sextet.call.source import LOCAL, Source, SourceKind
from sextet.call.table import Table
from sextet.model.settings.dialplan import DialPlan
from sextet.model.settings.protocols import Protocols
from tests.support.tables import rule, table

BOB, FAR = "bob@apolo.local", "198.51.100.7"
HERE = table()


def called(made: Table, owners: Mapping[str, Sequence[int]], alias: str = BOB, **more: object) -> Searched:
    request = Request(protocol="SIP", alias=alias, source=LOCAL, authenticated=True, secure=True)
    return search(made, replace(request, **more), *found_at(lambda alias: owners.get(alias, ())), every=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("owners", "rung"), [([0], (True, ())), ([0, UNSAFE, 2], (True, (2,))), ([UNSAFE, 2], (False, (2,)))]
)
def test_devices_over_tls_and_other_peers_are_rung(owners: list[int], rung: tuple[bool, tuple[int, ...]]) -> None:
    decision = called(HERE, {BOB: owners}).decision
    assert isinstance(decision, Try)
    [[target]] = [one.targets for one in decision.rounds]
    assert (target.here, target.peers) == rung


@pytest.mark.parametrize("source", [LOCAL, Source(SourceKind.PEER, "expc02.apolo.local", 2)])
def test_who_is_registered_without_tls_is_not_rung_and_the_trace_says_why(source: Source) -> None:
    told = called(HERE, {BOB: [UNSAFE]}, source=source)
    assert isinstance(told.decision, Refuse) and told.decision.status == 480
    assert "over TLS, which a sips: URI asks for" in told.decision.reason
    assert any("over TLS, which a sips: URI asks for" in note.finding for note in told.notes)
    gone = called(HERE, {}, source=source).decision
    assert isinstance(gone, Refuse) and gone.status == 404, "who is not registered at all is not there"


def test_zones_are_asked_over_tls_only() -> None:
    decision = called(table((rule("out"),)), {}, "x@far.test").decision
    assert isinstance(decision, Try)
    assert all(uri.endswith(";transport=tls") for target in decision.rounds[0].targets for uri in target.uris)
    told = called(table((rule("out", target="Paris"),)), {}, "x@far.test")
    assert isinstance(told.decision, Refuse)
    assert told.decision.status == 480
    assert "rule out: zone Paris is not reached over TLS, which a sips: URI asks for" in told.decision.reason


def test_an_unknown_address_is_called_over_tls_only() -> None:
    made = table(dial_plan=DialPlan(unknown_ip="Direct"), protocols=Protocols(sip_udp=True, sip_tcp=True))
    decision = called(made, {}, FAR).decision
    assert isinstance(decision, Try)
    assert decision.rounds[0].targets[0].uris == (f"sip:{FAR};transport=tls",)


def test_where_tls_is_off_the_scheme_is_not_supported() -> None:
    decision = called(table(protocols=Protocols(sip_udp=True, sip_tls=False)), {BOB: [UNSAFE]}).decision
    assert isinstance(decision, Refuse) and decision.status == 416
