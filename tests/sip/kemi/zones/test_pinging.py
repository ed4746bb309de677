"""What a worker makes of answers to OPTIONS, and whom it believes by certificate, on the fake of Kamailio."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.registration import Credential
from sextet.model.settings.zones import (
    TRAVERSAL_CLIENT,
    TRAVERSAL_SERVER,
    AccessRule,
    DefaultZone,
    Zone,
    ZonePeer,
)
from sextet.sip.kemi.zones import reaching, zone_rows
from sextet.sip.kemi.zones.pinging import ANSWER_S, PING_S, Pinger
from tests.call.test_certificate import pem
from tests.sip.kemi.test_script import CONFIG, OPEN, Bench

A = "sip:192.0.2.71:5061;transport=tls"
LONDON = Zone(name="London town", tls_verify=True, peers=(ZonePeer(address="192.0.2.71"),))
EDGE = Zone(
    name="Edge", type=TRAVERSAL_CLIENT, user_name="client", password="secret", retry_interval=60,
    peers=(ZonePeer(address="192.0.2.71"),),
)  # fmt: skip
INSIDE = Zone(name="Inside", type=TRAVERSAL_SERVER, user_name="client", tls_verify=True, tls_subject_name="c.example")
NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.ksr.htables["ha1"]["client"] = "x"
    return made


def follow(bench: Bench, *zones: Zone, **more: Any) -> None:
    rules = (SearchRule(name="Local", target="LocalZone", behavior="Leave"),)
    credentials = (Credential(name="client", password="secret"),)
    bench.follow(replace(CONFIG, authentication=OPEN, zones=zones, search_rules=rules, credentials=credentials, **more))


def certificate(bench: Bench, *names: str, verified: bool = True) -> None:
    """Let the next message come over a TLS connection whose other side has such a certificate; without names none."""
    alternatives: Sequence[x509.GeneralName] = [
        x509.IPAddress(__import__("ipaddress").ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    bench.ksr.htables["cert"].clear()
    bench.ksr.values |= {"$conid": 5, "$proto": "tls", "$tls_peer_verified": 1 if verified else 0}
    bench.ksr.values["$tls_peer_raw_cert"] = pem("cn.example", alternatives) if names else None


def answer(
    bench: Bench, zone: str, status: int = 200, number: int = 3, attempt: int = 1, **headers: str
) -> dict[str, Any]:
    bench.ksr.values |= {
        "$uac_req(evparam)": f"{attempt} 3 0 {A.replace('5061', '7001') if zone == 'Edge' else A} {zone}",
        "$uac_req(evtype)": 1, "$uac_req(evcode)": status, "$rr": "Phrase",
    }  # fmt: skip
    bench.ksr.values |= {f"$hdr({name.replace('_', '-')})": value for name, value in headers.items()}
    assert bench.script.pinged(None) == 1
    row = zone_rows.read(bench.ksr, zone, A.replace("5061", "7001") if zone == "Edge" else A)
    return row or {}


def test_an_answer_over_a_connection_with_the_right_name_shows_an_address_that_works(bench: Bench) -> None:
    follow(bench, LONDON)
    certificate(bench, "192.0.2.71", "london.example")
    row = answer(bench, "London town", 404, X_Sextet_Sessions="max=10;current=4")
    assert (row["state"], row["free"], row["identity"]) == ("active", 6, "192.0.2.71")


@pytest.mark.parametrize(
    ("names", "verified", "words"),
    [
        (("other.example",), True, "names other.example, not 192.0.2.71"),
        (("192.0.2.71",), False, "names nobody, not 192.0.2.71"),
        ((), True, "names nobody, not 192.0.2.71"),
    ],
)
def test_a_wrong_name_makes_the_address_useless(
    bench: Bench, names: tuple[str, ...], verified: bool, words: str
) -> None:
    follow(bench, LONDON)
    certificate(bench, *names, verified=verified)
    row = answer(bench, "London town")
    assert (row["state"], words in row["reason"]) == ("failed", True)


def test_requests_of_a_verified_neighbour_need_its_name_too(bench: Bench) -> None:
    follow(bench, LONDON)
    for names, status in ((("192.0.2.71",), 404), (("other.example",), 403)):
        bench.ksr.request("INVITE", "sip:nobody@apolo.local", source="192.0.2.71:5061;tls")
        certificate(bench, *names)
        bench.script.initial(None)
        assert bench.ksr.replies[-1][0] == status
    assert "other.example, which is no address of zone London town" in bench.ksr.reply_headers[-1]


def test_strangers_are_judged_by_the_access_rules(bench: Bench) -> None:
    rules = (AccessRule(name="friends", pattern=r".*\.friend\.example"),)
    follow(bench, default_zone=DefaultZone(use_access_rules=True, access_rules=rules))
    for names, status in ((("x.friend.example",), 404), (("y.example",), 403), ((), 403)):
        bench.ksr.request("INVITE", "sip:nobody@apolo.local", source="198.51.100.1:5061;tls")
        certificate(bench, *names)
        bench.script.initial(None)
        assert bench.ksr.replies[-1][0] == status, names
    bench.ksr.request("INVITE", "sip:nobody@apolo.local", source="198.51.100.1:5060;udp")
    bench.script.initial(None)
    assert bench.ksr.replies[-1][0] == 403


def test_a_maintained_neighbour_answers_and_is_not_called(bench: Bench) -> None:
    follow(bench, replace(LONDON, tls_verify=False))
    assert answer(bench, "London town", 503, X_Sextet_Sessions="max=9;current=0;maintenance")["state"] == "maintenance"


def test_a_traversal_server_has_to_accept_us(bench: Bench) -> None:
    follow(bench, EDGE)
    challenge = 'Digest realm="r", nonce="n", qop="auth"'
    assert answer(bench, "Edge", 407, Proxy_Authenticate=challenge) == {}  # asked again, with credentials
    headers = bench.ksr.values["$uac_req(hdrs)"]
    assert "Proxy-Authorization: Digest" in headers
    assert 'username="client"' in headers
    assert "secret" not in headers
    assert answer(bench, "Edge", 407, attempt=2)["reason"] == "the server refuses this user name and password"
    assert answer(bench, "Edge", 403)["reason"] == "the server answers 403 Phrase"
    certificate(bench)
    assert answer(bench, "Edge", 200, X_Sextet_Traversal=NAME)["state"] == "active"
    assert bench.ksr.htables["tunnel"][f"name {NAME}"] == f"{A.replace('5061', '7001')};only=1"


@pytest.mark.parametrize(
    ("status", "challenge", "header", "qop"),
    [(407, "Proxy_Authenticate", "Proxy-Authorization", "auth"), (401, "WWW_Authenticate", "Authorization", "")],
)
def test_a_challenge_is_answered_as_it_asks(bench: Bench, status: int, challenge: str, header: str, qop: str) -> None:
    follow(bench, EDGE)
    more = f', qop="{qop}"' if qop else ""
    answer(bench, "Edge", status, **{challenge: f'Digest realm="r", nonce="n"{more}'})
    said = str(bench.ksr.values["$uac_req(hdrs)"])
    assert f"{header}: Digest " in said
    given = dict(re.findall(r'(\w+)="?([^",\r]+)"?', said.partition("Digest ")[2]))
    first, second = (md5(text) for text in ("client:r:secret", f"OPTIONS:{given['uri']}"))
    middle = f"n:00000001:{given['cnonce']}:auth" if qop else "n"
    assert given["response"] == md5(f"{first}:{middle}:{second}")
    assert (given.get("qop"), given.get("nc")) == (("auth", "00000001") if qop else (None, None))


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def keepalive(bench: Bench, port: int = 40000, **headers: str) -> int:
    bench.ksr.values |= {
        "$si": "198.51.100.7",
        "$sp": port,
        "$Rp": 7001,
        "$au": "client",
        "$conid": 5,
        "$proto": "tls",
    }
    bench.ksr.values |= {f"$hdr({name.replace('_', '-')})": value for name, value in headers.items()}
    assert bench.script.keepalive(None) == 1
    return bench.ksr.replies[-1][0]


def test_a_traversal_client_needs_password_certificate_and_name(bench: Bench) -> None:
    follow(bench, INSIDE)
    certificate(bench, "c.example")
    assert keepalive(bench, X_Sextet_Traversal=NAME) == 401  # as the fake challenges
    bench.ksr.users.add("client")
    assert keepalive(bench, X_Sextet_Traversal="short") == 400
    certificate(bench, "other.example")
    assert keepalive(bench, X_Sextet_Traversal=NAME) == 403
    assert not bench.ksr.htables["tunnel"]
    certificate(bench, "c.example")
    assert keepalive(bench, X_Sextet_Traversal=NAME) == 200
    assert json.loads(bench.ksr.htables["tunnel"]["198.51.100.7:40000"])[0] == "Inside"
    bench.ksr.values["$Rp"] = 7001
    assert bench.script.closed(None) == 1
    row = zone_rows.read(bench.ksr, "Inside", "sip:198.51.100.7:40000;transport=tls")
    assert row is not None
    assert (row["state"], row["reason"]) == ("failed", "the client closed its connection")
    assert f"name {NAME}" not in bench.ksr.htables["tunnel"]


def test_a_traversal_client_that_gave_a_call_no_answer_is_called_only_where_no_other_is_connected(bench: Bench) -> None:
    follow(bench, replace(INSIDE, tls_verify=False))
    bench.ksr.users.add("client")
    told = bench.script._current.get()
    for port, name in ((40000, NAME), (40001, NAME[::-1])):
        assert keepalive(bench, port, X_Sextet_Traversal=name) == 200
    hops = sorted(reaching.reach(bench.ksr, told, "Inside", "bob@apolo.local"))
    assert [hop.partition(";")[0] for hop in hops] == ["sip:198.51.100.7:40000", "sip:198.51.100.7:40001"]
    reaching.silent(bench.ksr, bench.script._reporter, told, "Inside", hops[0])
    for _ in range(2):
        assert reaching.reach(bench.ksr, told, "Inside", "bob@apolo.local") == hops[1:]
    assert bench.told[-1]["address"]["reason"] == "no answer to a call"
    reaching.silent(bench.ksr, bench.script._reporter, told, "Inside", hops[1])
    assert sorted(reaching.reach(bench.ksr, told, "Inside", "bob@apolo.local")) == hops
    assert keepalive(bench, 40000, X_Sextet_Traversal=NAME) == 200
    assert reaching.reach(bench.ksr, told, "Inside", "bob@apolo.local") == hops[:1]


def test_who_does_not_answer_in_time_has_failed_and_is_asked_again(bench: Bench) -> None:
    follow(bench, replace(LONDON, sip_transport="UDP", tls_verify=False))
    asked: list[str] = []
    bench.ksr.uac_req_send = lambda: asked.append(bench.ksr.values["$uac_req(ruri)"])  # type: ignore[attr-defined]
    pinger = Pinger(bench.ksr, bench.script._reporter)
    told = bench.script._current.get()
    pinger.follow(told, 100.0)
    pinger.tick(100.0)
    pinger.tick(100.0 + ANSWER_S - 0.1)
    assert len(asked) == 1
    assert zone_rows.read(bench.ksr, "London town", asked[0]) is None
    pinger.tick(100.0 + ANSWER_S + 0.1)
    row = zone_rows.read(bench.ksr, "London town", asked[0])
    assert row is not None
    assert row["reason"] == "no answer to OPTIONS within 5 s"
    pinger.tick(100.0 + PING_S)
    assert len(asked) == 2
    follow(bench)
    pinger.follow(bench.script._current.get(), 120.0)
    assert bench.told[-1]["address"]["state"] == "gone"


def test_a_lost_traversal_server_is_asked_soon_then_less_often_up_to_the_retry_interval(bench: Bench) -> None:
    follow(bench, EDGE)
    moments: list[float] = []
    now = 0.0
    bench.ksr.uac_req_send = lambda: moments.append(now)  # type: ignore[attr-defined]
    bench.ksr.x = type("X", (), {"modf": staticmethod(lambda *_: -1)})()  # type: ignore[attr-defined]
    pinger = Pinger(bench.ksr, bench.script._reporter)
    pinger.follow(bench.script._current.get(), now)
    while now < 400:
        pinger.tick(now)
        now += 0.25
    gaps = [round(later - earlier) for earlier, later in zip(moments, moments[1:], strict=False)]
    assert gaps[0] <= 6
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60
