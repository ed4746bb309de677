"""系統主要相關問題: the key file could not be updated, and xCommand ForceSystemKeyUpdate repairs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.guide_reader import AT_ONCE, Reader, fields, fresh

pytestmark = pytest.mark.scenario
KEY = 40055
COMMAND = ("xCommand", "ForceSystemKeyUpdate")


def spoil(reader: Reader, number: int) -> None:
    """The key file is gone, as when it could not be updated."""
    (reader.lab.peer(number).state_dir / "system.key").unlink()
    reader.alarm(KEY, number, says=("Failed to update key file", "ForceSystemKeyUpdate"))


def test_a_single_node_repairs_its_key_by_the_command(systems: Callable[..., Reader]) -> None:
    reader = systems(1, fresh(AT_ONCE))
    reader.wait("it answers", lambda: "40055" not in reader.words(1, "/status/alarms"))
    repaired(reader)
    # The same in a cluster of one.
    assert "Saved" in reader.save(1, **fields(reader.lab.plan.peers))
    reader.sees(1, 1, "✔ Clustering: This system")
    repaired(reader)


def repaired(reader: Reader) -> None:
    spoil(reader, 1)
    assert "OK" in reader.type_in(1, *COMMAND)
    reader.no_alarm(KEY, 1)
    reader.restart(1)
    reader.no_alarm(KEY, 1)


def test_in_a_cluster_it_is_run_on_a_node_without_the_alarm(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    before = {number: keys(reader, number) for number in reader.lab.numbers}
    spoil(reader, 3)
    assert not reader.alarms(1, KEY), "the others have no trouble"
    assert "OK" in reader.type_in(1, *COMMAND)
    reader.no_alarm(KEY, *reader.lab.numbers)
    assert all(keys(reader, number) != before[number] for number in reader.lab.numbers), "every key is new"
    reader.restart(3)
    reader.active()
    reader.well()


def keys(reader: Reader, number: int) -> bytes:
    return (reader.lab.peer(number).state_dir / "system.key").read_bytes()
