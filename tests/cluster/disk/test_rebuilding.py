"""A database that is made anew is whole, and what it replaces is kept with the key that opens it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from sextet.cluster.configuration.history import GENESIS, opening
from sextet.cluster.configuration.revisions import KEY_FILE, MEMORY_FILE, Membership, Store, StoreDamaged
from sextet.cluster.configuration.system_key import KeyLost, SystemKey
from sextet.cluster.disk import rebuilding, remembrance
from sextet.cluster.disk.remembrance import Remembered

DOCUMENT = {"credentials": [{"name": "alice", "password": "wonderland-7"}]}
VERSION = opening(GENESIS, DOCUMENT, cluster="c", term=3, author="a", user="u", source="s", summary="x")
OWN = {"system": {"name": "one"}}
WHO = Remembered(
    peer_id="me", membership=Membership(cluster="c", key=b"K" * 32), pins={"p": "f"}, highest_term=5, own=OWN,
    number=2, primary=1, peers=("a", "b"), enforce=True, addresses={"a": "127.0.0.1"},
)  # fmt: skip


def test_what_is_remembered_comes_back_and_a_damaged_memory_is_none(tmp_path: Path) -> None:
    path, key = tmp_path / MEMORY_FILE, SystemKey(tmp_path / KEY_FILE)
    assert remembrance.read(path, key) is None
    remembrance.write(path, WHO, key)
    assert remembrance.read(path, key) == WHO
    content = path.read_bytes()
    for place in range(0, len(content), 11):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert remembrance.read(path, key) is None, place


def test_a_rebuilt_database_is_the_peer_again_and_the_damaged_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.db"
    Store(path).close()
    path.write_bytes(b"damage" * 1000)
    (tmp_path / MEMORY_FILE).write_text("{}")
    kept = rebuilding.rebuild(tmp_path, WHO, VERSION)
    assert (kept / "config.db").read_bytes().startswith(b"damage") and (kept / KEY_FILE).exists()
    store = Store(path)
    assert (store.peer_id, store.head(), store.own(), store.pins()) == ("me", VERSION, OWN, {"p": "f"})
    assert (store.membership(), store.highest_term()) == (WHO.membership, 5)


def test_proposals_that_can_still_be_read_are_listed_in_the_new_database_too(tmp_path: Path) -> None:
    lost = opening(GENESIS, {"edit": 1}, cluster="c", term=2, author="me", user="u", source="s", summary="alone")
    rebuilding.rebuild(tmp_path, WHO, VERSION, aside=[lost])
    store = Store(tmp_path / "config.db")
    assert (store.head(), store.held()) == (VERSION, {lost.stamp: True, VERSION.stamp: False})


def test_of_many_copies_the_oldest_goes(tmp_path: Path) -> None:
    for _ in range(rebuilding.ASIDE_MAX + 2):
        last = rebuilding.rebuild(tmp_path, WHO, VERSION)
    kept = sorted(path.name for path in (tmp_path / rebuilding.ASIDE).iterdir())
    assert len(kept) == rebuilding.ASIDE_MAX and kept[-1] == last.name


def test_a_rebuild_that_was_cut_off_is_still_damage_and_can_be_done_again(tmp_path: Path) -> None:
    rebuilding.rebuild(tmp_path, WHO, VERSION)
    remembrance.write(tmp_path / MEMORY_FILE, WHO, SystemKey(tmp_path / KEY_FILE))
    rebuilding.set_aside(tmp_path)  # and then the power fails
    with pytest.raises(StoreDamaged, match="gone"):
        Store(tmp_path / "config.db")
    rebuilding.rebuild(tmp_path, WHO, VERSION)
    assert Store(tmp_path / "config.db").head() == VERSION


@pytest.mark.parametrize("cut", range(1, 5))
def test_once_the_new_database_is_whole_it_is_put_in_its_place_however_often_that_is_cut_off(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path / "config.db").close()
    before, moved = (tmp_path / "config.db").read_bytes(), Path.replace
    left = cut

    class Killed(BaseException):
        pass

    def replace(path: Path, target: Path) -> Path:
        nonlocal left
        left -= (tmp_path / "ready").exists()
        if not left:
            raise Killed
        return moved(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with contextlib.suppress(Killed):
        rebuilding.purge(tmp_path, OWN)
    assert left == 0
    left = -1
    rebuilding.finish(tmp_path)
    store = Store(tmp_path / "config.db")
    assert (store.own(), store.membership(), store.head().user) == (OWN, Membership(), "sextetd")
    store.close()
    kept = [path for path in (tmp_path / rebuilding.ASIDE).glob("*/config.db") if path.read_bytes() == before]
    assert len(kept) == 1
    assert rebuilding.finish(tmp_path) is None, "nothing is left to be put anywhere"


def test_purging_leaves_a_new_system_with_a_new_key_and_nothing_of_the_old_one(tmp_path: Path) -> None:
    rebuilding.rebuild(tmp_path, WHO, VERSION)
    before = SystemKey(tmp_path / KEY_FILE).current
    kept = rebuilding.purge(tmp_path, OWN)
    store = Store(tmp_path / "config.db")
    assert store.peer_id != "me" and store.membership() == Membership() and store.own() == OWN
    assert "alice" not in json.dumps(store.head().document) and store.key.current != before
    assert Store(kept / "config.db").head() == VERSION  # the copy can be opened


def test_secrets_that_no_key_opens_are_random_after_a_salvage(tmp_path: Path) -> None:
    rebuilding.rebuild(tmp_path, WHO, VERSION)
    (tmp_path / KEY_FILE).write_text("garbage")
    with pytest.raises(KeyLost, match="damaged"):
        Store(tmp_path / "config.db")
    version, lost = rebuilding.salvage(tmp_path)
    password = version.document["credentials"][0]["password"]
    assert lost == 1 and len(password) >= 24 and "sextet" not in password and version.stamp.term == 4
    rebuilding.rebuild(tmp_path, WHO, version)
    assert Store(tmp_path / "config.db").head() == version
