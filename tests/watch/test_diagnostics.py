"""Diagnostic logging of one peer, and the capture beside it."""

from __future__ import annotations

import asyncio
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.watch.diagnostics import DiagnosticsError, Recorder
from sextet.watch.logs import Logs

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Desk:
    """A recorder that hears the logs of a peer."""

    def __init__(self, folder: Path) -> None:
        self.logs = Logs(folder, "expc01", lambda: MOMENT)
        self.recorder = Recorder(folder / "diagnostics", "127.85.0.9", lambda: 7.0, lambda: MOMENT)
        self.recorder.host = "expc01"
        self.logs.listeners.append(self.recorder.hear)


def files_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as packed:
        return {one.name: (packed.extractfile(one) or pytest.fail()).read() for one in packed.getmembers()}


def fake_tcpdump(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "tcpdump"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_between_start_and_stop_every_line_is_kept_whatever_its_level(tmp_path: Path) -> None:
    async def play() -> None:
        desk = Desk(tmp_path)
        desk.logs.module("network.cluster", "DEBUG", "too early")
        await desk.recorder.start(capture=False)
        desk.logs.module("network.cluster", "DEBUG", "the link is DOWN")
        desk.logs.event("Message Sent", Level="3")
        desk.recorder.mark("here it\nhappens")
        assert (desk.recorder.state().lines, desk.recorder.state().markers) == (2, 1)
        await desk.recorder.stop()
        desk.logs.module("network.cluster", "ERROR", "too late")
        (log,) = files_of(desk.recorder.archive({})).items()
        assert log[0] == "loggingsnapshot_expc01_2026-01-02_030405.txt"
        said = log[1].decode()
        assert "the link is DOWN" in said and 'Event="Message Sent"' in said and "too " not in said
        assert r'Event="DEBUG_MARKER" Detail="here it\nhappens"' in said

    asyncio.run(play())


def test_the_level_decides_what_the_logs_keep(tmp_path: Path) -> None:
    logs = Logs(tmp_path, "expc01", lambda: MOMENT)
    for logs.level in (1, 2, 3):
        logs.module("network.cluster", "DEBUG", f"at {logs.level}")
        logs.event("Message Sent", Detail=f"at {logs.level}", Level="3")
        logs.event("System Configuration Changed", Detail=f"at {logs.level}")
        logs.module("network.cluster", "WARN", f"always {logs.level}")
    assert [entry.get("Detail") for entry in logs.tail(log="network")] == [
        "always 1", "at 2", "always 2", "at 3", "at 3", "always 3"
    ]  # fmt: skip
    assert [entry.get("Detail") for entry in logs.tail(log="configuration")] == ["at 1", "at 2", "at 3"]
    assert not any(entry.get("Level") == "DEBUG" for entry in logs.tail(log="event"))
    assert len(logs.search("ALWAYS")) == 3
    logs.close()


def test_what_is_not_running_cannot_be_stopped_marked_or_downloaded_and_not_started_twice(tmp_path: Path) -> None:
    async def play() -> None:
        recorder = Desk(tmp_path).recorder
        with pytest.raises(DiagnosticsError, match="does not run"):
            await recorder.stop()
        with pytest.raises(DiagnosticsError, match="does not run"):
            recorder.mark("x")
        with pytest.raises(DiagnosticsError, match="nothing to download"):
            recorder.archive({})
        await recorder.start(capture=False)
        with pytest.raises(DiagnosticsError, match="runs already"):
            await recorder.start(capture=False)
        await recorder.stop()

    asyncio.run(play())


def test_a_host_without_tcpdump_says_so_and_logs_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        monkeypatch.setattr("shutil.which", lambda name, path: None)
        recorder = Desk(tmp_path).recorder
        await recorder.start(capture=True)
        assert recorder.state().capture == "No packets are captured: tcpdump is not installed on this host."
        assert recorder.running
        await recorder.stop()

    asyncio.run(play())


def test_a_tcpdump_that_may_not_capture_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        fake_tcpdump(tmp_path, monkeypatch, 'echo "tcpdump: any: You do not have permission" >&2; exit 1')
        recorder = Desk(tmp_path).recorder
        await recorder.start(capture=True)
        assert recorder.state().capture == "No packets are captured: any: You do not have permission."
        await recorder.stop()

    asyncio.run(play())


def test_captured_packets_are_in_the_archive_with_what_is_put_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        script = 'while [ "$1" != -w ]; do shift; done; echo packets > "$2"; echo "listening on any" >&2; exec sleep 60'
        fake_tcpdump(tmp_path, monkeypatch, script)
        recorder = Desk(tmp_path).recorder
        await recorder.start(capture=True)
        assert recorder.state().capture == "Packets from and to 127.85.0.9 are captured."
        await recorder.stop()
        found = files_of(recorder.archive({"xstat_dump.txt": b"status"}))
        assert found["xstat_dump_expc01_2026-01-02_030405.txt"] == b"status"
        assert b"packets\n" in found.values()

    asyncio.run(play())
