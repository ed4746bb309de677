"""Every change is allowed, typed, stored whole or not at all, and audited."""

from __future__ import annotations

import asyncio

import pytest

from sextet.admin import door
from sextet.admin.actor import Actor
from sextet.admin.door import Door, typed
from sextet.admin.passwords import hashed, matches
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.journal import DIFFERENCES_MAX
from sextet.model import alarms
from sextet.model.config import Change, Difference
from sextet.model.schema import Refused
from sextet.model.settings.users import Administrator
from sextet.model.status import Stamp
from tests.support.fake_peer import FakePeer, Lines

WEB = Actor(user="admin", may_write=True, door="web", ip="192.0.2.7", port=50001)
READ_ONLY = Actor(user="viewer", may_write=False, door="web", ip="192.0.2.8", port=50002)


class House:
    """A door to a fake peer."""

    def __init__(self, number: int = 1) -> None:
        self.peer = FakePeer(number, [Administrator(name="admin", password_hash="x" * 90)])
        self.journal = Lines()
        self.door = Door(self.peer, self.journal)

    def change(
        self, *changes: Change, actor: Actor = WEB, expected: Stamp | None = None, dry_run: bool = False
    ) -> Outcome:
        return asyncio.run(self.door.change(actor, changes, expected=expected, dry_run=dry_run))


def test_a_change_is_stored_with_who_did_it_and_audited_as_the_guide_shows() -> None:
    house = House()
    outcome = house.change(Change("set", "zones[London].sip_port", "5070"))
    assert house.peer.saved.zones[0].sip_port == 5070
    assert outcome.stamp == house.peer.stamp
    assert (house.peer.history()[0].user, house.peer.history()[0].source) == ("admin", "web 192.0.2.7")
    assert house.journal.lines == [
        (
            "System Configuration Changed",
            {
                "Detail": "configuration/zones[London]/sip_port - changed from: '5061' to: '5070'",
                "Src-ip": "192.0.2.7",
                "Src-port": "50001",
                "User": "admin",
                "Level": "1",
            },
        )
    ]


def test_a_name_with_dots_stays_whole_in_the_audit() -> None:
    house = House()
    house.change(Change("add", "domains", {"name": "b.example.org"}))
    assert house.journal.of("System Configuration Changed")[0]["Detail"].startswith(
        "configuration/domains[b.example.org]/name "
    )


def test_a_read_only_account_changes_nothing_and_is_named() -> None:
    house = House()
    asked = [
        house.door.change(READ_ONLY, [Change("set", "protocols.sip_udp", "Off")]),
        house.door.promote(READ_ONLY),
        house.door.restart(READ_ONLY),
        house.door.dismiss(READ_ONLY, house.peer.stamp),
        house.door.acknowledge(READ_ONLY, 20007),
    ]
    for one in asked:
        with pytest.raises(Refused, match="viewer is read-only"):
            asyncio.run(one)
    assert house.peer.saved.protocols.sip_udp
    assert house.peer.restarts == []
    assert [fields["User"] for fields in house.journal.of("Authorization Failure")] == ["viewer"] * 5


def test_all_wrong_texts_are_named_at_once_and_nothing_is_stored() -> None:
    house = House()
    with pytest.raises(Refused) as refused:
        house.change(
            Change("set", "protocols.sip_udp_port", "99"),
            Change("set", "protocols.sip_udp", "perhaps"),
            Change("set", "protocols.nothing", "1"),
            Change("set", "zones[London].sip_port", "5070"),
            Change("add", "zones", {"name": "Paris", "sip_port": "x", "hop_count": "0"}),
        )
    assert [problem.field for problem in refused.value.problems] == [
        "protocols.sip_udp_port",
        "protocols.sip_udp",
        "protocols.nothing",
        "zones[Paris].sip_port",
        "zones[Paris].hop_count",
    ]
    assert house.peer.saved.zones[0].sip_port == 5061
    assert house.journal.lines == []


def test_an_entry_may_come_as_texts_as_values_or_as_json() -> None:
    wanted = {"name": "Paris", "sip_port": 5070, "tls_verify": True, "peers": [{"address": "192.0.2.1"}]}
    texts = {"name": "Paris", "sip_port": "5070", "tls_verify": "On", "peers": [{"address": "192.0.2.1"}]}
    json_text = '{"name": "Paris", "sip_port": "5070", "tls_verify": true, "peers": [{"address": "192.0.2.1"}]}'
    for value in (wanted, texts, json_text):
        assert typed([Change("add", "zones", value)])[0].value == wanted
        assert typed([Change("set", "zones[Paris]", value)])[0].value == wanted
        assert typed([Change("set", "zones", [value])])[0].value in ([wanted], [json_text])


def test_an_entry_whose_name_is_a_pattern_is_read_too() -> None:
    entry = {"pattern": "[0-9]+@a]", "pattern_type": "Perhaps"}
    with pytest.raises(Refused) as refused:
        typed([Change("add", "registration.deny_list", entry)])
    assert refused.value.problems[0].field == "registration.deny_list[[0-9]+@a]].pattern_type"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (Change("add", "zones", "London"), "is not JSON; write it as JSON such as"),
        (Change("add", "zones", "[" * 100_000), "is not JSON"),
        (Change("add", "zones", "5"), "an entry is a set of named settings"),
        (Change("add", "protocols.sip_udp", "On"), "is not a list; set it instead"),
        (Change("add", "zones", {"name": "x", "colour": "red"}), "There is no setting zones[x].colour"),
        (Change("set", "protocols", "x"), "is a section; name one of its settings"),
        (Change("remove", "nothing[x]"), "There is no setting nothing[x]"),
        (Change("set", "][", "x"), "is not a path"),
    ],
)
def test_what_leads_nowhere_is_refused_with_the_remedy(change: Change, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        typed([change])
    assert sentence in refused.value.problems[0].sentence


def test_a_password_is_hashed_on_the_way_in_and_never_written_down() -> None:
    house = House()
    house.change(Change("set", "administrators[admin].password", "geheim12"))
    assert matches("geheim12", house.peer.saved.administrators[0].password_hash)
    house.change(Change("add", "administrators", {"name": "b", "password": "geheim34", "access_level": "Read-only"}))
    assert matches("geheim34", house.peer.saved.administrators[1].password_hash)
    assert not any(secret in repr(house.journal.lines) for secret in ("geheim", "scrypt"))


def test_a_bad_password_is_refused_at_its_field() -> None:
    for change in (
        Change("set", "administrators[b].password", "short"),
        Change("add", "administrators", {"name": "b", "password": "short"}),
    ):
        with pytest.raises(Refused) as refused:
            typed([change])
        assert refused.value.problems[0].field == "administrators[b].password"
    with pytest.raises(Refused, match="must be text"):
        typed([Change("add", "administrators", {"name": "b", "password": 12345678})])


def test_a_text_that_is_no_hash_cannot_lock_an_account() -> None:
    with pytest.raises(Refused, match="is not a stored hash"):
        typed([Change("set", "administrators[admin].password_hash", "geheim12")])
    stored = hashed("geheim12")
    assert typed([Change("set", "administrators[admin].password_hash", stored)])[0].value == stored


def test_a_dry_run_says_what_would_change_and_leaves_no_trace() -> None:
    house = House()
    outcome = house.change(Change("set", "protocols.sip_udp", "Off"), dry_run=True)
    assert [one.path for one in outcome.differences] == ["protocols.sip_udp"]
    assert house.peer.saved.protocols.sip_udp
    assert house.journal.lines == []


def test_a_change_of_an_older_configuration_is_not_stored() -> None:
    house = House()
    seen = house.peer.stamp
    house.change(Change("set", "protocols.sip_udp", "Off"), expected=seen)
    with pytest.raises(Moved):
        house.change(Change("set", "protocols.sip_tcp", "Off"), expected=seen)
    assert house.peer.saved.protocols.sip_tcp


def test_without_a_primary_only_settings_of_the_peer_itself_change() -> None:
    house = House(number=2)
    house.peer.silence(1)
    with pytest.raises(NoPrimary, match=r"expc01\.apolo\.local"):
        house.change(Change("set", "protocols.sip_udp", "Off"))
    house.change(Change("set", "system.name", "two"))
    assert house.peer.saved.system.name == "two"


def test_nothing_and_too_much_are_refused() -> None:
    house = House()
    with pytest.raises(Refused, match="Nothing was changed"):
        house.change()
    with pytest.raises(Refused, match="in parts"):
        house.change(*[Change("set", "system.name", "x")] * (door.CHANGES_MAX + 1))


def test_a_bulk_change_does_not_flood_the_event_log() -> None:
    house = House()
    house.change(*[Change("add", "credentials", {"name": f"u{n}", "password": "secret"}) for n in range(150)])
    lines = house.journal.of("System Configuration Changed")
    assert len(lines) == DIFFERENCES_MAX + 1
    assert lines[-1]["Detail"] == f"and {300 - DIFFERENCES_MAX} more settings"
    assert lines[-1]["User"] == "admin"


def test_a_promotion_and_a_restart_are_carried_out_and_audited() -> None:
    house = House(number=2)
    asyncio.run(house.door.promote(WEB))
    asyncio.run(house.door.restart(WEB))
    assert house.peer.primary == 2
    assert house.peer.restarts == ["admin web 192.0.2.7"]
    assert "made the configuration primary" in house.journal.of("System Configuration Changed")[-1]["Detail"]
    assert house.journal.of("System Shutdown")[0]["User"] == "admin"


def test_a_dismissal_is_carried_out_and_audited() -> None:
    house = House()
    house.peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    stamp = next(one.stamp for one in house.peer.history() if one.set_aside)
    asyncio.run(house.door.dismiss(WEB, stamp))
    assert not any(one.set_aside for one in house.peer.history())
    assert str(stamp) in house.journal.of("System Configuration Changed")[-1]["Detail"]


def test_an_alarm_of_this_peer_is_acknowledged_with_who_saw_it() -> None:
    house = House()
    house.peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc02.apolo.local")
    assert asyncio.run(house.door.acknowledge(WEB, 20004, "expc02.apolo.local")) == [1]
    assert house.peer.alarms()[0].row.acknowledged
    assert house.peer.acknowledgements == [(1, 20004, WEB.audit)]


def test_an_alarm_of_another_peer_or_of_all_is_acknowledged_there_and_a_silent_one_is_named() -> None:
    house = House()
    for number in (1, 2, 3):
        house.peer.raise_alarm(alarms.TLS_PERMISSIVE, number, "Permissive")
    assert asyncio.run(house.door.acknowledge(WEB, 40049, peer=2)) == [2]
    assert asyncio.run(house.door.acknowledge(WEB, 40049, everywhere=True)) == [1, 3]
    assert asyncio.run(house.door.acknowledge(WEB, 40049, everywhere=True)) == []
    house.peer.raise_alarm(alarms.H323_OFF, 3, "Off")
    house.peer.silence(3)
    with pytest.raises(Refused, match="of peer 3 was not acknowledged"):
        asyncio.run(house.door.acknowledge(WEB, 20018, peer=3))
    with pytest.raises(Refused, match="is not raised on any peer"):
        asyncio.run(house.door.acknowledge(WEB, 20007, everywhere=True))


@pytest.mark.parametrize(("number", "key"), [(20007, ""), (20004, ""), (20006, "")])
def test_an_alarm_that_is_not_raised_here_cannot_be_acknowledged(number: int, key: str) -> None:
    house = House()
    house.peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc02.apolo.local")
    house.peer.raise_alarm(alarms.DATABASE_COMMUNICATION_FAILURE, 2, "no answer")
    with pytest.raises(Refused, match=r"is not raised on this peer; (it is raised about expc02|`alarm list`)"):
        asyncio.run(house.door.acknowledge(WEB, number, key))
    assert not any(alarm.row.acknowledged for alarm in house.peer.alarms())
