"""The local socket answers every line, whatever it holds, and its file is for its owner alone."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command
from sextet.admin.commands import BESIDE, Arguments, Registry
from sextet.console import server
from sextet.console.server import ConsoleError, ConsoleServer
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_socket import served

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


class House:
    """A socket in front of a fake peer."""

    def __init__(self, path: Path, number: int = 1) -> None:
        self.path = path / "s"
        self.peer, self.journal = FakePeer.busy(number), Lines()
        self.server = served(self.peer, self.journal, self.path)

    def talk(self, conversation: Conversation) -> Any:
        async def run() -> Any:
            await self.server.start()
            reader, writer = await asyncio.open_unix_connection(self.path, limit=1 << 24)
            try:
                return await conversation(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()
                await self.server.stop()

        return asyncio.run(run())

    def ask(self, *lines: bytes) -> list[Any]:
        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Any]:
            answers = []
            for line in lines:
                writer.write(line + b"\n")
                answers.append(json.loads(await reader.readline()))
            return answers

        answered: list[Any] = self.talk(conversation)
        return answered

    def command(self, name: str, **arguments: Any) -> Any:
        return self.ask(json.dumps({"command": name, "arguments": arguments, "user": "eve"}).encode())[0]


def test_a_command_is_answered_with_its_result(tmp_path: Path) -> None:
    answer = House(tmp_path).command("call list")
    assert answer["ok"] is True
    assert answer["result"][0]["source"] == "alice@apolo.local"


def test_a_long_list_is_answered_as_a_short_one(tmp_path: Path) -> None:
    rows = [{"alias": f"{n}@會議.example", "text": 'a "b"\n\ud800'} for n in range(BESIDE + 1)]
    registry = Registry(lambda actor, what: None)

    async def listed(actor: Actor, arguments: Arguments) -> object:
        return rows

    registry.add(Command(name="long list", help="List them."), listed)
    house = House(tmp_path)
    house.server = ConsoleServer(house.path, registry)
    answer = house.command("long list")
    assert answer["ok"] and len(answer["result"]) == len(rows)
    assert answer["result"][7] == {"alias": "7@會議.example", "text": 'a "b"\n?'}


def test_what_is_only_looked_at_is_not_done(tmp_path: Path) -> None:
    house = House(tmp_path, number=2)
    line = json.dumps({"look": "cluster leave", "arguments": {}, "user": "eve"}).encode()
    assert house.ask(line) == [{"ok": True, "result": None}] and house.peer.saved.clustering.peers
    assert house.ask(b'{"look": "cluster remove", "arguments": {"peer": 9}}')[0]["kind"] == "usage"


def test_several_commands_may_follow_on_one_connection(tmp_path: Path) -> None:
    house = House(tmp_path)
    first, second = house.ask(b'{"command": "status"}', b'{"command": "bogus"}')
    assert (first["ok"], second["kind"]) == (True, "usage")
    assert house.server.counts == {"ok": 1, "usage": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"GET / HTTP/1.1\r",
        b"\xff\xfe\x00",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"command": 5}',
        b'{"command": "status", "arguments": []}',
        b'{"command": "status", "user": 7}',
        b'{"command": "status", "arguments": {"x": 1}}',
        b'{"command": "\\ud800"}',
    ],
)
def test_garbage_is_answered_and_counted_and_the_conversation_goes_on(tmp_path: Path, garbage: bytes) -> None:
    house = House(tmp_path)
    wrong, right = house.ask(garbage, b'{"command": "call list"}')
    assert (wrong["ok"], wrong["kind"]) == (False, "usage")
    assert wrong["problems"][0]["sentence"]
    assert right["ok"] is True
    assert house.server.counts["usage"] == 1


def test_a_line_that_is_too_long_is_refused_and_the_client_let_go(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Any, bytes]:
        writer.write(b"x" * (3 * server.REQUEST_BYTES_MAX))
        await writer.drain()
        answer = json.loads(await reader.readline())
        writer.write_eof()
        return answer, await reader.read()

    answer, rest = house.talk(conversation)
    assert (answer["kind"], rest) == ("usage", b"")


@pytest.mark.parametrize(
    ("command", "arguments", "kind"),
    [
        ("config set", {"path": "protocols.sip_udp_port", "value": "99"}, "refused"),
        ("config set", {"path": "protocols.sip_udp", "value": "Off", "revision": "r1"}, "moved"),
        ("config set", {"path": "protocols.sip_udp", "value": "Off"}, "no_primary"),
        ("config set", {"path": "protocols.sip_udp"}, "usage"),
        ("fall over", {}, "failed"),
    ],
)
def test_every_refusal_has_its_kind_and_sentences(
    tmp_path: Path, command: str, arguments: dict[str, str], kind: str
) -> None:
    house = House(tmp_path, number=2)
    house.peer.silence(1)

    async def fall_over(actor: object, arguments: object) -> object:
        raise ZeroDivisionError("secret of the house")

    house.server._registry.add(Command(name="fall over", help="Fail."), fall_over)
    answer = house.command(command, **arguments)
    assert (answer["ok"], answer["kind"]) == (False, kind)
    assert answer["error"] and answer["problems"][0]["sentence"]
    assert "secret of the house" not in json.dumps(answer)
    assert house.peer.saved.protocols.sip_udp


def test_a_result_that_json_cannot_say_is_a_failure_and_not_silence(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def odd(actor: object, arguments: object) -> object:
        return {1, 2}

    house.server._registry.add(Command(name="odd", help="Odd."), odd)
    assert house.command("odd")["kind"] == "failed"


def test_the_user_is_audited_without_what_could_forge_a_line(tmp_path: Path) -> None:
    house = House(tmp_path)
    asked = {
        "command": "config set",
        "arguments": {"path": "protocols.h323_mode", "value": "Off"},
        "user": "e\nv\x1be" * 50,
    }
    house.ask(json.dumps(asked).encode())
    user = house.journal.of("System Configuration Changed")[0]["User"]
    assert user == ("eve" * 50)[: server.USER_MAX]


def test_the_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        return stat.S_IMODE(house.path.stat().st_mode)

    assert house.talk(conversation) == 0o600
    assert not house.path.exists()


def test_a_socket_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    house = House(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(house.path))
    assert house.command("status")["ok"]


def test_a_socket_that_another_process_serves_is_not_taken_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(house.path))
        other.listen()
        with pytest.raises(ConsoleError, match="another process serves"):
            asyncio.run(house.server.start())
        assert house.path.is_socket()


def test_a_path_that_cannot_be_bound_is_named(tmp_path: Path) -> None:
    house = House(tmp_path)
    for path in (tmp_path / "nowhere" / "s", tmp_path / ("x" * 120)):
        with pytest.raises(ConsoleError, match="opening the local socket"):
            asyncio.run(ConsoleServer(path, house.server._registry).start())


def test_more_connections_than_fit_are_told_so(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        others = [await asyncio.open_unix_connection(house.path) for _ in range(server.CONNECTIONS_MAX)]
        answer = json.loads(await others[-1][0].readline())
        for _, other in others:
            other.close()
            await other.wait_closed()
        return answer

    answer = house.talk(conversation)
    assert (answer["kind"], "Too many connections" in answer["error"]) == ("failed", True)


def test_a_stop_ends_conversations_that_say_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def run() -> bytes:
        await house.server.start()
        reader, writer = await asyncio.open_unix_connection(house.path)
        writer.write(b'{"command": "status"}\n')
        await reader.readline()
        async with asyncio.timeout(5):
            await house.server.stop()
            rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return rest

    assert asyncio.run(run()) == b""
