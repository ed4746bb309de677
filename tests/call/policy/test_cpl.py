"""What CPL scripts make of calls: every element of the facts, read from documents as administrators write them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.call.pattern import Variables
from sextet.call.policy.cpl import Decision, Facts, Proxy, Reject, Script, after, decide
from sextet.call.policy.cpl_reading import BadScript, read

CALL = Facts(
    origin="alice@example.com",
    destination="bob@example.com",
    original="bob",
    zone="LocalZone",
    user="alice-user",
    authenticated=True,
    registered=True,
)
HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
TAIL = "</taa:routed></cpl>"


def script(body: str) -> Script:
    return read(HEAD + body + TAIL)


def decided(body: str, facts: Facts = CALL) -> Decision:
    return decide(script(body), facts)


def switch(field: str, test: str, subfield: str = "") -> str:
    """Reject with 403 where the test matches, with 404 otherwise, with 480 where the field is not present."""
    more = f' subfield="{subfield}"' if subfield else ""
    return (
        f'<address-switch field="{field}"{more}><address {test}><reject status="403"/></address>'
        '<otherwise><reject status="404"/></otherwise><not-present><reject status="480"/></not-present>'
        "</address-switch>"
    )


def status(decision: Decision) -> int:
    assert isinstance(decision, Reject)
    return decision.status


def test_an_empty_script_has_no_opinion() -> None:
    assert decided("") is None


def test_a_plain_proxy_calls_what_was_dialled() -> None:
    assert decided("<proxy/>") == Proxy()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("destination", "bob@example.com"),
        ("original-destination", "bob"),
        ("origin", "alice@example.com"),
        ("authenticated-origin", "alice@example.com"),
        ("unauthenticated-origin", "alice@example.com"),
        ("registered-origin", "alice@example.com"),
        ("originating-zone", "LocalZone"),
        ("originating-user", "alice-user"),
    ],
)
def test_a_switch_compares_each_field_without_regard_to_case(field: str, value: str) -> None:
    assert status(decided(switch(field, f'is="{value.upper()}"'))) == 403
    assert status(decided(switch(field, f'is="x{value}"'))) == 404


@pytest.mark.parametrize("field", ["origin", "authenticated-origin"])
def test_an_origin_that_proved_nothing_is_not_present(field: str) -> None:
    assert status(decided(switch(field, 'is="x"'), replace(CALL, authenticated=False))) == 480
    assert status(decided(switch("unauthenticated-origin", 'is="x"'), replace(CALL, authenticated=False))) == 404


def test_an_origin_that_is_not_registered_is_not_present_as_such() -> None:
    assert status(decided(switch("registered-origin", 'is="x"'), replace(CALL, registered=False))) == 480


def test_what_is_not_present_takes_otherwise_where_nothing_else_is_said() -> None:
    body = '<address-switch field="originating-user"><otherwise><reject status="404"/></otherwise></address-switch>'
    assert status(decided(body, replace(CALL, user=""))) == 404


@pytest.mark.parametrize(
    ("subfield", "test", "found"),
    [
        ("user", 'is="bob"', True),
        ("host", 'is="example.com"', True),
        ("host", 'subdomain-of="example.com"', True),
        ("host", 'subdomain-of="ample.com"', False),
        ("address-type", 'is="sip"', True),
        ("alias-type", 'is="url-ID"', True),
        ("user", 'contains="O"', True),
        ("user", 'regex="b.b"', True),
        ("user", 'regex="b"', False),
    ],
)
def test_subfields_and_comparisons(subfield: str, test: str, found: bool) -> None:
    assert status(decided(switch("destination", test, subfield))) == (403 if found else 404)


def test_the_host_of_an_ip_address_is_the_whole_address() -> None:
    assert (
        status(decided(switch("destination", 'is="192.0.2.9"', "host"), replace(CALL, destination="192.0.2.9"))) == 403
    )
    assert status(decided(switch("destination", 'is="bob"', "host"), replace(CALL, destination="bob"))) == 480


@pytest.mark.parametrize(("zone", "found"), [("Floor", True), ("LocalZone", True), ("DefaultSubZone", False)])
def test_the_originating_zone_of_an_endpoint_is_its_subzone_and_the_local_zone(zone: str, found: bool) -> None:
    facts = replace(CALL, zone="Floor")
    assert status(decided(switch("originating-zone", f'is="{zone}"'), facts)) == (403 if found else 404)
    rules = f'<taa:rule-switch><taa:rule originating-zone="{zone}"><reject status="403"/></taa:rule></taa:rule-switch>'
    assert (decided(rules, facts) is not None) == found
    assert status(decided(switch("originating-zone", 'is="LocalZone"'), replace(facts, registered=False))) == 404


def test_a_number_is_compared_by_its_beginning_and_a_name_is_none() -> None:
    facts = replace(CALL, destination="+4721550@example.com")
    assert status(decided(switch("destination", 'subdomain-of="47"', "tel"), facts)) == 404, "the plus belongs to it"
    assert status(decided(switch("destination", 'subdomain-of="+47"', "tel"), facts)) == 403
    assert status(decided(switch("destination", 'is="bob"', "tel"))) == 480


def test_the_first_address_that_matches_decides() -> None:
    body = (
        '<address-switch field="destination"><address contains="bob"><reject status="486"/></address>'
        '<address contains="bob"><reject status="404"/></address></address-switch>'
    )
    assert status(decided(body)) == 486


def test_a_rule_needs_all_its_fields_and_the_first_that_matches_decides() -> None:
    body = (
        '<taa:rule-switch><taa:rule origin="alice@.*" destination="carol@.*"><reject status="404"/></taa:rule>'
        '<taa:rule origin="alice@.*" destination="bob@.*"><reject status="403" reason="not allowed"/></taa:rule>'
        "<taa:rule><proxy/></taa:rule></taa:rule-switch>"
    )
    assert decided(body) == Reject(403, "not allowed")
    assert decided(body, replace(CALL, origin="dave@example.com")) == Proxy()


def test_a_rule_about_the_proven_origin_never_matches_who_proved_nothing() -> None:
    body = '<taa:rule-switch><taa:rule origin=".*"><reject status="403"/></taa:rule></taa:rule-switch>'
    assert decided(body, replace(CALL, authenticated=False)) is None


def test_locations_are_called_together_by_priority_the_highest_first() -> None:
    body = (
        '<taa:location clear="yes" url="sip:one@example.com" priority="0.5">'
        '<taa:location url="two@example.com" priority="1.0"><taa:location url="h323:three" priority="0.5">'
        '<proxy timeout="20"/></taa:location></taa:location></taa:location>'
    )
    assert decided(body) == Proxy((("two@example.com",), ("one@example.com", "three")), 20)


def test_a_location_is_made_from_the_destination_by_a_regex() -> None:
    body = r'<taa:location regex="(.*)@example\.com" replace="\1@example.org"><proxy/></taa:location>'
    assert decided(body) == Proxy((("bob@example.org",),))
    assert decided(body, replace(CALL, destination="bob@other.com")) == Proxy()


def test_a_location_without_a_proxy_is_where_the_call_goes() -> None:
    assert decided('<taa:location url="carol"/>') == Proxy((("carol",),))


def test_clearing_takes_away_what_was_there() -> None:
    body = '<taa:location url="one"><taa:location clear="yes" url="two"><proxy/></taa:location></taa:location>'
    assert decided(body) == Proxy((("two",),))


def test_a_random_order_is_drawn_for_each_call() -> None:
    inner = '<taa:location url="two" priority="random"><proxy/></taa:location>'
    body = f'<taa:location url="one" priority="random">{inner}</taa:location>'
    assert decided(body, replace(CALL, dice=(0.1, 0.9))) == Proxy((("two",), ("one",)))
    assert decided(body, replace(CALL, dice=(0.9, 0.1))) == Proxy((("one",), ("two",)))


PROXY = (
    '<proxy timeout="10"><busy><reject status="486"/></busy><failure><taa:location url="fallback"><proxy/>'
    "</taa:location></failure></proxy>"
)


def test_what_comes_after_a_call_attempt_depends_on_how_it_ended() -> None:
    made = script(PROXY)
    first = decide(made, CALL)
    assert isinstance(first, Proxy) and first.node == 0
    assert after(made, 0, "busy", CALL) == Reject(486, "Busy Here")
    assert after(made, 0, "noanswer", CALL) == Proxy((("fallback",),)), "failure takes what has no output"
    assert after(made, 0, "failure", CALL) == Proxy((("fallback",),))
    assert after(made, 0, "redirection", CALL) is None
    assert after(made, 7, "busy", CALL) is None


def test_the_default_output_takes_what_no_other_does() -> None:
    made = script('<proxy><default><reject status="busy"/></default></proxy>')
    assert after(made, 0, "redirection", CALL) == after(made, 0, "busy", CALL) == Reject(486, "Busy Here")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        ("busy", 486, "Busy Here"),
        ("notfound", 404, "Not Found"),
        ("reject", 603, "Decline"),
        ("error", 500, "Server Internal Error"),
        ("699", 699, "Rejected by Call Policy"),
    ],
)
def test_a_refusal_has_the_status_of_its_word_and_the_phrase_that_goes_with_it(
    status: str, code: int, reason: str
) -> None:
    assert decided(f'<reject status="{status}"/>') == Reject(code, reason)


def test_what_stands_within_a_refusal_would_never_be_reached_and_is_refused() -> None:
    with pytest.raises(BadScript, match="<reject>"):
        script('<reject status="busy"><proxy/></reject>')


def test_stop_on_busy_is_the_default_and_can_be_turned_off() -> None:
    assert decided("<proxy/>") == Proxy(stop_on_busy=True)
    assert decided('<proxy stop-on-busy="no"/>') == Proxy(stop_on_busy=False)


def test_the_pattern_variables_stand_for_this_systems_values() -> None:
    variables = Variables({"localdomains": ["example.com"]}, {"systemname": "expc01"})
    text = HEAD + switch("destination", 'regex="[^@]*@%localdomains%"') + TAIL
    assert status(decide(read(text, variables), CALL)) == 403
    text = HEAD + '<taa:location url="room@%systemname%"/>' + TAIL
    assert decide(read(text, variables), CALL) == Proxy((("room@expc01",),))


SOURCE = "source-url-for-message"


def test_a_location_shows_another_caller_and_adds_no_alias_for_it() -> None:
    assert decided(f'<taa:location {SOURCE}="sip:desk@Example.com"><proxy/></taa:location>') == Proxy(
        caller="desk@example.com"
    )
    both = f'<taa:location clear="yes" url="carol@example.com" {SOURCE}="desk@example.com"/>'
    assert decided(both) == Proxy(groups=(("carol@example.com",),), caller="desk@example.com")


def test_a_pattern_rewrites_the_caller_that_it_matches_and_leaves_others() -> None:
    rewriting = (
        f'<taa:location {SOURCE}-regex="(.*)@example\\.com" {SOURCE}-replace="\\1@other.test"><proxy/></taa:location>'
    )
    assert decided(rewriting) == Proxy(caller="alice@other.test")
    assert decided(rewriting, replace(CALL, origin="eve@far.test")) == Proxy()


def test_the_last_location_that_shows_a_caller_decides_and_sees_the_one_before() -> None:
    nested = (
        f'<taa:location {SOURCE}="100@example.com"><taa:location {SOURCE}-regex="1(.*)" {SOURCE}-replace="9\\1">'
        f'<taa:location {SOURCE}-regex="x" {SOURCE}-replace="y"><proxy/></taa:location></taa:location></taa:location>'
    )
    assert decided(nested) == Proxy(caller="900@example.com")


def test_a_caller_is_no_longer_than_an_alias_may_be() -> None:
    long = f'<taa:location {SOURCE}-regex="(.*)" {SOURCE}-replace="{"x" * 300}"><proxy/></taa:location>'
    found = decided(long)
    assert isinstance(found, Proxy) and len(found.caller) == 200


def test_a_failure_may_be_for_one_status_and_the_plain_one_takes_the_rest() -> None:
    made = script(
        '<proxy><failure status="404"><reject status="480"/></failure>'
        '<failure status="486"><reject status="481"/></failure>'
        '<failure><reject status="482"/></failure><noanswer><reject status="483"/></noanswer></proxy>'
    )
    for result, given, expected in (
        ("failure", 404, 480), ("busy", 486, 481), ("failure", 403, 482), ("busy", 600, 482), ("noanswer", 408, 483),
    ):  # fmt: skip
        assert status(after(made, 0, result, CALL, given)) == expected  # type: ignore[arg-type]
    assert after(made, 0, "redirection", CALL, 302) is None
    alone = script('<proxy><failure status="404"><reject status="480"/></failure></proxy>')
    assert decided('<proxy><failure status="404"><reject status="480"/></failure></proxy>') == Proxy(node=0)
    assert after(alone, 0, "failure", CALL, 403) is None
