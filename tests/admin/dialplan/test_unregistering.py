"""Registrations are ended for administrators, and their aliases kept out where that is asked for."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.dialplan.registration_commands import add_to
from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.admin.dialplan.unregistering import Ended, UnregisterDesk
from sextet.admin.door import Door
from sextet.cluster.face import NoPrimary
from sextet.model.config import Change
from sextet.model.expression import ALIAS_MAX
from sextet.model.schema import Refused
from tests.support.fake_peer import FakePeer, Lines

ADMIN = Actor(user="admin", may_write=True, door="cli")
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"


class Bench:
    def __init__(self) -> None:
        self.face, self.journal = FakePeer.busy(), Lines()
        self.desk = UnregisterDesk(self.face, Door(self.face, self.journal), self.journal)

    def end(self, alias: str, device: str = "", *, block: bool = False, actor: Actor = ADMIN) -> Ended:
        return asyncio.run(self.desk.unregister(actor, [(alias, device)], block=block))

    def set(self, path: str, value: object, verb: str = "set") -> None:
        asyncio.run(self.face.change([Change(verb, path, value)], user="admin", source="cli"))  # type: ignore[arg-type]

    @property
    def registered(self) -> list[str]:
        return [alias for rows in self.face.registrations().values() for alias in rows]

    @property
    def denied(self) -> list[str]:
        return [row.pattern for row in self.face.saved.registration.deny_list]


def test_what_is_not_registered_is_refused_before_anybody_is_asked() -> None:
    bench = Bench()
    registry = Registry(lambda actor, what: None)
    add_to(registry, cast(RegistrationDesk, None), bench.desk)
    for device in ({"alias": "nobody@apolo.local"}, {"alias": BOB, "device": "sip:other@192.0.2.1"}):
        with pytest.raises(Refused):
            asyncio.run(registry.look("registration remove", device, ADMIN))
    asyncio.run(registry.look("registration remove", {"alias": BOB}, ADMIN))
    assert BOB in bench.registered


def test_a_device_of_another_peer_is_unregistered_and_who_did_it_is_logged() -> None:
    bench = Bench()
    done = bench.end("BOB@apolo.local")
    assert done == Ended(done=("sip:bob@127.0.0.1:5072 of bob@apolo.local was unregistered from expc03.",))
    assert BOB not in bench.registered and ALICE in bench.registered and bench.denied == []
    (line,) = bench.journal.of("Registration Removal Requested")
    assert (line["User"], line["AOR"], line["Contact"]) == ("admin", BOB, "sip:bob@127.0.0.1:5072")


def test_one_of_several_devices_is_named_by_its_contact() -> None:
    bench = Bench()
    bench.face.register(ALICE, 2, "sip:alice@127.0.0.1:5099")
    bench.end(ALICE, "sip:alice@127.0.0.1:5099")
    assert bench.registered.count(ALICE) == 1
    bench.face.register(ALICE, 2, "sip:alice@127.0.0.1:5099")
    assert bench.end(ALICE).done == ("2 devices were unregistered.",)
    assert ALICE not in bench.registered


@pytest.mark.parametrize(
    ("alias", "device", "sentence"),
    [
        ("nobody@apolo.local", "", "Nothing is registered as 'nobody@apolo.local'; `registration list` lists what is."),
        (BOB, "sip:x", "bob@apolo.local has no device 'sip:x'; its contacts are sip:bob@127.0.0.1:5072."),
    ],
)
def test_what_is_not_there_is_refused_and_nobody_blocked(alias: str, device: str, sentence: str) -> None:
    bench = Bench()
    with pytest.raises(Refused) as refused:
        bench.end(alias, device, block=True)
    assert [problem.sentence for problem in refused.value.problems] == [sentence]
    assert bench.denied == [] and len(bench.registered) == 3


def test_of_several_those_that_went_meanwhile_keep_no_other_from_it() -> None:
    bench = Bench()
    devices = [("nobody@apolo.local", "x"), (BOB, "")]
    assert "bob@apolo.local" in asyncio.run(bench.desk.unregister(ADMIN, devices)).done[0]


def test_a_peer_that_cannot_be_heard_keeps_its_devices_and_is_named() -> None:
    bench = Bench()
    bench.face.silence(3)
    with pytest.raises(Refused, match=r"bob@apolo.local stays registered with expc03.apolo.local: no answer in time\."):
        bench.end(BOB)
    assert BOB in bench.registered and bench.journal.of("Registration Removal Requested") == []


def test_who_is_blocked_stands_on_the_deny_list_with_who_did_it() -> None:
    bench = Bench()
    bench.set("registration.restriction_policy", "Deny List")
    done = bench.end(BOB, block=True)
    assert done.done[1:] == ("bob@apolo.local is on the deny list.",) and done.warnings == ()
    (row,) = bench.face.saved.registration.deny_list
    assert (row.pattern, row.pattern_type, row.description) == (BOB, "Exact", "Blocked by admin")
    assert any("deny_list" in json.dumps(line) for line in bench.journal.of("System Configuration Changed"))


def test_who_is_on_the_deny_list_is_not_put_there_again() -> None:
    bench = Bench()
    bench.set("registration.deny_list", {"pattern": BOB.upper()}, "add")
    bench.end(BOB, block=True)
    assert bench.denied == [BOB.upper()] and BOB not in bench.registered


@pytest.mark.parametrize(
    ("policy", "remedy"),
    [
        ("None", "set Restriction policy to Deny List (Configuration > Registration)"),
        ("Allow List", "take what lets it in off the allow list"),
    ],
)
def test_a_deny_list_that_is_not_in_use_is_said_with_the_remedy(policy: str, remedy: str) -> None:
    bench = Bench()
    bench.set("registration.allow_list", {"pattern": "x"}, "add")
    bench.set("registration.restriction_policy", policy)
    warnings = bench.end(BOB, block=True).warnings
    assert warnings == (f"The deny list keeps nobody out while the restriction policy is {policy}: {remedy}.",)
    assert bench.denied == [BOB] and BOB not in bench.registered


def test_nobody_is_unregistered_who_cannot_be_blocked() -> None:
    bench = Bench()
    bench.face.silence(1)
    bench.face.number = 2
    with pytest.raises(NoPrimary):
        bench.end(BOB, block=True)
    assert BOB in bench.registered


def test_who_may_only_look_unregisters_nobody() -> None:
    bench = Bench()
    with pytest.raises(Refused, match="read-only"):
        bench.end(BOB, actor=Actor(user="auditor", may_write=False, door="web"))
    assert BOB in bench.registered


def test_an_alias_as_long_as_any_that_is_searched_for_can_be_blocked() -> None:
    bench = Bench()
    alias = f"{'x' * (ALIAS_MAX - 12)}@apolo.local"
    bench.face.register(alias, 1, "sip:x@192.0.2.9")
    bench.end(alias, block=True)
    assert bench.denied == [alias]
