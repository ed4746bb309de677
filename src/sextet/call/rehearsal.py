"""Does the dial plan still do what the tests that are stored with it say?

A test asks the engine that decides calls, with every zone taken as reachable and aliases as registered or not: its
answer depends on the configuration alone, so that it may decide whether a change is accepted. Who wants to save a
change that breaks a test disables the test in the same save, which is a change like any other and stands in the logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sextet.call.alias import typed
from sextet.call.decision import Decision, Request, Target, Try
from sextet.call.policy.asking import STAGES
from sextet.call.search import search
from sextet.call.search_rule import LOCAL_NAMES
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.table import SECTIONS, Table, TableError
from sextet.call.zones import Names, Service, service_key
from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DialPlanTest
from sextet.model.settings.zones import BY_SERVICE, DEFAULT_ZONE, LOCAL_ZONE

STAND_IN = "192.0.2.1"  # RFC 5737: the address of whatever would have to be looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What became of one test."""

    name: str
    passed: bool
    wanted: str  # as the end of "X from Y …"
    happens: str


def rehearse(table: Table, test: DialPlanTest) -> Rehearsed:
    """Run one test."""
    source = _source(table, test.source)
    if source is None:
        return Rehearsed(
            name=test.name, passed=False, wanted=_wanted(test), happens=f"there is no enabled zone {test.source}"
        )
    request = Request(
        protocol="SIP", alias=typed(test.alias), source=source, authenticated=test.authenticated,
        caller=typed(test.caller),
    )  # fmt: skip
    decision = search(table, request, lambda _: test.registered, lambda _: (), STAGES).decision
    return Rehearsed(name=test.name, passed=_fits(test, decision), wanted=_wanted(test), happens=_happens(decision))


def rehearse_all(config: Root) -> tuple[Rehearsed, ...]:
    """Run all tests of a configuration; raises TableError."""
    table = table_for_tests(config)
    return tuple(rehearse(table, test) for test in config.dial_plan_tests)


def table_for_tests(config: Root) -> Table:
    """Make a table in which every name is found; raises TableError."""
    hosts = {peer.address for zone in config.zones for peer in zone.peers}
    services = {
        service_key(zone): (Service(host=zone.service_domain, port=5061, ips=(STAND_IN,)),)
        for zone in config.zones
        if zone.look_up == BY_SERVICE
    }
    names = Names(addresses=dict.fromkeys(hosts, (STAND_IN,)), services=services)
    return Table.from_wanted(config, 0, (), 0, resolved=names)


def broken(config: Root, before: Root | None) -> list[Problem]:
    """Name the enabled tests that a configuration breaks; nothing where it decides as the one before it."""
    tests = [test for test in config.dial_plan_tests if test.state == "Enabled"]
    parts = (*SECTIONS, "dial_plan_tests")
    if not tests or (before is not None and all(getattr(config, name) == getattr(before, name) for name in parts)):
        return []
    try:
        table = table_for_tests(config)
    except TableError as error:
        return [Problem("", f"The dial plan cannot be used: {error}.")]
    return list(_problems(table, tests))


def _problems(table: Table, tests: list[DialPlanTest]) -> Iterator[Problem]:
    for test in tests:
        result = rehearse(table, test)
        if not result.passed:
            field = f"{item_path('dial_plan_tests', test.name)}.state"
            yield Problem(
                field,
                f"Dial plan test {test.name}: {test.alias} from {test.source} should {result.wanted}, but "
                f"{result.happens}; correct the change, or disable the test in the same save.",
            )


def _source(table: Table, name: str) -> Source | None:
    if name in LOCAL_NAMES or not name:
        return LOCAL
    if name == DEFAULT_ZONE:
        return DEFAULT
    if name in table.subzones:
        return replace(LOCAL, subzone=name)
    return Source(SourceKind.ZONE, name) if name in table.zones else None


def _fits(test: DialPlanTest, decision: Decision) -> bool:
    if not isinstance(decision, Try):
        return test.expected == ("Not found" if decision.status == 404 else "Refused")
    return test.expected == "Found" and any(_is(test, target) for target in decision.rounds[0].targets)


def _is(test: DialPlanTest, target: Target) -> bool:
    wanted = LOCAL_ZONE if test.target in LOCAL_NAMES else test.target
    named = not wanted or wanted == _name(target)
    return named and (not test.expected_alias or test.expected_alias.lower() == target.alias.lower())


def _name(target: Target) -> str:
    return target.zone or (LOCAL_ZONE if target.kind == "local" else target.alias)


def _wanted(test: DialPlanTest) -> str:
    match test.expected, bool(test.target), bool(test.expected_alias):
        case "Found", True, True:
            return f"be found at {test.target} as {test.expected_alias}"
        case "Found", True, False:
            return f"be found at {test.target}"
        case "Found", False, True:
            return f"be found as {test.expected_alias}"
        case "Found", _, _:
            return "be found"
    return "not be found" if test.expected == "Not found" else "be refused"


def _happens(decision: Decision) -> str:
    if not isinstance(decision, Try):
        return f"it would be refused with {decision.status}: {decision.reason}"
    targets = ", ".join(f"{_name(target)} as {target.alias}" for target in decision.rounds[0].targets)
    return f"it would be asked for at {targets}"
