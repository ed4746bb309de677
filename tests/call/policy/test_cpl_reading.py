"""A CPL document that cannot be used is refused with every problem in it, and nothing in it can do harm."""

from __future__ import annotations

import contextlib
import random

import pytest

from sextet.call.policy.cpl_reading import NODES_MAX, NOT_SUPPORTED, BadScript, read
from sextet.model.settings.policy import SCRIPT_MAX

HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
TAIL = "</taa:routed></cpl>"
SOURCE = "source-url-for-message"
ORIGIN = f'{HEAD}<address-switch field="origin">'
END = f"</address-switch>{TAIL}"
GOOD = (
    f'{HEAD}<address-switch field="destination"><address is="a"><reject status="403"/></address></address-switch>{TAIL}'
)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(BadScript) as refused:
        read(text)
    return refused.value.problems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not well-formed XML"),
        ("<cpl>", "not well-formed XML"),
        ("<policy/>", "must be <cpl> in the namespace"),
        ('<cpl xmlns="urn:ietf:params:xml:ns:cpl"/>', "There are 0 <taa:routed>"),
        (f"{HEAD}</taa:routed>" + HEAD[HEAD.index("<taa:") :] + TAIL, "There are 2 <taa:routed>"),
        (f'{HEAD}<address-switch field="colour"/>{TAIL}', "the field 'colour'"),
        (f'{HEAD}<address-switch field="origin" subfield="x"/>{TAIL}', "the subfield 'x'"),
        (ORIGIN + '<address/>' + END, "0 comparisons"),
        (ORIGIN + '<address is="a" contains="b"/>' + END, "2 comparisons"),
        (ORIGIN + '<address regex="("/>' + END, "not a regular expression"),
        (ORIGIN + '<address regex="(a*)*"/>' + END, "can take for ever"),
        (f'{HEAD}<reject/>{TAIL}', "the status ''"),
        (f'{HEAD}<reject status="200"/>{TAIL}', "the status '200'"),
        (f'{HEAD}<proxy timeout="0.5"/>{TAIL}', "the timeout '0.5'"),
        (f'{HEAD}<proxy timeout="86401"/>{TAIL}', "the timeout '86401'"),
        (f'{HEAD}<proxy stop-on-busy="maybe"/>{TAIL}', "it is yes or no"),
        (f'{HEAD}<proxy ordering="parallel"/>{TAIL}', "the attribute 'ordering'"),
        (f"{HEAD}<proxy><busy/><busy/></proxy>{TAIL}", "two <busy>"),
        (f"{HEAD}<proxy/><proxy/>{TAIL}", "2 nodes side by side"),
        (f'{HEAD}<taa:location url="a" regex="b" replace="c"/>{TAIL}', "both url and regex"),
        (f'{HEAD}<taa:location regex="b"/>{TAIL}', "needs regex and replace together"),
        (f'{HEAD}<taa:location url="a" priority="2"/>{TAIL}', "the priority '2'"),
        (f'{HEAD}<taa:location {SOURCE}="a" {SOURCE}-regex="b" {SOURCE}-replace="c"/>{TAIL}', f"both {SOURCE} and"),
        (f'{HEAD}<taa:location {SOURCE}-replace="b"/>{TAIL}', f"needs {SOURCE}-regex and {SOURCE}-replace together"),
        (f'{HEAD}<taa:location {SOURCE}-regex="(" {SOURCE}-replace="b"/>{TAIL}', "not a regular expression"),
        (f'{HEAD}<proxy><failure status="302"/></proxy>{TAIL}', "<failure> has the status '302'"),
        (f'{HEAD}<proxy><failure status="404"/><failure status="404"/></proxy>{TAIL}', "two <failure> for 404"),
        (f'{HEAD}<proxy><busy status="486"/></proxy>{TAIL}', "the attribute 'status'"),
        (f"{HEAD}<location/>{TAIL}", "<location> may not stand in <taa:routed>"),
        (f'{HEAD}<x:y xmlns:x="urn:other"/>{TAIL}', "<urn:other:y> may not stand"),
    ],
)  # fmt: skip
def test_each_error_has_its_sentence(text: str, words: str) -> None:
    assert any(words in sentence for sentence in problems(text)), problems(text)


@pytest.mark.parametrize("name", NOT_SUPPORTED)
def test_what_the_original_does_not_support_is_refused_by_its_name(name: str) -> None:
    assert any(f"<{name}> is not supported" in sentence for sentence in problems(f"{HEAD}<{name}/>{TAIL}"))


def test_all_problems_are_told_at_once() -> None:
    found = problems(f'{HEAD}<proxy timeout="x"><busy><reject status="1"/></busy><log/></proxy>{TAIL}')
    assert len(found) == 3


def test_entities_are_refused_before_they_are_read() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + GOOD
    assert "DOCTYPE" in problems(bomb)[0]


def test_a_comment_and_a_declaration_of_xml_are_no_harm() -> None:
    assert read('<?xml version="1.0"?><!-- rules -->' + GOOD).root is not None


@pytest.mark.parametrize(
    "text",
    [
        "x" * (SCRIPT_MAX + 1),
        HEAD + "<proxy/>" * NODES_MAX + TAIL,
        HEAD + '<taa:location url="a">' * 200 + "</taa:location>" * 200 + TAIL,
    ],
)
def test_what_is_too_large_or_too_deep_is_refused(text: str) -> None:
    problems(text)


def test_a_mutated_script_is_read_or_refused_and_never_anything_else() -> None:
    dice = random.Random(7)
    for _ in range(3000):
        text = list(GOOD)
        for _ in range(dice.randint(1, 4)):
            text[dice.randrange(len(text))] = dice.choice('<>/="\x00\ud800aé&;')
        with contextlib.suppress(BadScript):
            read("".join(text))
