"""The token of a flow in a Path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.call.decision import Refuse, Request, Try
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.registration.carrying import flow_of, outward, path, token_of
from tests.support.ksr import FakeKSR
from tests.support.tables import table

FLOW = "192.0.2.9:40001;tls"
TOLD = Instructions(
    table=table(), secret=b"", local_secret="own", realm="apolo.local", peer_transport="tls", peer_port=5061
)
CALL = Request(protocol="SIP", alias="bob@198.51.100.7", source=Source(SourceKind.ZONE, "London"), hops=9)


def test_a_flow_is_read_from_the_token_that_this_system_gave() -> None:
    assert flow_of("own", token_of("own", FLOW)) == FLOW


@pytest.mark.parametrize("token", ["", ".", "zz", "é.é", token_of("another", FLOW), "00" + token_of("own", FLOW)])
def test_other_text_names_no_flow(token: str) -> None:
    assert flow_of("own", token) == ""
    assert isinstance(outward(TOLD, CALL, token).decision, Refuse)


def test_a_call_from_a_zone_goes_over_the_flow_of_its_token_and_nowhere_else() -> None:
    decision = outward(TOLD, CALL, token_of("own", FLOW)).decision
    assert isinstance(decision, Try)
    ((target,),) = (one.targets for one in decision.rounds)
    assert (target.uris, target.hops) == (("sip:192.0.2.9:40001;transport=tls",), 8)
    six = outward(TOLD, CALL, token_of("own", "2001:db8::9:40001;udp")).decision
    assert isinstance(six, Try)
    assert six.rounds[0].targets[0].uris == ("sip:[2001:db8::9]:40001;transport=udp",)


@pytest.mark.parametrize(
    ("hop", "via", "where"),
    [
        ("sip:192.0.2.71:5061;transport=tls", "SIP/2.0/UDP a", "192.0.2.1:5061;transport=tls;lr;ob"),
        ("sip:192.0.2.71:5060;transport=UDP", "SIP/2.0/UDP a", "192.0.2.1:5060;transport=udp;lr;ob"),
        ("sip:192.0.2.71:5060", "SIP/2.0/UDP a", "192.0.2.1:5060;transport=udp;lr;ob"),
        ("sip:192.0.2.71:7001;transport=tls;only=1;from=7003", "x", "192.0.2.1:7003;transport=tls;lr;ob"),
        ("sip:192.0.2.71:5061;transport=tls", "SIP/2.0/UDP b, SIP/2.0/UDP a", "192.0.2.1:5061;transport=tls;lr"),
    ],
)
def test_a_path_leads_back_where_the_zone_reaches_us_and_promises_the_flow_where_we_are_the_first(
    hop: str, via: str, where: str
) -> None:
    ksr = FakeKSR().request("REGISTER", "sip:inside.example", Via=via, **{"$du": hop, "$avp(carried)": FLOW})
    path(ksr, replace(TOLD, host="192.0.2.1", ports=(("tls", 5061), ("udp", 5060))))
    assert ksr.appended == [f"Path: <sip:{where};sxf={token_of('own', FLOW)}>"]


@pytest.mark.parametrize("source", [DEFAULT, LOCAL])
def test_nobody_but_a_zone_may_use_a_token(source: Source) -> None:
    decision = outward(TOLD, replace(CALL, source=source), token_of("own", FLOW)).decision
    assert isinstance(decision, Refuse) and decision.status == 403
