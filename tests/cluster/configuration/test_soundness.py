"""Damage of the database is found, whatever byte it hits, before anything of it is served."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from sextet.cluster.configuration.history import GENESIS, Version, opening, successor
from sextet.cluster.configuration.revisions import Membership, Store, StoreDamaged, StoreLost

MADE = {"user": "admin", "source": "cli", "summary": "test"}
FLIPS = 150
TAIL = 7


def filled(path: Path) -> tuple[Version, dict[str, object]]:
    store = Store(path)
    version = opening(GENESIS, {"domains": [{"name": "a.example"}]}, cluster="c", term=1, author="a", **MADE)
    store.add(version, frozenset(), Membership(cluster="c", key=b"k" * 32))
    for n in range(6):
        version = successor(version, {"domains": [{"name": f"d{n}.example"}]}, **MADE)
        store.add(version, frozenset())
    own: dict[str, object] = {"system": {"name": "one"}}
    store.put_own(own, user="u", source="s")
    store.pin("p", "f")
    path.with_name("recovery.json").write_text("{}")
    store.close()
    return version, own


def test_no_flipped_byte_changes_what_is_served(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    head, own = filled(path)
    sound = path.read_bytes()
    dice = random.Random(7)
    noticed = 0
    for place in dice.sample(range(len(sound)), FLIPS):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        try:
            store = Store(path)
        except (StoreDamaged, StoreLost):
            noticed += 1
            continue
        assert (store.head(), store.own(), store.pins()) == (head, own, {"p": "f"}), place
        assert store.membership() == Membership(cluster="c", key=b"k" * 32), place
        store.close()
    assert noticed > FLIPS // 20  # most of a young database is room for more


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_damaged(tmp_path: Path, part: float) -> None:
    path = tmp_path / "config.db"
    filled(path)
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(StoreDamaged, match="damaged"):
        Store(path)


def test_a_file_that_was_deleted_is_damage_and_no_new_beginning(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    filled(path)
    path.unlink()
    with pytest.raises(StoreDamaged, match="gone"):
        Store(path)
    assert not path.exists()


def test_an_untouched_file_is_sound_while_running_also_after_own_writes(tmp_path: Path) -> None:
    filled(tmp_path / "config.db")
    store = Store(tmp_path / "config.db")
    assert store.check(thorough=True) == ""
    store.pin("q", "g")
    assert store.check() == "" and store.check(thorough=True) == ""


@pytest.mark.parametrize("fault", ["cut", "flip", "delete", "replace", "empty"])
def test_damage_while_running_is_noticed_refuses_writes_and_ends_with_a_new_file(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "config.db"
    head, _ = filled(path)
    copy = tmp_path / "copy"
    shutil.copy(path, copy)
    store = Store(path)
    sound = path.read_bytes()
    place = sound.index(b"u" + b"s" + b"Recovered") if b"usRecovered" in sound else sound.rindex(b"one")
    with path.open("r+b") as file:
        match fault:
            case "cut":
                file.truncate(len(sound) // 2)
            case "empty":
                file.truncate(0)
            case "flip":
                file.seek(place)
                file.write(b"two")
    if fault in ("delete", "replace"):
        path.unlink()
    if fault == "replace":
        shutil.copy(copy, path)
    assert "damaged" in store.check()
    with pytest.raises(StoreLost, match="damaged"):
        store.pin("x", "y")
    path.unlink(missing_ok=True)
    shutil.copy(copy, path)
    store.reopen()
    assert store.check() == "" and store.head() == head
    store.pin("x", "y")


def test_a_version_that_cannot_be_read_any_more_is_remembered_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    filled(path)
    store = Store(path)
    store._database.execute("UPDATE versions SET body = x'00'")
    with pytest.raises(StoreDamaged):
        store.head()
    assert "cannot be read" in store.damage
