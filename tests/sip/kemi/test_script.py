"""What the script does with requests, against a KSR with behaviour."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sextet.call.zones import NO_NAMES
from sextet.cluster.wire.link import HEARTBEAT_LIMIT_S
from sextet.engine import Neighbour, Wanted
from sextet.model.searches import STEPS_MAX
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DialPlan, SearchRule
from sextet.model.settings.policy import CallPolicy, FindMe, FindMeDevice, FindMeLocation, FindMePerson
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import Authentication
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.sip import rendering
from sextet.sip.kemi.agent import Agent
from sextet.sip.kemi.instructions import FILE, to_text
from sextet.sip.kemi.proof import Identity, new_tag, prove
from sextet.sip.kemi.script import Script
from sextet.sip.listener import MESSAGE_BYTES_MAX
from tests.support.ksr import FakeKSR
from tests.support.tables import linked

ALICE, BOB = "alice@apolo.local", "bob@apolo.local"
OPEN = Authentication(local_zone="Do not check credentials")
ZONE = Zone(name="Other", peers=(ZonePeer(address="192.0.2.71"), ZonePeer(address="192.0.2.72")))
CONFIG = Root(domains=(Domain(name="apolo.local"),), authentication=OPEN, protocols=Protocols(sip_udp=True))
SECRET = b"of the cluster"
PEER_FLAG = 1 << 8


class Bench:
    """A script with its KSR, and what it reported."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir, self.ksr = run_dir, FakeKSR()
        self.told: list[dict[str, Any]] = []
        self.searches: list[dict[str, Any]] = []  # what was told of searches stands here
        self.limits: dict[str, int] = {}  # of what is counted
        self.follow(CONFIG)
        self.script = Script(self.ksr, run_dir)
        self.script._reporter.send = self._tell  # type: ignore[method-assign]

    def _tell(self, fields: str, *, more: bool = False) -> None:
        event = json.loads(f"{{{fields}}}")
        (self.searches if event["kind"] in ("search", "answers", "loop") else self.told).append(event)

    def follow(self, config: Root, up: bool = True) -> None:
        neighbours = tuple(Neighbour(number=n, name=f"peer{n}", ip=f"192.0.2.{n}", up=up) for n in (2, 3))
        self.config = config
        wanted = Wanted(
            config=linked(config), generation=1, number=1, address="192.0.2.1", neighbours=neighbours, secret=SECRET,
            limits=self.limits,
        )  # fmt: skip
        (self.run_dir / FILE).write_text(to_text(rendering.instructions(wanted, "own", NO_NAMES)))
        self.ksr.values["$shv(table)"] = self.ksr.values.get("$shv(table)", 0) + 1

    def register(self, alias: str = ALICE, contact: str = "<sip:a@192.0.2.9>", **headers: str) -> tuple[int, str]:
        self.ksr.request("REGISTER", "sip:apolo.local", to=f"sip:{alias}", Contact=contact, **headers)
        assert self.script.register(None) == 1
        return self.ksr.replies[-1]

    def invite(self, alias: str = BOB, **more: str) -> None:
        self.ksr.request("INVITE", f"sip:{alias}", **more)
        assert self.script.initial(None) == 1


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_registration_is_told_before_it_is_answered_and_only_once(bench: Bench) -> None:
    for _ in range(3):
        assert bench.register(Expires="3600") == (200, "OK")
    assert [event["kind"] for event in bench.told] == ["bindings"]
    assert bench.told[0]["bindings"][0][:5] == ["sip:a@192.0.2.9", "sip:a@192.0.2.9", "192.0.2.9:5060;udp", "", 60]
    assert bench.ksr.values["$xavp(reg=>expires)"] == 60
    assert bench.ksr.htables["mark"] == {"mark-1": 60}


def test_letters_beyond_ascii_are_registered_escaped_and_as_they_are_under_one_alias(bench: Bench) -> None:
    for alias, contact in (
        ("%E5%B0%8F%e6%98%8e@apolo.local", "<sip:a@192.0.2.9>"),
        ("小明@apolo.local", "<sip:b@192.0.2.9>"),
    ):
        assert bench.register(alias, contact, Expires="3600") == (200, "OK")
    assert len(bench.ksr.bindings["小明@apolo.local"]) == 2
    assert {event["alias"] for event in bench.told} == {"小明@apolo.local"}


def test_the_fast_path_ends_with_the_binding(bench: Bench) -> None:
    bench.register(Expires="3600")
    bench.register(Expires="0")
    assert bench.told[-1]["bindings"] == []
    assert bench.ksr.htables["mark"] == {}
    assert bench.ksr.htables["flow"] == {}


@pytest.mark.parametrize(("expires", "why"), [(1_790_000_000, "Expired"), (10, "Connection lost")])
def test_the_fast_path_ends_when_the_binding_expires(bench: Bench, expires: int, why: str) -> None:
    bench.register(Expires="3600")
    bench.ksr.values |= {"$ulc(exp=>aor)": ALICE, "$ulc(exp=>ruid)": "r1", "$ulc(exp=>expires)": expires}
    bench.script.expired(None)
    assert (bench.told[-1]["bindings"], bench.told[-1]["why"]) == ([], why)
    assert bench.ksr.htables["mark"] == {}


@pytest.mark.parametrize(
    ("why", "told"), [("", "Registered with another peer"), ('Removed by "me"', 'Removed by "me"')]
)
def test_the_fast_path_ends_when_the_binding_is_released(bench: Bench, why: str, told: str) -> None:
    agent = Agent(bench.ksr, bench.run_dir, bench.script._reporter)
    bench.register(Expires="3600")
    asked = {"alias": ALICE, "device": "sip:a@192.0.2.9", "why": why}
    assert agent.release(asked) == {"found": True}
    assert (bench.told[-1]["bindings"], bench.told[-1]["why"]) == ([], told)
    assert bench.ksr.htables["mark"] == {}
    assert agent.release(asked) == {"found": False}
    bench.register(Expires="3600")
    assert len(bench.told[-1]["bindings"]) == 1, "the next refresh is told as what it is: a new registration"


def test_a_slower_worker_does_not_bring_back_what_is_gone(bench: Bench) -> None:
    bench.register(Expires="3600")
    order, rows = json.loads(bench.ksr.htables["reg"][ALICE])
    bench.ksr.htables["reg"][ALICE] = json.dumps((order + 9, []))  # another worker was faster and saw it gone
    before = len(bench.told)
    bench.register(Expires="3600")
    assert json.loads(bench.ksr.htables["reg"][ALICE]) == [order + 9, []]
    assert len(bench.told) == before


def test_a_brief_interval_is_refused_with_what_would_do(bench: Bench) -> None:
    assert bench.register(Expires="30") == (423, "Interval Too Brief")
    assert bench.ksr.reply_headers == ["Min-Expires: 45"]
    assert bench.ksr.bindings == {}


def test_a_foreign_domain_is_refused_and_reported(bench: Bench) -> None:
    assert bench.register(alias="a@other.test", Expires="60")[0] == 403
    assert bench.told[-1]["kind"] == "refused"


def test_several_contacts_and_a_query_leave_no_fast_path(bench: Bench) -> None:
    bench.register(contact="<sip:a@192.0.2.9>, <sip:b@192.0.2.9>", Expires="60")
    assert len(bench.told[-1]["bindings"]) == 2
    assert bench.ksr.htables["mark"] == {}
    bench.ksr.request("REGISTER", "sip:apolo.local", to=f"sip:{ALICE}")
    bench.script.register(None)
    assert bench.ksr.replies[-1] == (200, "OK")
    assert len(bench.told) == 1


def test_the_answer_repeats_the_path_to_a_device_that_understands_it_and_no_refusal_does(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE,)))
    path, source = "<sip:edge.test;lr;ob>, <sip:outer.test;lr>", "192.0.2.71:5060;tcp"
    for supported, repeated in (("outbound, Path", [f"Path: {path}"]), ("outbound", []), ("", [])):
        assert bench.register(source=source, Path=path, Supported=supported)[0] == 200
        assert [header for header in bench.ksr.reply_headers if header.startswith("Path")] == repeated
        bench.ksr.reply_headers.clear()
    assert bench.register("a@foreign.test", source=source, Path=path, Supported="path")[0] == 403
    assert not [header for header in bench.ksr.reply_headers if header.startswith("Path")]


def test_a_newer_contact_of_a_device_replaces_the_older(bench: Bench) -> None:
    for port in (1, 2):
        bench.register(contact=f'<sip:a@192.0.2.9:{port}>;+sip.instance="<urn:uuid:1>"', Expires="60")
    assert [row[0] for row in bench.told[-1]["bindings"]] == ["sip:a@192.0.2.9:2"]


def test_a_call_rings_devices_here_and_on_other_peers_at_once(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.ksr.htables["owner"][BOB] = "2,3"
    bench.invite()
    assert bench.ksr.relayed == [
        [
            ("sip:b@192.0.2.9", "", 0),
            (f"sip:{BOB}", "sip:192.0.2.2:5061;transport=tls", PEER_FLAG),
            (f"sip:{BOB}", "sip:192.0.2.3:5061;transport=tls", PEER_FLAG),
        ]
    ]
    bench.script.leg(None)
    assert bench.ksr.appended[-1].startswith("X-Sextet-Peer: n=1;tag=" + bench.told[-1]["call"]["tag"])
    assert bench.told[-1]["call"]["state"] == "ringing"


def test_peers_known_to_be_down_are_not_asked(bench: Bench) -> None:
    bench.follow(CONFIG, up=False)
    bench.ksr.htables["owner"][BOB] = "2"
    bench.invite()
    assert bench.ksr.relayed == []
    assert bench.ksr.replies[-1][0] == 480


def test_a_peer_has_longer_for_its_first_answer_than_its_link_takes_to_say_that_it_is_lost(bench: Bench) -> None:
    bench.ksr.htables["owner"][BOB] = "2"
    bench.invite()
    assert bench.ksr.patience_ms >= 2 * 1000 * HEARTBEAT_LIMIT_S, "until then who is silent is taken to be busy"


def test_a_request_of_a_peer_rings_here_only_and_keeps_its_tag(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.ksr.htables["owner"][BOB] = "3"
    identity = Identity(call_id="call-1", cseq="1", from_tag="tag-1", uri=f"sip:{BOB}")
    tag = new_tag(b"theirs", identity)
    bench.invite(source="192.0.2.2:40000;tls", X_Sextet_Peer=prove(SECRET, 2, tag, identity))
    assert bench.ksr.relayed == [[("sip:b@192.0.2.9", "", 0)]]
    assert bench.told[-1]["call"]["tag"] == tag
    bench.invite("carol@apolo.local", source="192.0.2.2:40000;tls", X_Sextet_Peer=prove(SECRET, 2, tag, identity))
    assert bench.ksr.replies[-1][0] == 404


@pytest.mark.parametrize(("source", "secret"), [("192.0.2.3:1;tls", SECRET), ("192.0.2.2:1;tls", b"wrong")])
def test_a_proof_from_another_address_or_with_another_secret_makes_a_stranger(
    bench: Bench, source: str, secret: bytes
) -> None:
    bench.follow(replace(CONFIG, authentication=replace(OPEN, default_zone="Check credentials")))
    identity = Identity(call_id="call-1", cseq="1", from_tag="tag-1", uri=f"sip:{BOB}")
    bench.invite(source=source, X_Sextet_Peer=prove(secret, 2, "0" * 32, identity))
    assert bench.ksr.replies[-1][0] == 401
    assert bench.ksr.htables["count"]["unproven"] == 1


def test_a_zone_is_tried_address_by_address(bench: Bench) -> None:
    rule = SearchRule(name="Out", target="Other")
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=(rule,)))
    bench.ksr.unreachable.add("sip:192.0.2.71:5061;transport=tls")
    bench.invite("x@other.test")
    assert [branches[0][1] for branches in bench.ksr.relayed] == ["sip:192.0.2.72:5061;transport=tls"]
    assert bench.ksr.hops[-1] == ["15"]


def test_a_round_goes_to_devices_peers_and_zones_at_once_each_with_its_own_hops(bench: Bench) -> None:
    rules = (
        SearchRule(name="Here", target="LocalZone"),
        SearchRule(name="Out", target="Other"),
        SearchRule(name="Next", target="Next"),
        SearchRule(
            name="Also",
            mode="Alias pattern match",
            pattern="bob",
            behavior="Replace",
            replace="alice",
            target="LocalZone",
        ),
    )
    bench.follow(replace(CONFIG, zones=(ZONE, replace(ZONE, name="Next", hop_count=3)), search_rules=rules))
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.register(ALICE, "<sip:a@192.0.2.8>", Expires="60")
    bench.ksr.htables["owner"][BOB] = "2"
    bench.invite(Max_Forwards="69")
    assert [(uri, flags) for uri, _, flags in bench.ksr.relayed[-1]] == [
        ("sip:b@192.0.2.9", 0),
        ("sip:a@192.0.2.8", 0),
        (f"sip:{BOB}", PEER_FLAG),
        (f"sip:{BOB}", 0),
        (f"sip:{BOB}", 0),
    ]
    assert bench.ksr.hops[-1] == ["69", "69", "69", "15", "3"]
    assert bench.told[-1]["call"]["route"] == "Local Zone, peer2, Other, Next"


def test_the_busy_person_of_a_round_is_passed_on_though_a_zone_knew_nobody(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),)))
    bench.invite("x@other.test")
    bench.ksr.status, bench.ksr.values["$avp(person)"] = 404, 486
    bench.script.failed(None)
    assert len(bench.ksr.relayed) == 1
    assert bench.ksr.replies == [(486, "Busy Here")]


def test_a_device_with_a_longer_session_timer_is_passed_on_with_it(bench: Bench) -> None:
    bench.register(BOB)
    bench.register(BOB, contact="<sip:b2@192.0.2.8>")
    bench.invite()
    bench.ksr.values |= {"$avp(brief)": "600", "$avp(person)": "486"}
    bench.ksr.status = 404
    assert bench.script.failed(None) == 1
    assert bench.ksr.replies[-1] == (422, "Session Interval Too Small")
    assert bench.ksr.reply_headers[-1] == "Min-SE: 600"


def test_a_failing_leg_gives_way_to_the_next_and_a_busy_person_does_not(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),)))
    bench.invite("x@other.test")
    bench.ksr.status = 486
    bench.script.failed(None)
    assert len(bench.ksr.relayed) == 1
    bench.ksr.status = 503
    bench.script.failed(None)
    bench.script.failed(None)
    assert len(bench.ksr.relayed) == 2


def test_nothing_that_can_be_reached_is_said(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),)))
    bench.ksr.unreachable |= {f"sip:192.0.2.{n}:5061;transport=tls" for n in (71, 72)}
    bench.invite("x@other.test")
    assert bench.ksr.replies[-1][0] == 480
    assert bench.told[-1]["kind"] == "ended"


def test_a_search_that_comes_back_is_a_loop(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),)))
    bench.invite("x@other.test")
    seen = bench.ksr.values["$xavp(via=>sxl)"]
    bench.invite("x@other.test", Via=f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;sxl={seen}")
    assert bench.ksr.replies[-1] == (482, "Loop Detected")
    kinds = [(event["kind"], event.get("search", {}).get("status")) for event in bench.searches]
    assert kinds[-2:] == [("loop", None), ("search", 482)]
    off = replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),))
    bench.follow(replace(off, dial_plan=DialPlan(loop_detection=False)))
    bench.invite("x@other.test", Via=f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;sxl={seen}")
    assert len(bench.ksr.relayed) == 2


def test_what_is_told_of_a_search_fits_into_one_event_however_many_rules_match(bench: Bench) -> None:
    many = tuple(
        SearchRule(
            name=f"a rule with quite a long name, number {n:012}", mode="Alias pattern match", pattern="x",
            target="Other", behavior="Replace", replace=f"{n}",
        )
        for n in range(500)
    )  # fmt: skip
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=many))
    bench.invite("x" * 190 + "@o.test")
    assert len(bench.searches[-1]["search"]["notes"]) == STEPS_MAX
    assert len(json.dumps(bench.searches[-1])) < MESSAGE_BYTES_MAX


def test_a_retransmission_does_nothing(bench: Bench) -> None:
    bench.ksr.retransmission = True
    bench.invite()
    assert (bench.ksr.replies, bench.ksr.relayed, bench.told) == ([], [], [])


def test_text_that_is_not_utf_8_is_answered_and_counted(bench: Bench) -> None:
    bench.ksr.request("INVITE", f"sip:{BOB}")
    bench.ksr.values["$ru"] = b"\xff"
    assert bench.script.initial(None) == 1
    assert bench.ksr.replies == [(500, "Server Internal Error")]
    assert bench.ksr.htables["count"]["faults"] == 1


def test_broken_instructions_leave_the_old_ones_in_force(bench: Bench) -> None:
    bench.register(Expires="60")
    (bench.run_dir / FILE).write_text("{")
    bench.ksr.values["$shv(table)"] += 1
    assert bench.register(Expires="60") == (200, "OK")
    assert "refused" in bench.ksr.logged[-1]


def test_without_any_instructions_the_answer_is_503(tmp_path: Path) -> None:
    ksr = FakeKSR()
    ksr.request("INVITE", f"sip:{BOB}")
    assert Script(ksr, tmp_path).initial(None) == 1
    assert ksr.replies == [(503, "Service Unavailable")]


def test_calls_connect_and_end_once(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.invite()
    bench.ksr.values["$dlg(callid)"] = "call-1"
    bench.script.connected(None)
    assert bench.told[-1]["call"]["state"] == "connected"
    bench.script.ended(None, "ended")
    bench.script.ended(None, "ended")
    assert [event["kind"] for event in bench.told].count("ended") == 1
    order, known = json.loads(bench.ksr.htables["call"]["call-1"])
    assert (order, known) == (bench.told[-1]["order"], None)


@pytest.mark.parametrize(
    ("lifetime_s", "reason"),
    [(10, "Not acknowledged"), (90, "Not refreshed in time"), (43_200, "Not refreshed in time")],
)
def test_a_call_that_ends_without_a_bye_says_what_was_missing(bench: Bench, lifetime_s: int, reason: str) -> None:
    bench.register(BOB)
    bench.invite()
    bench.ksr.values |= {"$dlg(callid)": "call-1", "$dlg(lifetime)": lifetime_s}
    assert bench.script.connected(None) == 1
    bench.ksr.values["$rm"] = ""  # a timer is no request
    assert bench.script.ended(None, "ended") == 1
    assert bench.told[-1]["reason"] == reason


def test_a_call_goes_on_with_a_session_timer_and_too_short_a_one_is_refused_before_a_search(bench: Bench) -> None:
    bench.register(BOB)
    bench.invite(Session_Expires="499", Supported="timer")
    assert bench.ksr.replies[-1] == (422, "Session Interval Too Small")
    assert bench.ksr.reply_headers[-2:] == [
        "Min-SE: 500", 'Reason: SIP;cause=422;text="the session refresh minimum is 500 s"',
    ]  # fmt: skip
    assert not bench.ksr.relayed and not bench.searches
    bench.invite(Session_Expires="7200;refresher=uac")
    assert bench.ksr.appended[-4:] == [
        "-Session-Expires", "Session-Expires: 1800;refresher=uac", "-Min-SE", "Min-SE: 500",
    ]  # fmt: skip
    assert (bench.ksr.values["$avp(interval)"], bench.ksr.values["$avp(refreshed)"]) == (1800, 0)
    assert len(bench.ksr.relayed) == 1


def test_credentials_that_the_native_route_found_make_the_caller_one_of_ours(bench: Bench) -> None:
    rule = SearchRule(name="Ours", source="Named", source_name="LocalZone", authenticated=True, target="Other")
    closed = Authentication(local_zone="Check credentials", default_zone="Check credentials")
    bench.follow(replace(CONFIG, authentication=closed, zones=(ZONE,), search_rules=(rule,)))
    for argument, relayed in (("", 0), ("proved", 1)):
        bench.ksr.request("INVITE", "sip:x@other.test")
        bench.script.initial(None, argument)
        assert len(bench.ksr.relayed) == relayed
    assert bench.ksr.replies == [(401, "apolo.local")]


def test_a_call_that_rings_at_the_next_place_is_told_with_it_and_keeps_its_moment(bench: Bench) -> None:
    bench.follow(replace(CONFIG, zones=(ZONE, replace(ZONE, name="Next")), search_rules=(
        SearchRule(name="First", target="Other"), SearchRule(name="Second", target="Next", priority=101))))  # fmt: skip
    bench.ksr.unreachable |= {f"sip:192.0.2.{n}:5061;transport=tls" for n in (71,)}
    bench.invite('x"y@other.test')
    first = _calls(bench)[-1]
    bench.script.failed(None)
    second = _calls(bench)[-1]
    assert (first["rule"], second["rule"]) == ("First", "Second")
    assert {name for name in first if first[name] != second[name]} == {"rule", "route", "nodes"}
    bench.ksr.values["$dlg(callid)"] = "call-1"
    bench.script.connected(None)
    third = _calls(bench)[-1]
    assert {name for name in second if third[name] != second[name]} <= {"state", "since_s"}
    assert json.loads(bench.ksr.htables["call"]["call-1"]) == [bench.told[-1]["order"], third]


def _calls(bench: Bench) -> list[dict[str, Any]]:
    return [event["call"] for event in bench.told if event["kind"] == "call"]


def test_each_branch_shows_the_caller_that_was_decided_for_its_target(bench: Bench) -> None:
    devices = (FindMeDevice(name="desk", alias="caller@apolo.local"),)
    home = FindMeLocation(name="Home", at_once="desk")
    person = FindMePerson(
        findme_id="The.Caller@apolo.local", active_location="Home", devices=devices, locations=(home,),
        display_name='Ann "The" Caller',
    )  # fmt: skip
    findme = FindMe(mode="On", caller_id="FindMe ID", people=(person,))
    trusted = Authentication(local_zone="Treat as authenticated", default_zone="Treat as authenticated")
    bench.follow(replace(CONFIG, authentication=trusted, findme=findme))
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.ksr.htables["owner"][BOB] = "2"
    bench.invite()
    assert bench.script.caller(None) == 1  # of the device here
    bench.ksr.values["$(du{uri.param,t})"] = "0"
    assert bench.script.caller(None) == 1  # of the other peer
    assert bench.ksr.shown == 2 * [('"Ann ?The? Caller"', "sip:The.Caller@apolo.local")]
    bench.ksr.values["$(du{uri.param,t})"] = "7"
    assert bench.script.caller(None) == 1
    assert len(bench.ksr.shown) == 2


def test_a_caller_without_a_domain_is_shown_in_that_of_who_calls(bench: Bench) -> None:
    script = (
        '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
        '<taa:location source-url-for-message="100&#13;&#10;X: y"><proxy/></taa:location></taa:routed></cpl>'
    )
    bench.follow(replace(CONFIG, call_policy=CallPolicy(mode="Local CPL", script=script)))
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.invite()
    assert bench.script.caller(None) == 1
    [(name, uri)] = bench.ksr.shown
    assert "\r" not in name + uri and "\n" not in name + uri
    assert uri.startswith("sip:100") and uri.endswith("@apolo.local")


def test_where_nobody_else_is_shown_nothing_is_noted(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.invite()
    assert bench.ksr.values["$avp(callers)"] == ""
