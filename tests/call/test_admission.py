"""Who may register, for how long, and who has to prove who they are."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sextet.call.admission import (
    Grant,
    Refuse,
    Registering,
    admit,
    counts_as_authenticated,
    may_carry_to,
    may_come_from,
    must_authenticate,
)
from sextet.call.policy.services import REGISTRATION
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind, source_of
from sextet.call.stages import Ask
from sextet.call.table import Table
from sextet.model.settings.local_zone import DefaultSubzone, Subzone
from sextet.model.settings.policy_services import PolicyServer, PolicyService
from sextet.model.settings.protocols import PROXY_ANY, PROXY_KNOWN, PROXY_OFF, Protocols
from sextet.model.settings.registration import Authentication, PolicyPattern, Registration
from sextet.model.settings.zones import DNS, TRAVERSAL_SERVER, Zone
from tests.support.tables import LONDON, table

PEER = Source(SourceKind.PEER, "expc02", 2)
ZONE = Source(SourceKind.ZONE, "London")
TABLE = table()


def asked(alias: str = "bob@apolo.local", asked_s: int | None = 3600, **more: bool) -> Registering:
    return Registering(alias=alias, asked_s=asked_s, **more)


@pytest.mark.parametrize(
    "alias",
    ["bob@apolo.local", "bob@APOLO.LOCAL", "bob@expc01.apolo.local", "bob@192.0.2.1", "bob@expc-cluster.apolo.local"],
)
def test_aliases_of_our_domains_and_of_this_system_register(alias: str) -> None:
    assert admit(TABLE, asked(alias), 0.0) == Grant(60)


def test_another_domain_is_forbidden_and_an_alias_without_user_not_found() -> None:
    refused = admit(TABLE, asked("bob@other.example"), 0.0)
    assert refused == Refuse(403, "other.example is not a domain of this system")
    for alias in ("bob", "@apolo.local", ""):
        answer = admit(TABLE, asked(alias), 0.0)
        assert isinstance(answer, Refuse)
        assert answer.status == 404


def test_maximum_grants_the_smaller_of_what_was_asked_and_the_maximum() -> None:
    assert admit(TABLE, asked(asked_s=50), 0.9) == Grant(50)
    assert admit(TABLE, asked(asked_s=2**40), 0.9) == Grant(60)
    for unreadable in (None, -1, -3600):
        assert admit(TABLE, asked(asked_s=unreadable), 0.9) == Grant(60)


def test_below_the_minimum_is_too_brief_and_the_answer_says_the_minimum() -> None:
    assert admit(TABLE, asked(asked_s=44), 0.0) == Refuse(423, "Interval Too Brief", 45)
    assert admit(TABLE, asked(asked_s=45), 0.0) == Grant(45)


def test_zero_leaves_even_where_the_lists_would_not_let_in() -> None:
    denied = table(registration=Registration(restriction_policy="Allow List"))
    assert admit(denied, asked(asked_s=0), 0.0) == Grant(0)
    assert isinstance(admit(denied, asked("bob@other.example", asked_s=0), 0.0), Refuse)


def test_variable_grants_every_length_between_the_minimum_and_what_was_asked() -> None:
    dice = random.Random(1)
    granted = set()
    for _ in range(500):
        answer = admit(TABLE, asked(asked_s=310, outbound=True), dice.random())
        assert isinstance(answer, Grant)
        granted.add(answer.expires_s)
    assert granted == set(range(300, 311))
    assert admit(TABLE, asked(asked_s=9999, outbound=True), 0.999999) == Grant(3600)


def test_outbound_registrations_have_their_own_limits() -> None:
    assert admit(TABLE, asked(asked_s=60, outbound=True), 0.0) == Refuse(423, "Interval Too Brief", 300)


def test_an_hour_is_never_too_brief() -> None:
    """RFC 3261 10.3 step 7."""
    long = table(protocols=Protocols(outbound_refresh_minimum=7200, outbound_refresh_maximum=7200))
    assert admit(long, asked(asked_s=3600, outbound=True), 0.0) == Grant(3600)
    assert isinstance(admit(long, asked(asked_s=3599, outbound=True), 0.0), Refuse)


def listed(policy: str) -> Table:
    rows = (
        PolicyPattern(pattern="Bob@apolo.local"),
        PolicyPattern(pattern="room-", pattern_type="Prefix"),
        PolicyPattern(pattern=r"\d+@.*", pattern_type="Regex"),
    )
    return table(registration=Registration(restriction_policy=policy, allow_list=rows, deny_list=rows))


@pytest.mark.parametrize("alias", ["bob@apolo.local", "room-7@b.example", "123@apolo.local"])
def test_the_lists_decide_who_may_register(alias: str) -> None:
    assert admit(listed("None"), asked(alias), 0.0) == Grant(60)
    assert admit(listed("Allow List"), asked(alias), 0.0) == Grant(60)
    assert admit(listed("Deny List"), asked(alias), 0.0) == Refuse(403, f"{alias} is in the deny list")


def test_who_is_not_listed_is_kept_out_by_an_allow_list_only() -> None:
    assert admit(listed("Deny List"), asked("eve@apolo.local"), 0.0) == Grant(60)
    assert admit(listed("Allow List"), asked("eve@apolo.local"), 0.0) == Refuse(
        403, "eve@apolo.local is not in the allow list"
    )


def test_our_endpoints_prove_who_they_are_and_strangers_need_not_by_default() -> None:
    assert must_authenticate(TABLE, LOCAL, "INVITE")
    assert must_authenticate(TABLE, DEFAULT, "REGISTER")
    assert not must_authenticate(TABLE, DEFAULT, "INVITE")
    assert not must_authenticate(TABLE, ZONE, "INVITE")


def test_a_registration_through_a_zone_is_checked_like_any_other() -> None:
    assert must_authenticate(TABLE, source_of(TABLE, "192.0.2.10", None), "REGISTER")


def test_peers_acknowledgements_and_cancels_are_never_challenged() -> None:
    strict = table(authentication=Authentication(default_zone="Check credentials"))
    assert must_authenticate(strict, DEFAULT, "INVITE")
    assert not must_authenticate(strict, PEER, "INVITE")
    assert not must_authenticate(strict, PEER, "REGISTER")
    for method in ("ACK", "CANCEL"):
        assert not must_authenticate(strict, DEFAULT, method)


def test_a_zone_has_its_own_policy() -> None:
    zones = (replace(LONDON, authentication="Check credentials"),)
    assert must_authenticate(table(zones=zones), ZONE, "INVITE")
    trusted = table(zones=(replace(LONDON, authentication="Treat as authenticated"),))
    assert not must_authenticate(trusted, ZONE, "INVITE")
    assert counts_as_authenticated(trusted, ZONE, proved=False)
    assert not counts_as_authenticated(TABLE, ZONE, proved=False)
    assert counts_as_authenticated(TABLE, ZONE, proved=True)
    assert counts_as_authenticated(TABLE, PEER, proved=False)


def test_in_maintenance_mode_nobody_registers_and_who_leaves_is_let_go() -> None:
    emptied = table(maintenance=True)
    assert admit(emptied, asked(), 0.0) == Refuse(503, "Maintenance mode")
    assert admit(emptied, asked(asked_s=0), 0.0) == Grant(0)


def test_a_subzone_may_let_nobody_register_and_has_its_own_authentication_policy() -> None:
    subzones = (
        Subzone(name="Closed", registrations="Deny"),
        Subzone(name="Open", authentication="Do not check credentials"),
        Subzone(name="Trusted", authentication="Treat as authenticated"),
    )
    made = table(subzones=subzones, authentication=Authentication(local_zone="Check credentials"))
    refused = admit(made, replace(asked(), subzone="Closed"), 0.0)
    assert refused == Refuse(403, "the subzone Closed lets nobody register")
    assert admit(made, replace(asked(asked_s=0), subzone="Closed"), 0.0) == Grant(0)
    assert admit(made, asked(), 0.0) == Grant(60)
    needs = {name: must_authenticate(made, replace(LOCAL, subzone=name), "INVITE") for name in made.subzones}
    assert needs == {"DefaultSubZone": True, "Closed": True, "Open": False, "Trusted": False}
    assert counts_as_authenticated(made, replace(LOCAL, subzone="Trusted"), False)
    assert not counts_as_authenticated(made, replace(LOCAL, subzone="Open"), False)


def test_the_default_subzone_may_let_nobody_register() -> None:
    made = table(default_subzone=DefaultSubzone(registrations="Deny"), subzones=(Subzone(name="Site"),))
    assert isinstance(admit(made, asked(), 0.0), Refuse)
    assert admit(made, replace(asked(), subzone="Site"), 0.0) == Grant(60)


@pytest.mark.parametrize(
    ("mode", "to"), [(PROXY_OFF, ()), (PROXY_KNOWN, ("London", "Edge")), (PROXY_ANY, ("London", "Edge", "Everybody"))]
)
def test_registrations_for_other_domains_are_carried_to_the_zones_of_the_mode(mode: str, to: tuple[str, ...]) -> None:
    zones = (LONDON, Zone(name="Edge", type=TRAVERSAL_SERVER, user_name="x"), Zone(name="Everybody", type=DNS))
    carrying = table(protocols=Protocols(registration_proxy_mode=mode), zones=zones)
    assert tuple(zone for zone in ("London", "Edge", "Everybody", "Unknown") if may_carry_to(carrying, zone)) == to


def test_a_path_is_taken_from_a_zone_that_may_carry_registrations_here() -> None:
    assert may_come_from(TABLE, ZONE, True) is None
    assert may_come_from(TABLE, DEFAULT, False) is None
    stranger = may_come_from(TABLE, DEFAULT, True)
    assert stranger is not None and stranger.status == 403
    closed = table(zones=(replace(LONDON, registrations="Deny"),))
    for carried in (True, False):
        refused = may_come_from(closed, ZONE, carried)
        assert refused == Refuse(403, "the zone London lets nobody register")


def test_a_list_of_thousands_has_exactly_what_one_of_its_entries_matches() -> None:
    kinds = ("Exact", "Prefix", "Suffix", "Regex")
    texts = {"Exact": "user{}@apolo.local", "Prefix": "user{}0", "Suffix": "{}1@apolo.local", "Regex": r"room{}\d@.*"}
    rows = tuple(PolicyPattern(pattern=texts[kinds[n % 4]].format(n), pattern_type=kinds[n % 4]) for n in range(2500))
    full = table(registration=Registration(restriction_policy="Allow List", allow_list=rows))
    dice = random.Random(4)
    for _ in range(300):
        alias = f"{dice.choice(('user', 'room', 'Room'))}{dice.randrange(30_000)}@apolo.local"
        expected = any(pattern.matches(alias, alias.lower()) for pattern in full.listed.patterns)
        assert full.listed.has(alias) == expected
        assert isinstance(admit(full, asked(alias), 0.0), Grant) == expected


GUARDED = table(
    registration=Registration(restriction_policy="Policy service", service="Judge"),
    policy_services=(PolicyService(name="Judge", servers=(PolicyServer(address="192.0.2.9"),)),),
    default_subzone=DefaultSubzone(registrations="Deny"),
)


def test_a_policy_service_is_asked_who_may_register_before_the_subzone() -> None:
    assert admit(GUARDED, asked(), 0.0, lambda *_: None) == Ask(
        service="Judge", kind=REGISTRATION, alias="bob@apolo.local"
    )
    rejecting = "<reject status='404' reason='unknown here'/>"
    assert admit(GUARDED, asked(), 0.0, lambda *_: rejecting) == Refuse(404, "unknown here")
    denied = admit(GUARDED, asked(), 0.0, lambda *_: "<proxy/>")
    assert denied == Refuse(403, "the subzone DefaultSubZone lets nobody register")


def test_without_an_answer_the_default_cpl_of_registrations_holds() -> None:
    assert admit(GUARDED, asked(), 0.0) == Refuse(504, "Policy Service Unavailable")


def test_a_script_about_a_registration_may_look_at_its_alias_and_whether_it_was_proved() -> None:
    only_bob = (
        "<address-switch field='authenticated-origin' subfield='user'><address is='bob'><proxy/></address>"
        "<otherwise><reject status='403'/></otherwise></address-switch>"
    )
    assert admit(GUARDED, asked(authenticated=True), 0.0, lambda *_: only_bob) == Refuse(
        403, "the subzone DefaultSubZone lets nobody register"
    )
    assert admit(GUARDED, asked(), 0.0, lambda *_: only_bob) == Refuse(403, "Forbidden")
