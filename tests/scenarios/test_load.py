"""Calls at a steady rate through one and three real Kamailios: sipp plays the phones, and not one call fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.registration import Credential
from tests.support.real_lab import eventually
from tests.support.sip_peers import CONFIG, Peers, peers

pytestmark = pytest.mark.scenario
NETWORK = "127.61.9"
SCENARIOS = Path(__file__).parents[2] / "bench" / "scenarios"
CALLS, PER_S = 150, 50
# Milliseconds until it is answered, and until it is hung up: who hangs up at once may overtake his own ACK on the way
# through several processes, and who answers at once is faster than the other phone rings.
TALK = ("-d", "300")
ENDED_S = 30.0
CALLEE = "callee@apolo.local"
CALLER, ANSWERS, RINGS = (f"{NETWORK}.201:{port}" for port in (7003, 7004, 7005))
USERS = replace(CONFIG, credentials=tuple(Credential(name=name, password=f"{name}-secret") for name in ("u0", "u1")))


async def sipp(scenario: str, server: str, phone: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Play a scenario from an address; its exit code is 0 only where every call went as it is written."""
    found = shutil.which("sipp")
    assert found, "install the Debian package sip-tester (./sextet setup --test)"
    address, port = phone.rsplit(":", 1)
    errors = Path(tempfile.gettempdir()) / f"sipp-{os.getpid()}-{scenario}-{port}"
    process = await asyncio.create_subprocess_exec(
        found, f"{server}:5060", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", port, "-t", "u1",
        "-nostdin", "-timer_resol", "5", "-recv_timeout", "8000", "-trace_err", "-error_file", str(errors), *more,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(ENDED_S):
            output, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    finally:
        said = errors.read_bytes()[-2000:] if errors.exists() else b""
        errors.unlink(missing_ok=True)
    assert process.returncode is not None
    return subprocess.CompletedProcess(scenario, process.returncode, output[-1500:] + said)


def fine(done: subprocess.CompletedProcess[bytes]) -> None:
    assert done.returncode == 0, f"{done.args}: {done.stdout.decode(errors='replace')}"


async def registers(at: Peers, number: int, phone: str, alias: str, user: str) -> None:
    """Register an alias from the very socket that calls or is called later."""
    row = at.directory / f"{phone.rpartition(':')[2]}.csv"
    row.write_text(f"SEQUENTIAL\n{alias};[authentication username={user} password={user}-secret]\n")
    fine(await sipp("register", at.address(number), phone, "-inf", str(row), "-m", "1"))
    await at.registered(number, f"{alias}@apolo.local")


@contextlib.asynccontextmanager
async def answering(*phones: tuple[str, str, str]) -> AsyncIterator[None]:
    """Let phones (scenario, server, address) play the called side; in the end each has played every call."""
    playing = [asyncio.create_task(sipp(*one, "-m", str(CALLS), *TALK)) for one in phones]
    try:
        yield
        for done in await asyncio.gather(*playing):
            fine(done)
    finally:
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


async def listening(*phones: str) -> None:
    """Wait until sipp has bound its sockets."""
    ports = {f":{int(phone.rpartition(':')[2]):04X} " for phone in phones}

    async def bound() -> bool:
        sockets = Path("/proc/net/udp").read_text()
        return all(port in sockets for port in ports)

    await eventually("the called phones listen", bound)


@pytest.mark.parametrize(
    ("owners", "played"),
    [((1,), ["answer"]), ((2, 3), ["answer", "ring"])],
    ids=["one peer", "three peers"],
)
def test_a_steady_rate_of_calls_passes_without_one_failure(owners: Sequence[int], played: Sequence[str]) -> None:
    """Through three: two peers have a device of the alias each, of which one answers and the other one is cancelled."""

    async def play() -> None:
        numbers = range(1, max(owners) + 1)
        async with peers(NETWORK, *numbers, config=USERS) as at:
            await registers(at, 1, CALLER, "u0", "u0")
            called = list(zip(played, map(at.address, owners), (ANSWERS, RINGS), strict=False))
            for number, (_, _, phone) in zip(owners, called, strict=True):
                await registers(at, number, phone, "callee", "u1")
            if len(owners) > 1:
                await at.located(1, CALLEE, *owners)
            users = str(at.directory / "7003.csv")
            async with answering(*called):
                await listening(*(phone for _, _, phone in called))
                fine(
                    await sipp("call", at.address(1), CALLER, "-inf", users, "-m", str(CALLS), "-r", str(PER_S), *TALK)
                )
            for number in numbers:
                host = at.hosts[number]
                await host.until(lambda host=host: len(host.ended) == CALLS and not host.calls)
                assert set(host.ended.values()) <= {"Normal", "487 Request Terminated"}
            assert set(at.hosts[1].ended.values()) == {"Normal"}

    asyncio.run(play())
