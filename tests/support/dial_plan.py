"""A dial plan that has one of everything, and what becomes of each call under it (scenarios/test_dial_plan.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOCAL = "apolo.local"
AT = {"alice": 1, "bob": 1, "carol": 2, "dave": 3}  # who registers at which peer
SYSTEMS = {"Paris": 160, "London": 161, "stranger": 162}  # other systems, by the last byte of their addresses
OTHERS = {"dns": 164, "nobody": 165}
SOURCES = {"alice": "LocalZone", "bob": "LocalZone", "dave": "Floor", "stranger": "DefaultZone"}
HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
TAIL = "</taa:routed></cpl>"
ALICE, BOB, CAROL, DAVE = (f"{name}@{LOCAL}" for name in AT)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is dialled by whom; `rung` are those who ring, with the alias they are asked for.

    `{0}` in what is dialled is the address of peer 1, and so on.
    """

    by: str = "alice"
    dialled: str
    rung: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    reason: str = ""
    says: Mapping[str, int] = field(default_factory=dict)  # who answers what, where it is not 200


def pattern(name: str, priority: int, text: str, target: str, **more: Any) -> dict[str, Any]:
    """Write a search rule for a prefix that leaves the alias as it is."""
    rule = {"mode": "Alias pattern match", "pattern": text, "behavior": "Leave", "target": target}
    return {"name": name, "priority": priority, **rule, **more}


TRANSFORMS = [
    {"priority": 1, "pattern": "77", "behavior": "Replace", "replace": "carol"},
    {"priority": 2, "pattern": "7", "behavior": "Strip"},
    {"priority": 3, "pattern": "@old.test", "pattern_type": "Suffix", "behavior": "Replace", "replace": f"@{LOCAL}"},
    {"priority": 4, "pattern": "short", "pattern_type": "Exact", "behavior": "Add Suffix", "replace": "@paris.test"},
    {"priority": 5, "pattern": r"(\d)-(\d)@(.*)", "pattern_type": "Regex", "behavior": "Replace",
     "replace": r"\2\1@\3"},
    {"priority": 6, "pattern": "gone", "behavior": "Strip", "state": "Disabled"},
    {"priority": 7, "pattern": "9", "behavior": "Add Prefix", "replace": "00"},
    # Nobody reaches dave by his alias, but whatever becomes it is not transformed again, by no peer.
    {"priority": 8, "pattern": f"dave@{LOCAL}", "pattern_type": "Exact", "behavior": "Replace",
     "replace": "nobody@x.test"},
    {"priority": 9, "pattern": "@%ip%", "pattern_type": "Suffix", "behavior": "Replace", "replace": f"@{LOCAL}"},
]  # fmt: skip
RULES = [
    pattern("Proven", 10, "proven@", "Paris", authenticated=True, on_match="Stop"),
    pattern("From Paris", 10, "gate@", "London", source="Named", source_name="Paris"),
    pattern("From Floor", 10, "gate@", "Paris", source="Named", source_name="Floor"),
    pattern("Inside", 10, "inside@", "London", source="Local Zone"),
    pattern("Known", 10, "known@", "London", source="All zones"),
    pattern("Off", 10, "off@", "Paris", state="Disabled"),
    pattern("Other protocol", 10, "ras@", "Paris", protocol="H323"),
    pattern("Both P", 20, "both@", "Paris", behavior="Replace", replace="p@"),
    pattern("Both L", 20, "both@", "London", behavior="Replace", replace="l@"),
    pattern("Twice", 20, "twice@", "Paris"),
    pattern("Twice again", 20, "twice@", "Paris"),
    pattern("Halt", 20, "halt@", "Paris", on_match="Stop"),
    pattern("Halt too", 20, "halt@", "London"),
    pattern("After halt", 30, "halt@", "London", behavior="Replace", replace="late@"),
    pattern("Go on", 20, "go@", "Paris"),
    pattern("Gone on", 30, "go@", "London"),
    pattern("Here", 20, r"(.*)\.home@%localdomains%", "LocalZone", pattern_type="Regex", behavior="Replace",
            replace=rf"\1@{LOCAL}"),
    pattern("Exact", 20, "only@paris.test", "Paris", pattern_type="Exact"),
    pattern("Tail", 30, "@paris.test", "Paris", pattern_type="Suffix"),
    pattern("World", 20, "@world.test", "World", pattern_type="Suffix", behavior="Strip"),
    pattern("Far", 20, "@far.apolo.local", "World", pattern_type="Suffix"),
    pattern("Numbers", 20, r"\d{4}@num.test", "Numbers", pattern_type="Regex"),
    pattern("Own name", 20, "who@", "Paris", behavior="Replace", replace="%systemname%@%ipv4%."),
    pattern("Lost", 20, "lost@", "Nowhere"),
    {"name": "Addresses", "priority": 40, "mode": "Any IP address", "behavior": "Leave", "target": "London"},
    {"name": "Addresses here", "priority": 35, "mode": "Any IP address", "behavior": "Leave", "target": "LocalZone"},
]  # fmt: skip


def person(name: str, at_once: str, **more: str) -> dict[str, Any]:
    """Write a FindMe account with the devices that its location names."""
    names = [one.strip() for text in (at_once, *more.values()) for one in text.split(",")]
    devices = [{"name": one, "alias": one if "@" in one else f"{one}@{LOCAL}"} for one in dict.fromkeys(names)]
    location = {"name": "Office", "at_once": at_once, **more}
    return {"findme_id": f"{name}@{LOCAL}", "active_location": "Office", "devices": devices, "locations": [location]}


PEOPLE = [
    person("team", "bob, carol, dave@old.test"),
    person("desk", "77"),
    person("me", "carol", busy="dave@old.test"),
    person("away", "ghost", no_answer="carol"),
    person("王", "bob"),
]
SETTINGS: dict[str, Any] = {
    "subzones": [{"name": "Floor"}],
    "membership_rules": [{"name": "f", "type": "Alias pattern match", "pattern": "dave@", "subzone": "Floor"}],
    "transforms": TRANSFORMS,
    "findme.mode": "On",
    "findme.people": PEOPLE,
    "dial_plan.fallback_alias": f"bob@{LOCAL}",
}

NOT_HERE = "rule LocalZoneMatch: {} is not registered"
SEARCHED = (
    Row(dialled=f"bob@{LOCAL}", rung={"bob": ""}),
    Row(dialled=f"Carol@{LOCAL}", rung={"carol": ""}),
    Row(by="dave", dialled=f"bob@{LOCAL}", rung={"bob": ""}),
    # transforms: the first that matches, and no other
    Row(dialled=f"77@{LOCAL}", rung={"carol": ""}),
    Row(dialled=f"7bob@{LOCAL}", rung={"bob": ""}),
    Row(dialled="dave@old.test", rung={"dave": ""}),
    Row(dialled=f"dave@{LOCAL}", status=404, reason=NOT_HERE.format("nobody@x.test")),
    Row(dialled="short", rung={"Paris": "short@paris.test"}),
    Row(dialled="1-2@paris.test", rung={"Paris": "21@paris.test"}),
    Row(dialled="gone@paris.test", rung={"Paris": "gone@paris.test"}),
    Row(dialled="9@paris.test", rung={"Paris": "009@paris.test"}),
    Row(dialled="7", status=404, reason="the transforms leave 0 characters of 7"),
    # who asks
    Row(dialled="proven@x.test", rung={"Paris": "proven@x.test"}),
    Row(by="London", dialled="proven@x.test", rung={"Paris": "proven@x.test"}),
    Row(by="Paris", dialled="proven@x.test", status=404, reason=NOT_HERE.format("proven@x.test")),
    Row(by="stranger", dialled="proven@x.test", status=404, reason=NOT_HERE.format("proven@x.test")),
    Row(by="Paris", dialled="gate@x.test", rung={"London": "gate@x.test"}),
    Row(by="dave", dialled="gate@x.test", rung={"Paris": "gate@x.test"}),
    Row(dialled="gate@x.test", status=404, reason=NOT_HERE.format("gate@x.test")),
    Row(dialled="inside@x.test", rung={"London": "inside@x.test"}),
    Row(by="Paris", dialled="inside@x.test", status=404, reason=NOT_HERE.format("inside@x.test")),
    Row(by="Paris", dialled="known@x.test", rung={"London": "known@x.test"}),
    Row(by="stranger", dialled="known@x.test", status=404, reason=NOT_HERE.format("known@x.test")),
    Row(by="stranger", dialled=f"carol@{LOCAL}", rung={"carol": ""}),
    Row(by="Paris", dialled="back@paris.test", status=404,
        reason="rule Tail: zone Paris is where the request came from; " + NOT_HERE.format("back@paris.test")),
    # rules that are out of the question
    Row(dialled="off@x.test", status=404, reason=NOT_HERE.format("off@x.test")),
    Row(dialled="ras@x.test", status=404, reason=NOT_HERE.format("ras@x.test")),
    Row(dialled="12@world.test", status=404,
        reason="rule World: 12 names no domain, which DNS zone World needs; " + NOT_HERE.format("12@world.test")),
    # variables: in a pattern the addresses of all peers, in a replace string what is this peer's
    Row(dialled="carol@{0}", rung={"carol": ""}),
    Row(dialled="carol@{2}", rung={"carol": ""}),
    Row(by="dave", dialled="carol@{1}", rung={"carol": ""}),
    Row(dialled="who@x.test", rung={"Paris": "expc01@{0}.x.test"}),
    Row(by="dave", dialled="who@x.test", rung={"Paris": "expc03@{2}.x.test"}),
    # DNS and ENUM, from whichever peer
    Row(dialled="x@far.apolo.local", rung={"stranger": "x@far.apolo.local"}),
    Row(by="dave", dialled="x@far.apolo.local", rung={"stranger": "x@far.apolo.local"}),
    Row(dialled="1234@num.test", rung={"carol": ""}),
    Row(by="dave", dialled="1234@num.test", rung={"carol": ""}),
    Row(by="Paris", dialled="1234@num.test", rung={"carol": ""}),
    # continue, stop, and rules of one priority
    Row(dialled="both@x.test", rung={"Paris": "p@x.test", "London": "l@x.test"}, says={"Paris": 404}),
    Row(dialled="twice@x.test", rung={"Paris": "twice@x.test"}),
    Row(dialled="halt@x.test", rung={"Paris": "halt@x.test", "London": "halt@x.test"}, status=404,
        says={"Paris": 404, "London": 404}),
    Row(dialled="go@x.test", rung={"Paris": "go@x.test", "London": "go@x.test"}, says={"Paris": 404}),
    Row(dialled="only@paris.test", rung={"Paris": "only@paris.test"}, status=404, says={"Paris": 404}),
    Row(dialled=f"carol.home@{LOCAL}", rung={"carol": ""}),
    # addresses, and this system's own name
    Row(dialled=LOCAL, rung={"bob": ""}),
    Row(dialled="192.0.2.44", rung={"London": "192.0.2.44"}),
    # people
    Row(dialled=f"team@{LOCAL}", rung={"bob": "", "carol": "", "dave": ""}, says={"carol": 0, "dave": 0}),
    Row(dialled=f"desk@{LOCAL}", rung={"carol": ""}),
    Row(dialled=f"me@{LOCAL}", rung={"carol": "", "dave": ""}, says={"carol": 486}),
    Row(dialled=f"me@{LOCAL}", rung={"carol": ""}, status=480, says={"carol": 480}),
    Row(dialled=f"away@{LOCAL}", rung={"carol": ""}),
    Row(dialled=f"%E7%8E%8B@{LOCAL}", rung={"bob": ""}),
)  # fmt: skip


def _case(name: str, body: str) -> str:
    return f'<address is="{name}@cpl.test">{body}</address>'


def _to(alias: str, then: str = "", **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<taa:location url="{alias}"{attributes}>{then}</taa:location>'


def _switch(field_: str, cases: str) -> str:
    return f'<address-switch field="{field_}">{cases}</address-switch>'


NO = '<reject status="{}" reason="{}"/>'
PARIS, LONDON = "a@paris.test", "inside@b.test"


def _or(field_: str, cases: str, otherwise: str = "", not_present: str = "") -> str:
    others = f"<otherwise>{otherwise}</otherwise>" if otherwise else ""
    others += f"<not-present>{not_present}</not-present>" if not_present else ""
    return _switch(field_, cases + others)


SCRIPT = HEAD + _switch("destination", "".join((
    _case("no", NO.format(403, "Not here")),
    _case("round", _to("about@cpl.test")),
    _case("about", _to("round@cpl.test")),
    _case("cleared", _to(PARIS, _to(LONDON, "<proxy/>", clear="yes"))),
    _case("order", _to(LONDON, _to(PARIS, "<proxy/>"), priority="0.1")),
    _case("busy", _to(PARIS, f"<proxy><busy>{_to(LONDON)}</busy><failure>{NO.format(403, 'bad')}</failure></proxy>")),
    _case("one", _to(PARIS, f'<proxy><failure status="503">{_to(LONDON)}</failure></proxy>')),
    _case("rest", _to(PARIS, f"<proxy><default>{_to(CAROL)}</default></proxy>")),
    _case("lost", f"<proxy><failure>{_to(CAROL)}</failure></proxy>"),
    _case("zone", _or(
        "originating-zone",
        f'<address is="Floor">{_to(PARIS)}</address><address is="LocalZone">{_to(BOB)}</address>',
        NO.format(603, "elsewhere"),
    )),
    _case("user", _or("originating-user", f'<address is="alice">{_to(BOB)}</address>', "", NO.format(403, "nobody"))),
    _case("origin", _or(
        "authenticated-origin",
        f'<address contains="dave">{_to(BOB)}</address>', NO.format(486, "another"), NO.format(404, "unproved"),
    )),
    _case("rules", "<taa:rule-switch>"
        f'<taa:rule unauthenticated-origin="alice@.*" destination=".*">{_to(PARIS)}</taa:rule>'
        f'<taa:rule originating-zone="DefaultZone">{NO.format(403, "stranger")}</taa:rule></taa:rule-switch>'),
    f'<address regex="x(.*)@cpl.test"><taa:location regex="x(.*)@cpl.test" replace="\\1@{LOCAL}"/></address>',
    _case("shown", _to(PARIS, "<proxy/>", source_url_for_message=f"desk@{LOCAL}")),
))) + TAIL  # fmt: skip
WARNINGS = {
    "After halt": "It is shadowed by rule Halt, which matches all that it matches and stops the search.",
    "Other protocol": "It never matches: there is no H.323 here yet.",
    "Lost": "Its target, zone Nowhere, cannot be reached by any peer.",
    "Twice again": "It is shadowed by rule Twice, which asks Paris for the same aliases before it.",
}
HITS = {"Both P": 1, "Both L": 1, "Twice": 1, "Twice again": 1, "Halt": 1, "After halt": 0, "Gone on": 1, "Off": 0}
SCRIPTED = (
    Row(dialled="no@cpl.test", status=403, reason="Not here"),
    Row(dialled="round@cpl.test", status=404, reason="policy loop detected at round@cpl.test"),
    Row(dialled="cleared@cpl.test", rung={"London": LONDON}),
    Row(dialled="order@cpl.test", rung={"Paris": PARIS, "London": LONDON}, says={"Paris": 404}),
    Row(dialled="busy@cpl.test", rung={"Paris": PARIS, "London": LONDON}, says={"Paris": 486}),
    Row(dialled="busy@cpl.test", rung={"Paris": PARIS}, status=403, reason="bad", says={"Paris": 480}),
    Row(dialled="one@cpl.test", rung={"Paris": PARIS, "London": LONDON}, says={"Paris": 503}),
    Row(dialled="one@cpl.test", rung={"Paris": PARIS}, status=480, says={"Paris": 480}),
    Row(dialled="rest@cpl.test", rung={"Paris": PARIS, "carol": ""}, says={"Paris": 500}),
    Row(dialled="lost@cpl.test", rung={"carol": ""}),
    Row(by="dave", dialled="zone@cpl.test", rung={"Paris": PARIS}),
    Row(dialled="zone@cpl.test", rung={"bob": ""}),
    Row(by="London", dialled="zone@cpl.test", status=603, reason="elsewhere"),
    Row(dialled="user@cpl.test", rung={"bob": ""}),
    Row(by="stranger", dialled="user@cpl.test", status=403, reason="nobody"),
    Row(by="dave", dialled="origin@cpl.test", rung={"bob": ""}),
    Row(dialled="origin@cpl.test", status=486, reason="another"),
    Row(by="Paris", dialled="origin@cpl.test", status=404, reason="unproved"),
    Row(dialled="rules@cpl.test", rung={"Paris": PARIS}),
    Row(by="stranger", dialled="rules@cpl.test", status=403, reason="stranger"),
    Row(dialled="xcarol@cpl.test", rung={"carol": ""}),
    Row(dialled="shown@cpl.test", rung={"Paris": PARIS}),
)


def rejecting(priority: int, destination: str, **more: str) -> dict[str, Any]:
    """Write a rule of the call policy that rejects."""
    return {"priority": priority, "destination_pattern": destination, "action": "Reject", **more}


POLICY_RULES = [
    rejecting(1, "carol@.*", source_type="Zone", zone="Floor"),
    rejecting(2, "carol@.*", source_pattern="bob@.*", action="Allow"),
    rejecting(3, "carol@.*", callers="Unauthenticated callers"),
]
RULED = (
    Row(by="dave", dialled=f"carol@{LOCAL}", status=403, reason="Rejected by call policy rule 1"),
    Row(by="bob", dialled=f"carol@{LOCAL}", rung={"carol": ""}),
    Row(dialled=f"carol@{LOCAL}", status=403, reason="Rejected by call policy rule 3"),
    Row(dialled="dave@old.test", rung={"dave": ""}),
    Row(dialled="192.0.2.44", status=403,
        reason="192.0.2.44 is not known here, and calls to unknown IP addresses are Off"),
    Row(dialled=LOCAL, status=404, reason=f"{LOCAL} names only this system, and there is no fallback alias"),
)  # fmt: skip
