"""Calls and registrations in the Event log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.engine import Picture
from sextet.model.status import Binding, Call
from sextet.watch.call_log import ENGINE_LOST, CallLog
from sextet.watch.past_registrations import RegistrationHistory
from tests.support.fake_peer import Lines

PHONE = Binding(contact="sip:alice@192.0.2.7:5070", device="d1", received="192.0.2.7:5070;TLS")
CALL = Call(call_id="c", serial="s", tag="t", source="alice@x", destination="bob@x", state="ringing", since_s=1.0)


class Desk:
    """Is the host, and remembers what came through."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.heard: list[tuple[object, ...]] = []
        self.log = CallLog(self, self.lines)

    def registered(self, *given: object) -> None:
        self.heard.append(("registered", *given))

    def rejected(self, *given: object) -> None:
        self.heard.append(("rejected", *given))

    def call_changed(self, *given: object) -> None:
        self.heard.append(("call_changed", *given))

    def call_ended(self, *given: object) -> None:
        self.heard.append(("call_ended", *given))

    def used(self, *given: object) -> None:
        self.heard.append(("used", *given))

    def picture(self, *given: object) -> None:
        self.heard.append(("picture", *given))

    def carried(self, *given: object) -> None:
        self.given.append(given)

    def port_conflict(self, *given: object) -> None:
        self.heard.append(("port_conflict", *given))

    def zones(self, *given: object) -> None:
        self.heard.append(("zones", *given))

    def engine_state(self, *given: object) -> None:
        self.heard.append(("engine_state", *given))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines.lines]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_device_is_told_when_it_comes_and_when_it_goes_and_not_when_it_refreshes(desk: Desk) -> None:
    desk.log.registered("alice@x", [PHONE])
    desk.log.registered("alice@x", [replace(PHONE, granted_s=60)])
    desk.log.registered("alice@x", [])
    assert desk.events == ["Registration Accepted", "Registration Removed"]
    accepted = desk.lines.lines[0][1]
    assert (accepted["AOR"], accepted["Source-ip"], accepted["Source-port"], accepted["Protocol"]) == (
        "alice@x", "192.0.2.7", "5070", "TLS"
    )  # fmt: skip


def test_why_a_device_is_gone_or_was_turned_away_is_told_and_kept(tmp_path: Path) -> None:
    desk = Desk()
    history = RegistrationHistory(tmp_path, lambda: 0.0)
    desk.log = CallLog(desk, desk.lines, None, history)
    desk.log.registered("alice@x", [PHONE])
    desk.log.registered("alice@x", [], "Connection lost")
    desk.log.rejected("mallory@x", "403 not in the allow list", "192.0.2.9:5060;udp", "Dialer")
    assert desk.events == ["Registration Accepted", "Registration Removed", "Registration Rejected"]
    assert desk.lines.lines[1][1]["Reason"] == "Connection lost"
    rejected = desk.lines.lines[2][1]
    assert (rejected["AOR"], rejected["Source-ip"], rejected["Protocol"]) == ("mallory@x", "192.0.2.9", "udp")
    assert [(line.event, line.reason) for line in history.newest()] == [
        ("Rejected", "403 not in the allow list"), ("Removed", "Connection lost"), ("Registered", "")
    ]  # fmt: skip
    assert [heard[0] for heard in desk.heard] == ["registered", "registered", "rejected"]


def test_devices_of_an_engine_that_was_lost_are_kept_as_lost_with_it(tmp_path: Path) -> None:
    desk = Desk()
    history = RegistrationHistory(tmp_path, lambda: 0.0)
    desk.log = CallLog(desk, desk.lines, None, history)
    desk.log.picture(Picture(registrations={"alice@x": [PHONE]}, calls=[]))
    assert history.newest() == [], "what was there before is not told"
    desk.log.picture(Picture(registrations={}, calls=[]))
    assert [(line.event, line.reason) for line in history.newest()] == [("Removed", ENGINE_LOST)]


def test_a_call_is_told_at_each_step_with_how_it_ended(desk: Desk) -> None:
    connected = replace(CALL, state="connected", rule="LocalZoneMatch", route="expc02")
    for call in (CALL, CALL, connected, connected):
        desk.log.call_changed(call)
    desk.log.call_ended("c", "BYE from the caller")
    desk.log.call_changed(CALL)
    desk.log.call_ended("c", "486 Busy Here")
    assert desk.events == [
        "Call Attempted", "Call Connected", "Call Disconnected", "Call Attempted", "Call Rejected"
    ]  # fmt: skip
    assert desk.lines.lines[1][1]["Detail"] == "LocalZoneMatch: expc02"
    assert desk.lines.lines[-1][1]["Reason"] == "486 Busy Here"


def test_what_was_there_before_is_not_told_and_everything_passes(desk: Desk) -> None:
    picture = Picture(registrations={"alice@x": [PHONE]}, calls=[CALL])
    desk.log.picture(picture)
    desk.log.registered("alice@x", [PHONE])
    desk.log.call_changed(CALL)
    desk.log.call_ended("unknown", "gone")
    desk.log.engine_state("Kamailio", "ended")
    desk.log.port_conflict("TCP port 5060 is another's")
    assert desk.events == []
    assert [heard[0] for heard in desk.heard] == [
        "picture", "registered", "call_changed", "call_ended", "engine_state", "port_conflict"
    ]  # fmt: skip
