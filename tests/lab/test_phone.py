"""The real phone is driven through its control port, and two of them really talk."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sextet.lab import phone
from sextet.lab.children import left_behind
from sextet.lab.patience import until
from sextet.lab.phone import Line, PhoneError, files, netstrings, packets, registration, start_phone

EVENT = b'{"event":true,"type":"REGISTER_OK"}'
DEBUG = (
    " member 0x87d8d107: lost=0 Jitter=0.0ms\n  IP=127.0.0.1:20046 psent=0 rcvd=196\n  TX: packets=200, octets=31360\n"
)


def line(user: str, last: int, tone_hz: int) -> Line:
    return Line(user=user, domain="test", password="secret", address=f"127.77.9.{last}", tone_hz=tone_hz)


def test_messages_are_cut_out_of_a_stream_wherever_it_was_divided() -> None:
    stream = b"%d:%s,%d:%s," % (len(EVENT), EVENT, len(EVENT), EVENT)
    for cut in range(len(stream)):
        first, rest = netstrings(stream[:cut])
        second, rest = netstrings(rest + stream[cut:])
        assert (len(first) + len(second), rest) == (2, b"")


def test_another_language_on_the_control_port_is_refused() -> None:
    for data in (b"HTTP/1.1 200: x", b"99999999999:x"):
        with pytest.raises(PhoneError, match="another language"):
            netstrings(data)


def test_rtp_packets_are_read_from_the_phones_own_account() -> None:
    assert packets(DEBUG) == (200, 196)
    assert packets("no session yet") == (0, 0)


def test_the_state_of_a_registration_is_read_as_people_see_it() -> None:
    table = "\n--- User Agents (1) ---\n> sip:alice@apolo.local    {}sextet Expires 60s\n\n"
    assert registration(table.format("\x1b[32mOK \x1b[;m ")) == "OK"
    assert registration(table.format("\x1b[31mERR\x1b[;m ")) == "ERR"
    assert registration(table.format("    ")) == ""
    assert registration("") == ""


def test_a_phone_registers_only_where_it_has_a_server() -> None:
    alone = files(line("alice", 1, 440), Path("/d"))["accounts"]
    assert "regint=0" in alone
    assert "outbound" not in alone
    server = Line(
        user="a", domain="d", password="p", address="127.77.9.1", server="expc01.apolo.local", transport="tls"
    )
    assert 'outbound="sip:expc01.apolo.local;transport=tls"' in files(server, Path("/d"))["accounts"]


@pytest.mark.scenario
def test_two_phones_call_each_other_hear_each_other_and_leave_no_process(tmp_path: Path) -> None:
    async def play() -> None:
        phones = [line("alice", 101, 440), line("bob", 102, 700)]
        for each in phones:
            (tmp_path / each.user).mkdir()
        alice, bob = [await start_phone(each, tmp_path / each.user) for each in phones]
        try:
            with pytest.raises(PhoneError, match="alice could not call sip:bob@127.77.9.109"):
                await alice.call("sip:bob@127.77.9.109;transport=tcp", 5)
            await alice.call("sip:bob@127.77.9.102", 5)
            await bob.answered(5)

            async def enough() -> bool:
                return min(*await alice.packets(), *await bob.packets()) > 60

            assert (await until(enough, 5))[0]
            await alice.hang_up()
            await bob.over(5)
            assert alice.heard(700)
            assert bob.heard(440)
            assert not bob.heard(700)
            assert (tmp_path / "alice/accounts").stat().st_mode & 0o777 == 0o600
        finally:
            for each in (alice, bob):
                await each.stop()

    asyncio.run(play())
    assert left_behind(tmp_path) == []


@pytest.mark.scenario
def test_a_phone_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    with pytest.raises(PhoneError, match="baresip does not start"):
        asyncio.run(start_phone(Line(user="alice", domain="t", password="p", address="192.0.2.1"), tmp_path / "alice"))
    assert os.listdir(tmp_path / "alice")


def test_a_phone_whose_start_is_given_up_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, began = tmp_path / "baresip", tmp_path / "began"
    program.write_text(f"#!/bin/sh\necho $$ > {began}\nexec sleep 60\n")
    program.chmod(0o755)
    os.mkfifo(began)
    (tmp_path / "alice").mkdir()
    monkeypatch.setattr(phone, "BARESIP", str(program))
    monkeypatch.setattr(phone, "START_S", 60.0)  # a busy machine may take its time to begin

    async def play() -> int:
        starting = asyncio.create_task(start_phone(line("alice", 103, 440), tmp_path / "alice"))
        pid = int(await asyncio.to_thread(began.read_text))
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return pid

    assert not Path(f"/proc/{asyncio.run(play())}").exists()
