"""Phones by the thousand: sipp plays scenarios over UDP from loopback addresses and counts."""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import BenchError

SCENARIOS = Path(__file__).with_name("scenarios")
PLAY_S = 120.0
ANSWER_S = 10.0
EVERY_S = 1
AS_FAST_AS_IT_GOES = 20_000
FAILED_MAX = 0.01  # of all; more than that, and it is no load but a fault


@dataclass(frozen=True, slots=True)
class Played:
    """How a scenario went: done, failed, sent again, and how long all of it took."""

    done: int
    failed: int
    repeated: int
    took_s: float


def users_file(path: Path, aliases: Sequence[tuple[str, str]]) -> Path:
    """Write what scenarios insert: an alias, and with which name and password it authenticates."""
    lines = [f"{alias};[authentication username={user} password=secret-{user}]" for alias, user in aliases]
    path.write_text("SEQUENTIAL\n" + "\n".join(lines) + "\n")
    return path


def play(
    scenario: str, server: str, phone: str, users: Path, count: int, at_once: int, per_s: int = AS_FAST_AS_IT_GOES,
    *, far: str = "far", held_s: float = 0.0,
) -> Played:  # fmt: skip
    """Play a scenario `count` times, at most `at_once` at the same time; raises BenchError.

    `far` is who is called, and `held_s` how long calls are, where the scenario says so.
    """
    statistics = users.with_suffix(f".{scenario}.csv")
    statistics.unlink(missing_ok=True)
    command = [*_sipp(scenario, server, phone, held_s), "-inf", str(users), "-m", str(count), "-l", str(at_once)]
    command += ["-key", "far", far, "-d", f"{held_s * 1000:.0f}"]
    command += ["-r", str(per_s), "-trace_stat", "-stf", str(statistics), "-fd", str(EVERY_S)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PLAY_S, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{scenario} against {server} did not end within {PLAY_S:g} s.") from None
    try:
        with statistics.open() as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
    except (OSError, IndexError):
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise BenchError(f"sipp did not play {scenario} against {server}: {said}") from None
    played = Played(
        done=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        repeated=int(last["Retransmissions(C)"]),
        # ElapsedTime counts whole seconds only.
        took_s=_moment(last["CurrentTime"]) - _moment(last["StartTime"]),
    )
    if played.failed > FAILED_MAX * count:
        raise BenchError(f"{scenario} against {server}: {played.failed} of {count} failed.")
    return played


@contextlib.contextmanager
def answering(server: str, phone: str, held_s: float = 0.0) -> Iterator[None]:
    """Answer calls, which last so long, while the block runs."""
    process = subprocess.Popen(
        _sipp("answer", server, phone, held_s),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.3)  # it has no way to say that it listens
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _sipp(scenario: str, server: str, phone: str, held_s: float) -> list[str]:
    """Name sipp and who talks to whom; raises BenchError naming the Debian package."""
    found = shutil.which("sipp")
    if found is None:
        raise BenchError("sipp is not installed: install the Debian package sip-tester.")
    address, port = phone.rsplit(":", 1)
    return [
        found, f"{server}:5060", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", address, "-p", port, "-t", "u1",
        "-nostdin", "-buff_size", "1048576", "-timer_resol", "5", "-recv_timeout", f"{(ANSWER_S + held_s) * 1000:.0f}",
    ]  # fmt: skip


def _moment(text: str) -> float:
    """Read the seconds of a moment as sipp writes it: date, time of day and seconds since 1970, with tabs between."""
    return float(text.rpartition("\t")[2])
