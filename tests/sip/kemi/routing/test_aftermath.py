"""Who is asked what comes after, and how an ending is named."""

from __future__ import annotations

import json

import pytest

from sextet.call.decision import Refuse, Request, Then, Try
from sextet.call.policy.asking import STAGES
from sextet.call.source import LOCAL
from sextet.call.table import Table
from sextet.model.config import from_document
from sextet.sip.kemi.routing.aftermath import Aftermath, asked

HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
BODY = (
    '<proxy><busy><taa:location url="carol@apolo.local"/></busy><redirection><reject status="404"/></redirection>'
    '<noanswer><reject status="480"/></noanswer></proxy>'
)
REQUEST = Request(protocol="SIP", alias="bob@apolo.local", source=LOCAL, caller="alice@apolo.local", tag="t")
AFTER = Aftermath(request=REQUEST, then=(Then(script="", node=0, alias="bob@apolo.local", reason="call policy"),))


def ended(status: int, after: Aftermath = AFTER) -> object:
    document = {"call_policy": {"mode": "Local CPL", "script": HEAD + BODY + "</taa:routed></cpl>"}}
    table = Table.from_wanted(from_document(document), 1, (), 1)
    found = asked(table, after, status, lambda alias: True, lambda alias: (), STAGES)
    return found[0].decision if found else None


def test_it_stays_the_same_in_the_transaction() -> None:
    assert Aftermath.from_row(json.loads(json.dumps(AFTER.to_row()))) == AFTER


@pytest.mark.parametrize("status", [486, 600])
def test_busy_goes_where_the_script_says(status: int) -> None:
    decision = ended(status)
    assert isinstance(decision, Try)
    assert [target.alias for target in decision.rounds[0].targets] == ["carol@apolo.local"]


def test_no_answer_and_a_redirection_have_their_own_outputs() -> None:
    assert ended(408) == Refuse(480, "Rejected by Call Policy")
    assert isinstance(ended(302), Refuse)


@pytest.mark.parametrize("status", [401, 407, 487, 404, 503])
def test_what_the_caller_has_to_answer_and_what_has_no_output_is_his(status: int) -> None:
    assert ended(status) is None


def test_nobody_is_asked_where_nobody_named_the_targets() -> None:
    assert ended(486, Aftermath(request=REQUEST)) is None


def test_rings_as_long_as_the_shortest_patience() -> None:
    then = tuple(Then(script="", node=-1, alias="b", reason="", timeout_s=seconds) for seconds in (0, 20, 10))
    assert Aftermath(request=REQUEST, then=then).ring_s == 10
    assert Aftermath(request=REQUEST).ring_s == 0


def test_what_was_named_and_is_not_found_leads_on_to_the_others_who_were_to_be_asked() -> None:
    person = {
        "findme_id": "ann@apolo.local", "active_location": "o", "devices": [{"name": "d", "alias": "dave@apolo.local"}],
        "locations": [{"name": "o", "at_once": "d", "no_answer": "d"}],
    }  # fmt: skip
    document = {
        "call_policy": {"mode": "Local CPL", "script": HEAD + BODY + "</taa:routed></cpl>"},
        "findme": {"mode": "On", "people": [person]},
    }
    table = Table.from_wanted(from_document(document), 1, (), 1)
    person_then = Then(script="ann@apolo.local", node=0, alias="ann@apolo.local", reason="FindMe")
    then = (Then(script="", node=0, alias="bob@apolo.local", reason="call policy"), person_then)
    found = asked(
        table,
        Aftermath(request=REQUEST, then=then),
        486,
        lambda alias: alias.startswith("dave"),
        lambda alias: (),
        STAGES,
    )
    assert found is not None and isinstance(found[0].decision, Try)
    assert [target.alias for target in found[0].decision.rounds[0].targets] == ["dave@apolo.local"]
    assert person_then not in found[1].then, "asked once"
