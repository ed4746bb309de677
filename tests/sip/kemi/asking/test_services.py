"""Calls that wait for a policy service, with the fake of Kamailio's interface."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from sextet.model.settings.dialplan import DEFAULT_RULES, SearchRule
from sextet.model.settings.policy import CallPolicy, FindMe, FindMeDevice, FindMeLocation, FindMePerson
from sextet.model.settings.policy_services import PolicyServer, PolicyService
from sextet.model.settings.registration import Registration
from sextet.model.settings.zones import DNS, Zone
from sextet.sip.kemi.asking import questions
from tests.sip.kemi.test_script import ALICE, BOB, CONFIG, OPEN, Bench

SERVICE = PolicyService(
    name="The judge", password="secret of the service", servers=(PolicyServer(address="192.0.2.9"),)
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return judged(tmp_path, SERVICE)


def judged(tmp_path: Path, service: PolicyService) -> Bench:
    made = Bench(tmp_path)
    policy = CallPolicy(mode="Policy service", service="The judge")
    made.follow(replace(CONFIG, authentication=OPEN, call_policy=policy, policy_services=(service,)))
    return made


def heard(bench: Bench) -> None:
    """Let sextetd hear what the worker says; the fake's reporter has nobody at its other end."""
    send = bench.script._reporter.send
    bench.script._reporter.send = lambda fields, more=False: (send(fields), True)[-1]  # type: ignore[method-assign, func-returns-value]


def asked(bench: Bench) -> str:
    question: str = [event for event in bench.told if event["kind"] == "question"][-1]["questions"][0]
    return question


def parameters(question: str) -> dict[str, str]:
    kind, text, name = question.split(" ", 2)
    assert (kind, name) == ("policy", "The judge")
    return {key: values[0] for key, values in parse_qs(text).items()}


def answer(bench: Bench, *cpl: str) -> None:
    questions.keep(bench.ksr, [(asked(bench), list(cpl), 10)])
    assert bench.script.resumed(None) == 1


def test_a_call_waits_and_the_service_is_told_about_it(bench: Bench) -> None:
    heard(bench)
    bench.invite("bob@apolo.local")
    assert (bench.ksr.suspended, bench.ksr.relayed, bench.ksr.replies) == (1, [], [])
    told = parameters(asked(bench))
    assert told["DESTINATION_ALIAS"] == "bob@apolo.local"
    assert (told["METHOD"], told["POLICY_TYPE"], told["NETWORK_TYPE"]) == ("INVITE", "ADMIN", "IPV4")
    assert not bench.searches, "nothing is decided yet"
    answer(bench, "<reject status='486' reason='not now'/>")
    assert bench.ksr.replies[-1][0] == 486
    assert [event["kind"] for event in bench.searches] == ["search"]


def test_an_answer_is_one_calls_and_no_others(bench: Bench) -> None:
    heard(bench)
    bench.invite("bob@apolo.local")
    answer(bench, "<reject/>")
    bench.invite("bob@apolo.local")
    assert bench.ksr.suspended == 2
    assert not bench.ksr.htables["dns"]


@pytest.mark.parametrize(
    ("own", "status", "reason"),
    [("", 403, "Service Unavailable"), ("<reject status='480' reason='no judge'/>", 480, "no judge")],
)
def test_without_an_answer_the_default_cpl_holds(tmp_path: Path, own: str, status: int, reason: str) -> None:
    bench = judged(tmp_path, replace(SERVICE, default_cpl=own))
    heard(bench)
    bench.invite("bob@apolo.local")
    answer(bench)
    assert bench.ksr.replies[-1][0] == status
    assert reason in str(bench.ksr.__dict__)


def test_who_is_not_answered_in_time_gets_the_default_cpl_and_asks_no_more(bench: Bench) -> None:
    heard(bench)
    bench.invite("bob@apolo.local")
    assert bench.script.resumed(None) == 1
    assert bench.ksr.suspended == 1
    assert bench.ksr.replies[-1][0] == 403


def test_new_aliases_are_judged_too_and_a_service_that_names_ever_new_ones_ends(bench: Bench) -> None:
    heard(bench)
    bench.invite("0@apolo.local")
    for number in range(questions.TURNS_MAX):
        assert parameters(asked(bench))["DESTINATION_ALIAS"] == f"{number}@apolo.local"
        answer(bench, f'<taa:location clear="yes" url="{number + 1}@apolo.local"><proxy/></taa:location>')
    assert bench.ksr.suspended == questions.TURNS_MAX
    assert bench.ksr.replies[-1][0] == 403


def test_workers_are_not_given_the_password(bench: Bench) -> None:
    told: dict[str, Any] = dict(bench.script._current.get().table.document)
    assert "secret of the service" not in str(told)
    assert "secret" not in str(told["config"]["policy_services"])


def ruled(tmp_path: Path) -> Bench:
    """No call policy; numbers are looked for through the service."""
    made = Bench(tmp_path)
    numbers = SearchRule(
        name="Numbers", target="The judge", mode="Alias pattern match", pattern_type="Regex", pattern=r"\d+@.*",
        behavior="Leave", priority=10,
    )  # fmt: skip
    made.follow(
        replace(CONFIG, authentication=OPEN, policy_services=(SERVICE,), search_rules=(numbers, *DEFAULT_RULES))
    )
    heard(made)
    return made


def test_a_search_rule_asks_a_service_and_goes_on_with_the_alias_that_it_names(tmp_path: Path) -> None:
    bench = ruled(tmp_path)
    bench.register()
    bench.invite("7@apolo.local")
    told = parameters(asked(bench))
    assert (told["POLICY_TYPE"], told["DESTINATION_ALIAS"]) == ("SEARCH", "7@apolo.local")
    answer(bench, f'<taa:location clear="yes" url="{ALICE}"><proxy/></taa:location>')
    assert len(bench.ksr.relayed) == 1


def test_a_search_rule_whose_service_is_not_there_ends_with_its_default_cpl(tmp_path: Path) -> None:
    bench = ruled(tmp_path)
    bench.invite("7@apolo.local")
    answer(bench)
    assert bench.ksr.replies[-1][0] == 504


def test_an_alias_that_no_rule_sends_to_the_service_waits_for_nothing(tmp_path: Path) -> None:
    bench = ruled(tmp_path)
    bench.register()
    bench.invite(ALICE)
    assert (bench.ksr.suspended, len(bench.ksr.relayed)) == (0, 1)


def guarded(tmp_path: Path, service: PolicyService = SERVICE) -> Bench:
    """The service says who may register."""
    made = Bench(tmp_path)
    registration = Registration(restriction_policy="Policy service", service="The judge")
    made.follow(replace(CONFIG, authentication=OPEN, policy_services=(service,), registration=registration))
    heard(made)
    return made


def come(bench: Bench, **headers: str) -> None:
    bench.ksr.request(
        "REGISTER", "sip:apolo.local", to=f"sip:{ALICE}", Contact="<sip:a@192.0.2.9>", **{"Expires": "60", **headers}
    )
    assert bench.script.register(None) == 1


def test_a_registration_waits_and_the_service_is_told_about_it(tmp_path: Path) -> None:
    bench = guarded(tmp_path)
    come(bench)
    assert (bench.ksr.suspended, bench.ksr.replies, bench.ksr.bindings) == (1, [], {})
    told = parameters(asked(bench))
    assert (told["POLICY_TYPE"], told["METHOD"], told["PROTOCOL"]) == ("REGISTRATION", "REGISTER", "SIP")
    assert (told["ALIAS"], told["AUTHENTICATED"], told["SOURCE_ADDRESS"]) == (ALICE, "FALSE", "192.0.2.9:5060")
    assert "DESTINATION_ALIAS" not in told
    answer(bench, "<proxy/>")
    assert bench.ksr.replies == [(200, "OK")]
    assert bench.told[-1]["kind"] == "bindings"


def test_refreshes_are_asked_about_too_and_each_takes_its_own_answer(tmp_path: Path) -> None:
    bench = guarded(tmp_path)
    come(bench)
    first = asked(bench)
    answer(bench, "<proxy/>")
    assert not bench.ksr.htables["mark"], "the native route must not refresh it by itself"
    come(bench)
    assert bench.ksr.suspended == 2 and asked(bench) != first
    answer(bench, "<reject status='403' reason='not here'/>")
    assert bench.ksr.replies[-1] == (403, "not here")
    assert len(bench.ksr.bindings[ALICE]) == 1, "who is registered is not thrown out"


@pytest.mark.parametrize(
    ("own", "status"), [("", 504), ("<reject status='480' reason='no judge'/>", 480), ("<proxy/>", 200)]
)
def test_a_registration_that_is_not_answered_for_has_the_default_cpl(tmp_path: Path, own: str, status: int) -> None:
    bench = guarded(tmp_path, replace(SERVICE, default_cpl=own))
    come(bench)
    answer(bench)
    assert bench.ksr.replies[-1][0] == status


def test_who_leaves_and_who_is_refused_anyway_is_asked_about_nowhere(tmp_path: Path) -> None:
    bench = guarded(tmp_path)
    come(bench, Expires="0")
    assert (bench.ksr.suspended, bench.ksr.replies) == (0, [(200, "OK")])
    bench.register(alias="a@other.test", Expires="60")
    assert (bench.ksr.suspended, bench.ksr.replies[-1][0]) == (0, 403)


def test_a_registration_that_waited_keeps_the_way_back_over_its_connection(tmp_path: Path) -> None:
    bench = guarded(tmp_path)
    bench.ksr.request("REGISTER", "sip:apolo.local", to=f"sip:{ALICE}", Contact="<sip:a@192.0.2.9>", Expires="60")
    bench.ksr.setbflag(6)
    assert bench.script.register(None) == 1
    bench.ksr.resetbflag(6)  # a variable of the worker; the agent goes on
    answer(bench, "<proxy/>")
    assert bench.ksr.isbflagset(6)


CAROL, SMITH = "carol@apolo.local", "smith@apolo.local"


def forwarded(tmp_path: Path, busy: str = CAROL, **more: Any) -> Bench:
    """A person whose busy device gives way to another alias, and a service that judges each alias."""
    made = judged(tmp_path, SERVICE)
    devices = (FindMeDevice(name="desk", alias=BOB), FindMeDevice(name="other", alias=busy))
    office = FindMeLocation(name="Office", at_once="desk", busy="other")
    person = FindMePerson(findme_id=SMITH, active_location="Office", devices=devices, locations=(office,))
    made.follow(replace(made.config, findme=FindMe(mode="On", people=(person,)), **more))
    for alias in (BOB, CAROL):
        made.register(alias, contact=f"<sip:{alias.partition('@')[0]}@192.0.2.9>", Expires="60")
    heard(made)
    made.invite(SMITH)
    for alias in (SMITH, BOB):
        assert parameters(asked(made))["DESTINATION_ALIAS"] == alias
        answer(made, "<proxy/>")
    assert [uri for [(uri, _, _)] in made.ksr.relayed] == ["sip:bob@192.0.2.9"]
    made.ksr.status = 486
    made.script.failed(None)
    return made


def test_an_alias_that_comes_after_is_judged_by_the_service_and_then_rung(tmp_path: Path) -> None:
    bench = forwarded(tmp_path)
    assert (bench.ksr.suspended, len(bench.ksr.relayed), bench.ksr.replies[2:]) == (3, 1, [])
    assert parameters(asked(bench))["DESTINATION_ALIAS"] == CAROL
    answer(bench, "<proxy/>")
    assert [uri for [(uri, _, _)] in bench.ksr.relayed] == ["sip:bob@192.0.2.9", "sip:carol@192.0.2.9"]
    assert [event["kind"] for event in bench.searches] == ["search", "answers", "search"]


def test_an_alias_that_comes_after_and_is_rejected_is_not_rung(tmp_path: Path) -> None:
    bench = forwarded(tmp_path)
    answer(bench, "<reject status='480' reason='not after hours'/>")
    assert (len(bench.ksr.relayed), bench.ksr.replies[-1][0]) == (1, 480)
    assert "not after hours" in bench.ksr.reply_headers[-1]


def test_an_alias_that_comes_after_has_the_default_cpl_where_the_service_is_silent(tmp_path: Path) -> None:
    bench = forwarded(tmp_path)
    answer(bench)
    assert (len(bench.ksr.relayed), bench.ksr.replies[-1][0]) == (1, 403)


def test_an_alias_that_comes_after_waits_for_dns_like_any_other(tmp_path: Path) -> None:
    world = SearchRule(name="World", target="World", mode="Any alias")
    rules = (*DEFAULT_RULES, world)
    bench = forwarded(tmp_path, "eve@far.test", zones=(Zone(name="World", type=DNS),), search_rules=rules)
    answer(bench, "<proxy/>")
    assert (bench.ksr.suspended, asked(bench)) == (4, "dns far.test World")
    questions.keep(bench.ksr, [("dns far.test World", ["sip:192.0.2.80:5061;transport=tls"], 30)])
    assert bench.script.resumed(None) == 1
    assert bench.ksr.relayed[-1][0][0] == "sip:eve@far.test"


def test_what_all_rounds_carry_is_there_once_and_before_the_call_waits(bench: Bench) -> None:
    heard(bench)
    bench.register(BOB, Expires="60")
    bench.ksr.appended.clear()
    bench.invite(BOB)
    before = [header.partition(":")[0] for header in bench.ksr.appended]
    assert before == ["Record-Route", "-Session-Expires", "Session-Expires", "-Min-SE", "Min-SE"]
    answer(bench, "<proxy/>")
    assert len(bench.ksr.relayed) == 1
    assert len(bench.ksr.appended) == len(before)


def test_a_registration_that_waited_for_the_directory_before_waits_for_the_service_too(tmp_path: Path) -> None:
    bench = guarded(tmp_path)
    bench.ksr.retransmission = True  # there is a transaction already
    come(bench, **{"$avp(waited)": "2"})
    assert bench.ksr.suspended == 1
    answer(bench, "<proxy/>")
    assert bench.ksr.replies == [(200, "OK")]
