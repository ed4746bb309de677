"""Which cancelled requests the agent ends, and when; on the fake of Kamailio and a real line to its commands."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sextet.sip.kemi.routing.cancelling import RPC_SOCKET, SILENT_S, Cancelling
from tests.sip.kemi.test_script import BOB, Bench

OURS = {"$T(id_index)": 0xABC, "$T(id_label)": 0x80000001, "$sel(v[1].branch)": "z9hG4bK1"}


class Commands:
    """Kamailio's own commands: it keeps what it is asked for, and answers."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir()
        self.asked: list[list[str | int]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(1 << 16)
            if not data:
                return
            assert json.loads(data)["method"] == "tm.reply"
            self.asked.append(json.loads(data)["params"])
            self._socket.sendto(b'{"jsonrpc":"2.0","result":{},"id":1}', sender)

    def close(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"", str(path))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    made = Commands(tmp_path / RPC_SOCKET)
    yield made
    made.close(tmp_path / RPC_SOCKET)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    made.ksr.request("INVITE", f"sip:{BOB}").values |= OURS
    assert made.script.initial(None) == 1
    return made


def cancelling(bench: Bench) -> Cancelling:
    return Cancelling(bench.ksr, bench.script._reporter, bench.run_dir)


def cancelled(bench: Bench, branch: str = "z9hG4bK1", why: int = 0) -> None:
    bench.ksr.htables["cancelled"] = {f"call-1 {branch}": why}


def test_what_goes_on_ringing_is_ended_with_its_charge_its_search_and_an_answer_to_the_caller(
    bench: Bench, commands: Commands
) -> None:
    watching = cancelling(bench)
    cancelled(bench, why=1)
    watching.tick(100.0)
    watching.tick(100.0 + SILENT_S - 0.01)
    assert (bench.told[-1]["kind"], commands.asked) == ("call", [])
    watching.tick(100.0 + 2 * SILENT_S)
    assert (bench.told[-1]["kind"], bench.told[-1]["reason"]) == ("ended", "487 Request Terminated")
    assert (bench.ksr.htables["load"], bench.ksr.htables["cancelled"]) == ({}, {})
    search, answers = bench.searches[-2:]
    assert (answers["id"], answers["status"], answers["final"]) == (search["search"]["id"], 487, True)
    assert answers["reason"] == "another device answered; the CANCEL was not answered"
    [[status, _, transaction, *_]] = commands.asked
    assert (status, transaction) == (487, f"{0xABC}:{0x80000001}")


def test_another_request_of_the_call_rings_on(bench: Bench, commands: Commands) -> None:
    watching = cancelling(bench)
    cancelled(bench, branch="z9hG4bK-of-one-that-is-over")
    watching.tick(100.0)
    watching.tick(200.0)
    assert (bench.told[-1]["kind"], commands.asked, bench.ksr.htables["cancelled"]) == ("call", [], {})


def test_a_call_that_was_answered_after_all_goes_on(bench: Bench, commands: Commands) -> None:
    bench.ksr.values["$dlg(callid)"] = "call-1"
    bench.script.connected(None)
    watching = cancelling(bench)
    cancelled(bench)
    watching.tick(100.0)
    watching.tick(200.0)
    assert ([event["kind"] for event in bench.told].count("ended"), commands.asked) == (0, [])
    assert bench.ksr.htables["load"]
