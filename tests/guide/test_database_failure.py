"""警報和警告, database failure: snapshot, remove, restore, add; and the script that is as dangerous as it sounds."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from sextet.lab.plan import CLUSTER_NAME
from tests.support.guide_reader import AT_RESTART, Reader

pytestmark = pytest.mark.scenario
LIST = "/system/clustering/list"
PASSPHRASE = "a long passphrase"
FAILURE = 15005
DAMAGED = 3


def backed_up(reader: Reader) -> Path:
    """A backup that was made on this system before."""
    made = asyncio.run(reader.lab.ask(DAMAGED, "backup create", passphrase=PASSPHRASE))["file"]
    return Path(shutil.copy(made, reader.lab.peer(DAMAGED).state_dir.parent / "backup.enc"))


def damage(reader: Reader) -> None:
    path = reader.lab.peer(DAMAGED).state_dir / "config.db"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    reader.alarm(FAILURE, DAMAGED, says=("Database failure",))


def restore(reader: Reader, backup: Path) -> None:
    reader.turn_page()
    asyncio.run(reader.lab.ask(DAMAGED, "backup restore", file=str(backup), passphrase=PASSPHRASE))
    reader.logged(DAMAGED, "System restore completed", 'Event="Application Start"')
    reader.until("it stands alone", lambda: typed(reader, "cluster", "status"), ('"database": "Single peer"',))
    assert "alice" in typed(reader, "config", "show", "credentials")


def typed(reader: Reader, *command: str) -> str:
    """Type a command on the system that may be restarting."""
    return reader.ran(DAMAGED, "-o", "json", *command)[1]


def enter(reader: Reader, said: str) -> None:
    """Step 4 or 5: it was added as any newcomer is, and gets the list that the primary said."""
    command = said.partition("or run: sextet ")[2].partition(CLUSTER_NAME)
    assert command[0].startswith("cluster set-list "), said
    reader.type_in(DAMAGED, *command[0].split(), CLUSTER_NAME)
    if reader.chosen(1, "changes_take_effect") == AT_RESTART:
        reader.restart(DAMAGED)
    reader.active()
    reader.no_alarm(FAILURE, DAMAGED)
    reader.well()


def test_both_recoveries(both_ways: Reader) -> None:
    reader = both_ways
    reader.active()
    backup = backed_up(reader)
    # 1: a system snapshot.
    damage(reader)
    assert "snapshot" in reader.type_in(DAMAGED, "snapshot", "create", "full")
    # 2: removed from the cluster, on the page.
    assert "expc03.apolo.local clears its own peer list" in reader.words(1, f"{LIST}?job=remove&peer={DAMAGED}")
    removed = reader.save(1, f"{LIST}?job=remove&peer={DAMAGED}")
    assert "The peer list is 1 expc01.apolo.local, 2 expc02.apolo.local now." in removed, removed
    reader.active(1, 2)
    # 3: its database is restored from a backup that was made on it before.
    restore(reader, backup)
    # 4: added again, on the page.
    name = reader.name(DAMAGED)
    enter(reader, reader.save(1, f"{LIST}?job=add&peer=0&address={name}"))
    # If that did not help: the second way, with the command of the guide.
    damage(reader)
    assert "snapshot" in reader.type_in(DAMAGED, "snapshot", "create", "status")
    reader.type_in(1, "cluster", "remove", str(DAMAGED), "--yes")
    script = "clusterdb_destroy_and_purge_data.sh"
    refused = reader.refused(DAMAGED, script, "another-host", "--yes")
    assert "Nothing was destroyed: type the name of this system" in refused
    assert "as dangerous as it sounds" in " ".join(reader.type_in(DAMAGED, script, "--help").split())
    reader.type_in(DAMAGED, script, reader.lab.peer(DAMAGED).host_name, "--yes")
    reader.until("it is empty", lambda: reader.shows(DAMAGED, "credentials"), ("[]",))
    restore(reader, backup)
    enter(reader, reader.type_in(1, "cluster", "add", reader.name(DAMAGED)))
