"""The store on disk, and the one in memory that stands for it in the simulator: the same claims for both."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sextet.cluster.configuration.history import GENESIS, Version, opening, successor
from sextet.cluster.configuration.revisions import KEPT_MAX, Membership, Store, StoreDamaged, StoreLost
from sextet.model.status import Stamp
from tests.support.memory_store import MemoryStore

MADE = {"user": "admin", "source": "cli", "summary": "test"}
FIRST = opening(GENESIS, {"n": 1}, cluster="c", term=1, author="a", **MADE)
SECOND = successor(FIRST, {"n": 2}, **MADE)
RIVAL = opening(FIRST, {"n": 3}, cluster="c", term=2, author="b", **MADE)
NONE: frozenset[Stamp] = frozenset()


class Claims:
    """What both stores promise."""

    def open(self, path: Path) -> Store | MemoryStore:
        raise NotImplementedError

    def full(self, store: Store | MemoryStore) -> AbstractContextManager[None]:
        raise NotImplementedError

    def test_an_empty_store_holds_the_defaults_and_no_cluster(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        assert (store.head(), store.held(), store.history(), store.own()) == (GENESIS, {}, [], {})
        assert (store.membership(), store.pins(), store.highest_term()) == (Membership(), {}, 0)
        assert store.at(FIRST.stamp) is None and store.before(FIRST.stamp) is None

    def test_what_was_added_last_is_the_head(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        for version in (FIRST, SECOND, RIVAL):
            store.add(version, NONE)
            assert store.head() == version
        assert [kept.version for kept in store.history()] == [RIVAL, SECOND, FIRST]
        assert [kept.version for kept in store.history(1)] == [RIVAL]

    def test_exactly_the_named_versions_are_set_aside(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(FIRST, NONE)
        store.add(SECOND, NONE)
        store.add(RIVAL, frozenset({SECOND.stamp}))
        assert store.held() == {FIRST.stamp: False, SECOND.stamp: True, RIVAL.stamp: False}
        store.add(successor(RIVAL, {}, **MADE), NONE)
        assert not any(store.held().values())

    def test_a_version_added_again_is_the_head_once(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(FIRST, NONE)
        store.add(RIVAL, NONE)
        store.add(FIRST, frozenset({RIVAL.stamp}))
        assert [(kept.version, kept.aside) for kept in store.history()] == [(FIRST, False), (RIVAL, True)]

    def test_another_content_under_the_same_stamp_is_kept_aside(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        other = opening(GENESIS, {"n": 9}, cluster="c", term=1, author="a", **MADE)
        store.add(FIRST, NONE)
        store.add(other, NONE)
        assert [(kept.version, kept.aside) for kept in store.history()] == [(other, False), (FIRST, True)]

    def test_the_version_before_another_is_the_last_that_was_not_set_aside(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(FIRST, NONE)
        store.add(SECOND, NONE)
        store.add(RIVAL, frozenset({SECOND.stamp}))
        before, at = store.before(RIVAL.stamp), store.at(SECOND.stamp)
        assert before and before.version == FIRST
        assert at and at.version == SECOND and at.aside

    def test_the_oldest_versions_go_but_those_set_aside_stay(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(SECOND, NONE)
        store.add(RIVAL, frozenset({SECOND.stamp}))
        version = RIVAL
        for n in range(KEPT_MAX):
            version = successor(version, {"n": n}, **MADE)
            store.add(version, frozenset({SECOND.stamp}))
        assert len(store.held()) == KEPT_MAX + 1
        assert store.held()[SECOND.stamp] and RIVAL.stamp not in store.held()

    def test_a_dismissed_version_is_no_longer_set_aside(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(SECOND, NONE)
        store.add(RIVAL, frozenset({SECOND.stamp}))
        store.dismiss(SECOND.stamp)
        assert store.held() == {SECOND.stamp: False, RIVAL.stamp: False}

    def test_founding_a_cluster_stores_membership_and_version_together(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(FIRST, NONE, Membership(cluster="c", key=b"k"))
        assert store.membership() == Membership(cluster="c", key=b"k")

    def test_leaving_a_cluster_forgets_key_and_pins(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.join(Membership(cluster="c", key=b"k"))
        store.pin("peer2", "aa")
        store.pin("peer3", "bb")
        store.unpin("peer3")
        assert store.pins() == {"peer2": "aa"}
        store.join(Membership())
        assert (store.membership(), store.pins()) == (Membership(), {})

    def test_own_settings_have_a_history(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.put_own({"system": {"name": "one"}}, user="admin", source="web")
        store.put_own({"system": {"name": "two"}}, user="admin", source="web")
        assert store.own() == {"system": {"name": "two"}}
        assert [kept.document for kept in store.own_history()] == [{"system": {"name": n}} for n in ("two", "one")]

    def test_a_full_disk_changes_nothing_and_can_be_read(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)
        store.add(FIRST, NONE, Membership(cluster="c", key=b"k"))
        large = successor(FIRST, {"x": os.urandom(200_000).hex()}, **MADE)
        with self.full(store):
            with pytest.raises(StoreLost):
                store.add(large, frozenset({FIRST.stamp}), Membership())
            with pytest.raises(StoreLost):
                store.put_own({"x": large.document["x"]}, user="admin", source="web")
            assert (store.head(), store.held(), store.own()) == (FIRST, {FIRST.stamp: False}, {})
        assert store.membership().cluster == "c"
        store.add(large, NONE)
        assert store.head() == large


class TestMemoryStore(Claims):
    def open(self, path: Path) -> MemoryStore:
        return MemoryStore("me", lambda: 0.0)

    @contextmanager
    def full(self, store: Store | MemoryStore) -> Iterator[None]:
        assert isinstance(store, MemoryStore)
        store.full = True
        yield
        store.full = False


class TestStore(Claims):
    def open(self, path: Path) -> Store:
        return Store(path / "config.db")

    @contextmanager
    def full(self, store: Store | MemoryStore) -> Iterator[None]:
        """No file of this process may grow: what a full disk does to SQLite, without one."""
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, ignored)

    def test_everything_is_there_after_opening_it_again(self, tmp_path: Path) -> None:
        now = 1000.0
        store = Store(tmp_path / "config.db", clock=lambda: now)
        store.add(SECOND, NONE, Membership(cluster="c", key=b"\x00k"))
        store.add(RIVAL, frozenset({SECOND.stamp}))
        store.put_own({"a": 1}, user="u", source="s")
        store.pin("p", "f")
        me = store.peer_id
        store.close()
        again = Store(tmp_path / "config.db", clock=lambda: now + 5)
        assert (again.peer_id, again.head(), again.own(), again.pins()) == (me, RIVAL, {"a": 1}, {"p": "f"})
        assert again.held() == {SECOND.stamp: True, RIVAL.stamp: False}
        assert (again.membership(), again.highest_term()) == (Membership(cluster="c", key=b"\x00k"), 2)
        assert [kept.age_s for kept in again.history()] == [5.0, 5.0]

    def test_every_commit_waits_for_the_disk(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "config.db")
        assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._database.execute("PRAGMA journal_mode").fetchone() == ("truncate",)

    def test_only_the_owner_can_read_the_files(self, tmp_path: Path) -> None:
        (tmp_path / "config.db").touch(0o644)
        store = Store(tmp_path / "config.db")
        store.add(FIRST, NONE)
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}

    def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "config.db"
        path.write_bytes(b"not a database at all" * 100)
        with pytest.raises(StoreDamaged, match=r"config\.db"):
            Store(path)
        assert path.read_bytes().startswith(b"not a database")

    def test_a_damaged_page_is_found_when_it_is_opened(self, tmp_path: Path) -> None:
        path = tmp_path / "config.db"
        store = Store(path)
        for n in range(50):
            store.add(_numbered(n), NONE)
        store.close()
        with path.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096)
        with pytest.raises(StoreDamaged, match=r"config\.db"):
            Store(path)

    def test_a_version_whose_content_is_not_its_digest_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "config.db"
        store = Store(path)
        store.add(FIRST, NONE)
        with sqlite3.connect(path) as other:
            other.execute("UPDATE versions SET body = x'00'")
        other.close()
        with pytest.raises(StoreDamaged, match=r"config\.db"):
            store.head()

    def test_a_folder_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(StoreLost, match=r"nowhere/config\.db"):
            Store(tmp_path / "nowhere" / "config.db")


def _numbered(n: int) -> Version:
    return opening(GENESIS, {"n": n}, cluster="c", term=n + 1, author="a", **MADE)


def test_headings_are_the_history_without_documents_and_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "config.db")
    store.add(FIRST, NONE)
    store.add(RIVAL, frozenset({FIRST.stamp}))
    whole, headings = store.history(), store.headings()
    assert [one.version.stamp for one in headings] == [RIVAL.stamp, FIRST.stamp]
    assert [(one.version.digest, one.version.user, one.aside) for one in headings] == [
        (one.version.digest, one.version.user, one.aside) for one in whole
    ]
    assert not any(one.version.document for one in headings)
    monkeypatch.setattr(store, "_version", None)
    assert [one.version for one in store.headings(1)] == [headings[0].version]
