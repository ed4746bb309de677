"""The bootstrap file against what runs: each difference has its alarm, and a file that cannot be used is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sextet import bootstrap
from sextet.start_file import differences

VALUES: dict[str, object] = {
    "address": "127.88.0.1",
    "state_dir": "/s",
    "run_dir": "/r",
    "certificate": "/s/c.pem",
    "private_key": "/s/k.pem",
    "trusted": "/s/t.pem",
}


def write(path: Path, **changes: object) -> Path:
    values = VALUES | changes
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path


@pytest.mark.parametrize(
    ("changes", "number", "words"),
    [
        ({"address": "127.88.0.2"}, 25010, "address is 127.88.0.2, running 127.88.0.1"),
        ({"recovery_port": 14371}, 25008, "recovery_port is 14371, running 4371"),
        ({"cluster_port": 14372}, 25008, "cluster_port is 14372"),
        ({"https_port": 9443}, 25026, "https_port is 9443, running 8443"),
        ({"engine_user": "sip"}, 60903, "engine_user is sip"),
        ({"address": "nowhere"}, 60903, "is not an IP address"),
    ],
)
def test_each_difference_has_its_alarm(tmp_path: Path, changes: dict[str, object], number: int, words: str) -> None:
    file = write(tmp_path / "bootstrap.toml")
    running = bootstrap.read(file)
    assert differences(file, running) == {}
    write(file, **changes)
    assert {alarm.number: words in cause for alarm, cause in differences(file, running).items()} == {number: True}
    assert differences(write(file, initial="/s/initial.json"), running) == {}


def test_a_file_that_is_gone_would_prevent_the_next_start(tmp_path: Path) -> None:
    running = bootstrap.read(write(tmp_path / "bootstrap.toml"))
    ((alarm, cause),) = differences(tmp_path / "missing.toml", running).items()
    assert alarm.number == 60903 and "cannot be read" in cause
