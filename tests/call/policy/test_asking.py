"""Call policy and FindMe inside the search: refused, sent elsewhere, and what comes after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sextet.call.decision import Refuse, Request, Searched, Then, Try
from sextet.call.policy.asking import STAGES, outcome
from sextet.call.policy.scripts import ADMINISTRATOR
from sextet.call.search import search
from sextet.call.source import LOCAL
from sextet.call.stages import Again
from sextet.call.table import Table
from sextet.model.config import from_document

HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
TAIL = "</taa:routed></cpl>"
REGISTERED = ("bob@example.com", "carol@example.com", "phone@example.com", "desk@example.com", "mobile@example.com")
ALICE: dict[str, Any] = {"protocol": "SIP", "source": LOCAL, "caller": "alice@example.com", "authenticated": True}


def table(policy: dict[str, Any] | None = None, *people: dict[str, Any], caller_id: str = "Incoming ID") -> Table:
    document = {
        "call_policy": {"mode": "Local CPL", **(policy or {})} if policy is not None else {},
        "findme": {"mode": "On", "caller_id": caller_id, "people": list(people)},
    }
    return Table.from_wanted(from_document(document), 1, (), 1)


def asked(made: Table, alias: str, **more: Any) -> Searched:
    request = Request(alias=alias, **{**ALICE, **more})
    return search(made, request, lambda name: name in REGISTERED, lambda name: (), STAGES)


def rung(searched: Searched) -> list[list[str]]:
    assert isinstance(searched.decision, Try), searched
    return [[target.alias for target in one.targets] for one in searched.decision.rounds]


def rule(priority: int, destination: str, **more: Any) -> dict[str, Any]:
    return {"priority": priority, "destination_pattern": destination, **more}


def test_without_a_policy_every_call_is_allowed() -> None:
    assert rung(asked(table(), "bob@example.com")) == [["bob@example.com"]]


def test_the_first_rule_that_matches_decides_and_is_named() -> None:
    rules = [rule(20, "bob@.*"), rule(10, "bob@.*", source_pattern="dave@.*", action="Allow")]
    made = table({"rules": rules})
    refused = asked(made, "bob@example.com").decision
    assert refused == Refuse(403, "Rejected by call policy rule 20")
    assert rung(asked(made, "bob@example.com", caller="dave@example.com")) == [["bob@example.com"]]
    assert rung(asked(made, "carol@example.com")) == [["carol@example.com"]], "no rule: allowed"


def test_a_rule_for_authenticated_callers_is_none_for_the_others() -> None:
    made = table({"rules": [rule(1, ".*", source_pattern="alice@.*")]})
    assert isinstance(asked(made, "bob@example.com").decision, Refuse)
    assert isinstance(asked(made, "bob@example.com", authenticated=False).decision, Try)


def test_a_rule_for_unauthenticated_callers_takes_everybody_at_his_word() -> None:
    made = table({"rules": [rule(1, ".*", callers="Unauthenticated callers", source_pattern="alice@.*")]})
    assert isinstance(asked(made, "bob@example.com", authenticated=False).decision, Refuse)


def test_a_rule_about_a_zone_names_it_whole() -> None:
    made = table({"rules": [rule(1, ".*", source_type="Zone", zone="LocalZone")]})
    assert isinstance(asked(made, "bob@example.com").decision, Refuse)
    made = table({"rules": [rule(1, ".*", source_type="Zone", zone="Local")]})
    assert isinstance(asked(made, "bob@example.com").decision, Try)


def test_a_rule_about_a_subzone_is_about_its_endpoints() -> None:
    made = table({"rules": [rule(1, ".*", source_type="Zone", zone="Floor")]})
    assert isinstance(asked(made, "bob@example.com", source=replace(LOCAL, subzone="Floor")).decision, Refuse)
    assert isinstance(asked(made, "bob@example.com").decision, Try)


def test_disabled_rules_and_a_policy_that_is_off_decide_nothing() -> None:
    made = table({"rules": [rule(1, ".*", state="Disabled")]})
    assert isinstance(asked(made, "bob@example.com").decision, Try)
    made = table({"mode": "Off", "rules": [rule(1, ".*")]})
    assert isinstance(asked(made, "bob@example.com").decision, Try)


def test_a_script_sends_a_call_elsewhere_and_the_new_alias_is_searched() -> None:
    body = '<address-switch field="destination"><address is="info@example.com">'
    body += '<taa:location url="bob@example.com"><proxy/></taa:location></address></address-switch>'
    searched = asked(table({"script": HEAD + body + TAIL}), "info@example.com")
    assert rung(searched) == [["bob@example.com"]]
    assert any(note.kind == "policy" and note.after == "bob@example.com" for note in searched.notes)


def test_a_script_that_names_the_alias_itself_lets_it_pass() -> None:
    body = '<taa:location clear="yes" url="bob@example.com"><proxy/></taa:location>'
    assert rung(asked(table({"script": HEAD + body + TAIL}), "bob@example.com")) == [["bob@example.com"]]


def test_scripts_that_send_a_call_in_a_circle_are_a_policy_loop() -> None:
    one = '<address is="a@example.com"><taa:location url="b@example.com"/></address>'
    two = '<address is="b@example.com"><taa:location url="a@example.com"/></address>'
    body = f'<address-switch field="destination">{one}{two}</address-switch>'
    refused = asked(table({"script": HEAD + body + TAIL}), "a@example.com").decision
    assert isinstance(refused, Refuse) and "policy loop detected" in refused.reason


def test_locations_of_one_priority_ring_together_then_the_others() -> None:
    body = (
        '<taa:location url="bob@example.com" priority="0.5"><taa:location url="carol@example.com" priority="0.5">'
        '<taa:location url="desk@example.com" priority="0.1"><proxy/></taa:location></taa:location></taa:location>'
    )
    once = f'<address-switch field="destination"><address is="all@example.com">{body}</address></address-switch>'
    found = rung(asked(table({"script": HEAD + once + TAIL}), "all@example.com"))
    assert found == [["bob@example.com", "carol@example.com"], ["desk@example.com"]]


def test_what_comes_after_is_asked_of_the_script_that_has_outputs() -> None:
    body = '<proxy timeout="15"><noanswer><taa:location url="carol@example.com"/></noanswer></proxy>'
    made = table({"script": HEAD + body + TAIL})
    searched = asked(made, "bob@example.com")
    assert isinstance(searched.decision, Try)
    then = searched.decision.then
    assert then == (Then(script=ADMINISTRATOR, node=0, alias="bob@example.com", reason="call policy", timeout_s=15),)
    request = Request(alias="bob@example.com", **ALICE)
    after = outcome(made, request, then[0], "noanswer")
    assert isinstance(after, Again) and after.aliases == ("carol@example.com",)
    assert outcome(made, request, then[0], "busy") is None


def script(*outputs: str) -> dict[str, Any]:
    """Write a script for a call to info@example.com only."""
    body = f'<address-switch field="destination"><address is="info@example.com"><proxy>{"".join(outputs)}'
    return {"script": f"{HEAD}{body}</proxy></address></address-switch>{TAIL}"}


def goes_to(name: str, then: str = "") -> str:
    return f'<taa:location clear="yes" url="{name}@example.com"><proxy>{then}</proxy></taa:location>'


@pytest.mark.parametrize("output", ["failure", 'failure status="404"', "default"])
def test_what_a_script_says_of_a_failure_holds_where_nobody_is_found(output: str) -> None:
    made = table(script(f"<{output}>{goes_to('carol')}</{output.split()[0]}>"))
    searched = asked(made, "info@example.com")
    assert rung(searched) == [["carol@example.com"]]
    assert [note.name for note in searched.notes if note.after == "carol@example.com"][0] == (
        "call policy, where nothing is found"
    )


def test_a_script_with_nothing_to_say_of_a_failure_leaves_the_refusal_as_it_is() -> None:
    refused = asked(table(script(f"<busy>{goes_to('carol')}</busy>")), "info@example.com").decision
    assert isinstance(refused, Refuse) and refused.status == 404


def test_a_script_that_rejects_what_is_not_found_has_the_last_word() -> None:
    made = table(script('<failure><reject status="486" reason="closed"/></failure>'))
    assert asked(made, "info@example.com").decision == Refuse(486, "closed")


def test_each_location_that_is_not_found_leads_to_the_next_one() -> None:
    last = f"<failure>{goes_to('carol')}</failure>"
    made = table(script(f"<failure>{goes_to('nobody', last)}</failure>"))
    assert rung(asked(made, "info@example.com")) == [["carol@example.com"]]


def test_scripts_that_lead_from_failure_to_failure_in_a_circle_end() -> None:
    one, two = (
        f'<address is="{name}@example.com"><proxy><failure>{goes_to(other)}</failure></proxy></address>'
        for name, other in (("a", "b"), ("b", "a"))
    )
    made = table({"script": f'{HEAD}<address-switch field="destination">{one}{two}</address-switch>{TAIL}'})
    refused = asked(made, "a@example.com").decision
    assert isinstance(refused, Refuse) and "one alias too many" in refused.reason


PERSON = {
    "findme_id": "Bob.Smith@example.com",
    "active_location": "office",
    "devices": [
        {"name": "Phone", "alias": "phone@example.com"},
        {"name": "Desk", "alias": "desk@example.com"},
        {"name": "Mobile", "alias": "mobile@example.com"},
    ],
    "locations": [
        {"name": "Office", "at_once": "phone, DESK", "no_answer": "Mobile", "busy": "mobile", "ring_s": 12},
        {"name": "Home", "at_once": "Mobile"},
    ],
}


def test_a_findme_id_rings_the_devices_of_the_active_location_together() -> None:
    searched = asked(table(None, PERSON), "bob.smith@example.com")
    assert rung(searched) == [["phone@example.com", "desk@example.com"]]
    assert isinstance(searched.decision, Try)
    assert [(then.timeout_s, then.node) for then in searched.decision.then] == [(12, 0)]


def test_when_nobody_answers_the_other_devices_ring() -> None:
    made = table(None, PERSON)
    request = Request(alias="bob.smith@example.com", **ALICE)
    searched = asked(made, "bob.smith@example.com")
    assert isinstance(searched.decision, Try)
    after = outcome(made, request, searched.decision.then[0], "noanswer")
    assert isinstance(after, Again) and after.aliases == ("mobile@example.com",)
    assert outcome(made, request, searched.decision.then[0], "failure") is None


def test_where_none_of_the_first_devices_is_there_the_others_ring_at_once() -> None:
    gone = {**PERSON, "devices": [*PERSON["devices"], {"name": "Old", "alias": "old@example.com"}]}  # type: ignore[misc]
    away = {"name": "Away", "at_once": "old", "no_answer": "mobile", "busy": "desk"}
    person = {**gone, "locations": [away], "active_location": "Away"}
    made = table(None, person)
    assert rung(asked(made, "bob.smith@example.com")) == [["mobile@example.com"]]
    without = table(None, {**person, "locations": [{**away, "no_answer": ""}]})
    assert isinstance(asked(without, "bob.smith@example.com").decision, Refuse), "busy is something else"
    to_him = goes_to("bob.smith", f"<failure>{goes_to('carol')}</failure>")
    outer = table(script(f"<default>{to_him}</default>"), person)
    assert rung(asked(outer, "info@example.com")) == [["mobile@example.com"]], "the person before who named him"


def test_another_location_rings_other_devices_and_nothing_comes_after() -> None:
    searched = asked(table(None, PERSON | {"active_location": "Home"}), "bob.smith@example.com")
    assert rung(searched) == [["mobile@example.com"]]
    assert isinstance(searched.decision, Try) and not any(then.node >= 0 for then in searched.decision.then)


def test_a_disabled_person_and_findme_off_are_nobody() -> None:
    assert isinstance(asked(table(None, PERSON | {"state": "Disabled"}), "bob.smith@example.com").decision, Refuse)


def test_the_policy_is_asked_about_each_device_of_a_person() -> None:
    made = table({"rules": [rule(1, "desk@.*")]}, PERSON)
    assert rung(asked(made, "bob.smith@example.com")) == [["phone@example.com"]]


DESK: dict[str, Any] = {"caller": "Desk@example.com"}
ANN = {**PERSON, "findme_id": "ann@example.com"}
PRINCIPAL = {
    **PERSON,
    "devices": [{**device, "principal": device["name"] == "Desk"} for device in PERSON["devices"]],  # type: ignore[index,union-attr]
}


def shown(searched: Searched) -> set[str]:
    assert isinstance(searched.decision, Try), searched
    return {target.caller for one in searched.decision.rounds for target in one.targets}


def test_a_call_from_a_device_of_a_person_shows_the_person_where_that_is_wanted() -> None:
    made = table(None, PERSON, caller_id="FindMe ID")
    searched = asked(made, "carol@example.com", **DESK)
    assert shown(searched) == {"Bob.Smith@example.com"}
    [note] = [note for note in searched.notes if note.name == "FindMe caller ID"]
    assert (note.before, note.after) == ("Desk@example.com", "Bob.Smith@example.com")
    assert shown(asked(made, "carol@example.com")) == {""}, "alice's device is nobody's"
    assert shown(asked(table(None, PERSON), "carol@example.com", **DESK)) == {""}, "Incoming ID"


def test_who_has_not_proved_himself_is_not_shown_as_a_person() -> None:
    made = table(None, PERSON, caller_id="FindMe ID")
    assert shown(asked(made, "carol@example.com", **DESK, authenticated=False)) == {""}


def test_a_device_of_two_people_shows_him_whose_principal_device_it_is() -> None:
    assert shown(asked(table(None, PERSON, ANN, caller_id="FindMe ID"), "carol@example.com", **DESK)) == {""}
    made = table(None, PRINCIPAL, ANN, caller_id="FindMe ID")
    assert shown(asked(made, "carol@example.com", **DESK)) == {"Bob.Smith@example.com"}
    both = table(None, PRINCIPAL, {**PRINCIPAL, "findme_id": "ann@example.com"}, caller_id="FindMe ID")
    assert shown(asked(both, "carol@example.com", **DESK)) == {""}


def test_a_disabled_person_is_not_shown() -> None:
    made = table(None, PERSON | {"state": "Disabled"}, caller_id="FindMe ID")
    assert shown(asked(made, "carol@example.com", **DESK)) == {""}


def test_a_policy_shows_another_caller_whatever_the_findme_id_is_and_to_all_devices_of_a_person() -> None:
    source = 'source-url-for-message="front@example.com"'
    body = (
        '<address-switch field="destination"><address is="ann@example.com">'
        f"<taa:location {source}><proxy/></taa:location></address></address-switch>"
    )
    made = table({"script": HEAD + body + TAIL}, PERSON, ANN, caller_id="FindMe ID")
    searched = asked(made, "ann@example.com", caller="mobile@example.com")
    assert shown(searched) == {"front@example.com"}
    assert any("front@example.com is shown as the caller" in note.finding for note in searched.notes)
    assert isinstance(searched.decision, Try)
    [then] = [one for one in searched.decision.then if one.node >= 0]
    request = Request(alias="ann@example.com", **ALICE)
    later = outcome(made, request, then, "noanswer")
    assert isinstance(later, Again) and later.caller == "front@example.com", "the next devices see the same"
