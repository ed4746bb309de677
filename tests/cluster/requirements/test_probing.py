"""A peer that was away while it was asked is asked again when it is back, not a minute later."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.cluster.requirements import probing
from sextet.cluster.requirements.probing import Files, Probing
from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.wire.session import Gate
from tests.cluster.requirements.test_checks import LIST, SEEN, live, says
from tests.support.fake_peer import Lines
from tests.support.real_lab import eventually

OWN, OTHER = "127.81.8.2", "127.81.8.1"
SOON_S = 0.01
TURN_S = 0.2


class OneLink:
    """The way to peer 1, who answers what he is asked while he is there."""

    chain, line, reason = (), "", ""

    def __init__(self) -> None:
        self.gate = Gate()

    async def request(self, subject: str, data: bytes, timeout: float) -> bytes:
        return json.dumps({"wall_s": time.time(), "seen_as": OWN}).encode()


class Links:
    trusted = ()

    def __init__(self) -> None:
        self.one = OneLink()

    def link(self, number: int) -> OneLink:
        return self.one

    def addresses(self) -> dict[int, str]:
        return {1: OTHER}


class Scene:
    """This system and peer 1, to whom the link is up."""

    def __init__(self, files: Path) -> None:
        self.seen = replace(
            SEEN, running=replace(LIST, peer_1_address=OTHER, peer_2_address=OWN, peer_3_address=""),
            own=says(2, ip=OWN), names={OTHER: OTHER, OWN: OWN}, statuses={1: says(1)},
            links={1: live(1, peer=OTHER, since_s=5.0)},
        )  # fmt: skip
        self.alarms = Alarms(Lines(), lambda *_: None, lambda *_: None, time.monotonic, lambda *_: None)
        own = Files(certificate=files, trusted=files)
        self.asking = Probing(own, lambda: self.seen, Links(), self.alarms, time.monotonic)  # type: ignore[arg-type]

    async def closed(self) -> bool:
        return 20021 in {alarm.number for alarm in self.alarms.raised()}


def test_a_port_that_was_closed_while_its_peer_started_is_no_alarm_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "FIRST_S", 0.0)
    monkeypatch.setattr(probing, "AGAIN_S", SOON_S)

    async def play() -> None:
        scene = Scene(tmp_path)
        task = asyncio.create_task(scene.asking.run())
        try:
            await eventually("the port is closed", scene.closed, wanted=True)
            with socket.socket() as recovery:
                recovery.bind((OTHER, 4371))
                recovery.listen()
                await eventually("the port is open", scene.closed, wanted=False)
        finally:
            task.cancel()

    asyncio.run(play())


def test_who_wants_everything_asked_now_is_not_content_with_the_part_whose_turn_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []  # in which this system looked at itself

    def own_certificate(self: Probing, name: str) -> tuple[None, str]:
        turns.append(name)
        time.sleep(TURN_S)
        return None, "there is none"

    monkeypatch.setattr(probing, "FIRST_S", 0.0)
    monkeypatch.setattr(probing, "EVERY_S", SOON_S)
    monkeypatch.setattr(Probing, "_own_certificate", own_certificate)

    async def play() -> None:
        scene = Scene(tmp_path)
        task = asyncio.create_task(scene.asking.run())

        async def second() -> bool:
            return len(turns) >= 2

        try:
            await eventually("this system's turn has come", second, wanted=True)
            scene.seen = replace(scene.seen, links={1: live(1, peer=OTHER, state="DOWN", reason="cut")})
            await scene.asking.now()
            assert "tcp 4372" in scene.asking.measured.others[1].knocks
        finally:
            task.cancel()

    asyncio.run(play())
