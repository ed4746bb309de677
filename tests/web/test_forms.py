"""Forms made from declarations: what was typed, what moved, where problems belong."""

from __future__ import annotations

import json

from sextet.model.config import to_document
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.zones import Zone
from sextet.web import forms
from sextet.web.pages.declared import FORM_PAGES, LIST_PAGES, FormPage, ListPage

FIELDS = forms.editable(Protocols, ["sip_udp", "sip_udp_port", "standard_refresh_strategy"])
NOW = {"sip_udp": "Off", "sip_udp_port": "5060", "standard_refresh_strategy": "Maximum"}


def posted(was: forms.Texts, **typed: str) -> dict[str, str]:
    return {**{k: v for k, v in was.items() if isinstance(v, str)}, **typed, "was": json.dumps(was)}


def test_every_setting_has_exactly_one_page() -> None:
    shown: list[str] = []
    for page in [*FORM_PAGES, *LIST_PAGES]:
        if isinstance(page, FormPage):
            shown += [f"{page.section}.{name}" for name, _ in page.fields]
        elif isinstance(page, ListPage):
            shown.append(page.list)
    declared: list[str] = []
    for name, value in to_document(Root()).items():
        declared += [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else [name]
    assert sorted(shown) == sorted(path for path in declared if not path.startswith("clustering."))


def test_what_was_not_touched_is_not_changed() -> None:
    both = forms.merged(FIELDS, forms.posted_texts(FIELDS, posted(NOW)), NOW, NOW)
    assert both.mine == ()


def test_only_what_was_typed_is_changed() -> None:
    sent = posted(NOW, sip_udp="On")
    both = forms.merged(FIELDS, forms.posted_texts(FIELDS, sent), forms.posted_was(FIELDS, sent), NOW)
    assert both.mine == ("sip_udp",)
    assert forms.values_of(FIELDS, both.texts)["sip_udp"] is True


def test_two_people_on_different_fields_do_not_disturb_each_other() -> None:
    sent = posted(NOW, sip_udp="On")
    later = {**NOW, "sip_udp_port": "5070"}
    both = forms.merged(FIELDS, forms.posted_texts(FIELDS, sent), NOW, later)
    assert (both.mine, both.moved, both.texts["sip_udp_port"]) == (("sip_udp",), {}, "5070")


def test_two_people_on_the_same_field_are_told() -> None:
    sent = posted(NOW, sip_udp_port="5080")
    later = {**NOW, "sip_udp_port": "5070"}
    both = forms.merged(FIELDS, forms.posted_texts(FIELDS, sent), NOW, later)
    assert both.moved == {"sip_udp_port": "5070"}
    assert both.texts["sip_udp_port"] == "5080"


def test_two_people_who_want_the_same_agree() -> None:
    sent = posted(NOW, sip_udp_port="5070")
    later = {**NOW, "sip_udp_port": "5070"}
    both = forms.merged(FIELDS, forms.posted_texts(FIELDS, sent), NOW, later)
    assert (both.mine, both.moved) == ((), {})


def test_what_is_not_a_number_stays_text_for_the_validation_to_name() -> None:
    assert forms.values_of(FIELDS, {**NOW, "sip_udp_port": "many"})["sip_udp_port"] == "many"
    assert forms.values_of(FIELDS, {**NOW, "sip_udp_port": "٣"})["sip_udp_port"] == "٣"


def test_a_broken_origin_counts_as_nothing() -> None:
    for was in ("", "{", "[]", '{"sip_udp": 7}', "[" * 5000, "1" * (forms.WAS_BYTES_MAX + 1)):
        assert forms.posted_was(FIELDS, {"was": was}) == {}


def test_empty_rows_of_a_short_list_are_left_out() -> None:
    fields = forms.editable(Clustering, ["address_mappings"])
    sent = {
        "address_mappings.0.fqdn": "",
        "address_mappings.2.fqdn": " a.example ",
        "address_mappings.2.ip": "192.0.2.1",
    }
    assert forms.posted_texts(fields, sent) == {"address_mappings": [{"fqdn": "a.example", "ip": "192.0.2.1"}]}


def test_problems_stand_at_their_fields_and_the_rest_on_top() -> None:
    form = forms.form_of(FIELDS, "protocols", NOW)
    problems = [
        Problem("protocols.sip_udp_port", "UDP port: is taken; choose another."),
        Problem("zones[a].name", "Name: no."),
    ]
    told = forms.with_problems(form, problems, "protocols")
    assert told.all_problems == (("", "Name: no."), ("f-sip_udp_port", "UDP port: is taken; choose another."))


def test_a_problem_of_a_row_stands_in_its_cell() -> None:
    fields = forms.editable(Clustering, ["address_mappings"])
    rows = [{"fqdn": "a.example", "ip": "192.0.2.1"}, {"fqdn": "b.example", "ip": "nowhere"}]
    form = forms.form_of(fields, "clustering", {"address_mappings": rows})
    told = forms.with_problems(form, [Problem("clustering.address_mappings[b.example].ip", "IP: no.")], "clustering")
    assert told.all_problems == (("f-address_mappings.1.ip", "IP: no."),)


def test_a_problem_of_a_renamed_item_stands_at_its_field() -> None:
    form = forms.form_of(list(forms.editable(Zone)), "zones[old]", forms.texts_of(forms.editable(Zone), {}))
    told = forms.with_problems(form, [Problem("zones[new].sip_port", "SIP port: no.")], "zones[old]")
    assert told.all_problems == (("f-sip_port", "SIP port: no."),)


def test_secrets_are_never_shown_and_kept_when_left_empty() -> None:
    page = next(page for page in LIST_PAGES if page.list == "credentials")
    now = forms.texts_of(page.fields, {"name": "alice", "password": "secret"})
    assert now == {"name": "alice", "password": ""}
    assert "secret" not in forms.form_of(page.fields, "credentials[alice]", now, stored=["password"]).was
    both = forms.merged(page.fields, {"name": "alice", "password": ""}, now, now)
    assert both.mine == ()
