"""Logs as administrators use them: settings are followed, diagnostic logging runs on one peer or all."""

from __future__ import annotations

import asyncio
import tarfile

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.logs import record_commands
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.settings.system import SyslogServer
from tests.support.fake_peer import FakePeer
from tests.support.fake_records import RecordsDesk

ADMIN = Actor(user="admin", may_write=True, door="web", ip="192.0.2.1", port=7)
READER = Actor(user="auditor", may_write=False, door="web")


async def set_level(face: FakePeer, level: int) -> None:
    await face.change([Change("set", "logging.log_level", level)], user="admin", source="cli")


def test_level_and_names_follow_the_settings_and_a_verbose_level_is_an_alarm() -> None:
    async def play() -> None:
        face = FakePeer()
        desk = RecordsDesk(face)
        desk.records.apply()
        assert (desk.logs.level, desk.logs.host, desk.logs.node) == (1, "expc01", "expc01.apolo.local")
        assert desk.alarms[-1] == (False, "")
        for level, alarm in ((2, (False, "")), (3, (True, "The log level is 3.")), (1, (False, ""))):
            await set_level(face, level)
            desk.records.apply()
            assert (desk.logs.level, desk.alarms[-1]) == (level, alarm)

    asyncio.run(play())


def test_each_server_is_listed_with_what_was_sent_and_lost() -> None:
    async def play() -> None:
        desk = RecordsDesk(FakePeer())
        desk.syslog.configure([SyslogServer(address="127.85.0.9", port=9, transport="TCP")])
        assert desk.records.servers() == [{"server": "127.85.0.9 port 9 TCP", "sent": 0, "dropped": 0}]
        await desk.records.end()

    asyncio.run(play())


def test_one_click_starts_and_stops_it_on_every_peer_that_answers_and_names_the_one_that_does_not() -> None:
    async def play() -> None:
        face = FakePeer()
        desk, other = RecordsDesk(face), RecordsDesk(FakePeer(2))
        assert other.peers.own is not None
        desk.peers.others[2] = other.peers.own
        done = await desk.records.start(ADMIN, everywhere=True, capture=False)
        assert [(one.peer, one.ok) for one in done] == [(1, True), (2, True), (3, False)]
        assert done[2].sentence == "Cannot be asked: the link is DOWN: no answer."
        assert desk.recorder.running and other.recorder.running
        assert desk.alarms[-1] == other.alarms[-1] == (True, "Diagnostic logging runs.")
        states = await desk.records.states()
        assert [one.sentence for one in states[:2]] == ["Running."] * 2
        again = await desk.records.start(ADMIN, everywhere=False, capture=False)
        assert [(one.ok, one.sentence) for one in again] == [(False, "Diagnostic logging runs already; stop it first.")]
        await desk.records.stop(ADMIN, everywhere=True)
        assert not desk.recorder.running and not other.recorder.running
        assert desk.alarms[-1] == other.alarms[-1] == (False, "")
        started = desk.logs.search("Diagnostic Logging")[0]
        assert (started.get("Detail"), started.get("User")) == ("started on all peers", "admin")

    asyncio.run(play())


def test_the_archive_has_settings_without_secrets_and_certificates_without_keys() -> None:
    async def play() -> None:
        desk = RecordsDesk(FakePeer())
        desk.records.apply()
        await desk.records.start(ADMIN, everywhere=False, capture=False)
        desk.records.mark(ADMIN, "the call that fails")
        await desk.records.stop(ADMIN, everywhere=False)
        with tarfile.open(await desk.records.archive(ADMIN)) as packed:
            found = {one.name.partition("_expc01")[0]: packed.extractfile(one) for one in packed.getmembers()}
            texts = {name: data.read().decode() for name, data in found.items() if data}
        assert set(texts) == {"loggingsnapshot", "xconf_dump", "xstat_dump", "server", "ca"}
        assert "the call that fails" in texts["loggingsnapshot"]
        assert "protocols.sip_udp" in texts["xconf_dump"] and "alice-secret" not in "".join(texts.values())
        assert "open" in texts["server"] and "secret" not in texts["server"]
        assert "cannot be read" in texts["ca"]

    asyncio.run(play())


def test_who_may_only_look_starts_stops_marks_and_downloads_nothing() -> None:
    async def play() -> None:
        desk = RecordsDesk(FakePeer())
        for refused in (
            desk.records.start(READER, everywhere=True, capture=False),
            desk.records.stop(READER, everywhere=False),
            desk.records.archive(READER),
        ):
            with pytest.raises(Refused, match="read-only"):
                await refused
        with pytest.raises(Refused, match="read-only"):
            desk.records.mark(READER, "x")
        with pytest.raises(Refused, match="nothing to download"):
            await desk.records.archive(ADMIN)
        assert not desk.recorder.running

    asyncio.run(play())


@pytest.mark.parametrize("question", [b"", b"7", b"[]", b'{"do": "format"}', b'{"do": ["start"]}'])
def test_garbage_from_a_peer_starts_nothing(question: bytes) -> None:
    desk = RecordsDesk(FakePeer())
    assert desk.peers.own is not None
    assert b'"ok": false' in asyncio.run(desk.peers.own(question))  # type: ignore[arg-type]
    assert not desk.recorder.running


def test_lines_of_a_kind_that_there_is_not_are_refused_with_those_that_there_are() -> None:
    async def play() -> None:
        desk = RecordsDesk(FakePeer())
        registry = Registry(lambda actor, what: None)
        record_commands.add_to(registry, desk.records)
        desk.logs.event("Alarm Raised", Id="20004", Severity="warning")
        desk.logs.event("Call Connected")
        actor = Actor(user="admin", may_write=True, door="cli")
        found = await registry.run("log search", {"text": "", "kind": "alarms", "within": 5}, actor)
        assert isinstance(found, list) and len(found) == 1 and "20004" in found[0]
        with pytest.raises(Refused, match="no lines about nonsense; choose one of problems, alarms"):
            await registry.run("log search", {"text": "", "kind": "nonsense"}, actor)

    asyncio.run(play())
