"""Secrets are on the disk only in a form that the system key opens."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sextet.cluster.configuration.history import GENESIS, opening
from sextet.cluster.configuration.revisions import Membership, Store
from sextet.cluster.configuration.system_key import KeyFailure, KeyLost, SystemKey

MADE = {"user": "admin", "source": "cli", "summary": "test"}
DOCUMENT = {"credentials": [{"name": "alice", "password": "wonderland-7"}], "domains": [{"name": "a.example"}]}
FIRST = opening(GENESIS, DOCUMENT, cluster="c", term=1, author="a", **MADE)


def test_what_is_sealed_is_opened_and_nothing_else_changes(tmp_path: Path) -> None:
    key = SystemKey(tmp_path / "system.key")
    sealed = key.seal(DOCUMENT)
    assert "wonderland" not in json.dumps(sealed) and sealed["domains"] == DOCUMENT["domains"]
    assert sealed["credentials"][0]["password"].startswith("{sextet:" + key.current + "}")
    assert key.open(sealed) == DOCUMENT and SystemKey(key.path).open(sealed) == DOCUMENT
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600


def test_a_sealed_secret_is_worth_nothing_in_another_place(tmp_path: Path) -> None:
    key = SystemKey(tmp_path / "system.key")
    moved = key.seal(DOCUMENT)
    moved["credentials"][0]["name"] = "bob"
    with pytest.raises(KeyLost, match=r"1 encrypted entries.*credentials\[bob\]\.password"):
        key.open(moved)


def test_a_secret_that_looks_sealed_survives(tmp_path: Path) -> None:
    key = SystemKey(tmp_path / "system.key")
    document = {"credentials": [{"name": "a", "password": "{sextet:00000000}aaaa"}]}
    assert key.open(key.seal(document)) == document


def test_both_keys_are_in_the_file_until_it_is_settled(tmp_path: Path) -> None:
    key = SystemKey(tmp_path / "system.key")
    old = key.seal(DOCUMENT)
    key.renew()
    again = SystemKey(key.path)
    assert not again.settled and again.open(old) == DOCUMENT and again.open(key.seal(DOCUMENT)) == DOCUMENT
    key.settle()
    with pytest.raises(KeyLost):
        SystemKey(key.path).open(old)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"current": "x", "keys": {}}', b"\xff" * 50, None])
def test_a_file_that_is_damaged_or_gone_is_named(tmp_path: Path, content: bytes | None) -> None:
    key = SystemKey(tmp_path / "system.key")
    key.renew()
    assert key.check() == ""
    key.path.unlink()
    if content is not None:
        key.path.write_bytes(content)
    assert "system.key" in key.check()
    key.renew()
    assert key.check() == ""


def test_a_key_file_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    key = SystemKey(tmp_path / "system.key")
    sealed = key.seal(DOCUMENT)
    (tmp_path / "system.key.new").mkdir()
    with pytest.raises(KeyFailure, match=r"system\.key cannot be written"):
        key.renew()
    assert key.open(sealed) == DOCUMENT and key.settled


def test_no_secret_is_in_the_database_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "config.db")
    store.add(FIRST, frozenset(), Membership(cluster="c", key=b"K" * 32))
    store.put_own(DOCUMENT, user="u", source="s")
    content = (tmp_path / "config.db").read_bytes()
    assert b"wonderland" not in content and (b"K" * 32).hex().encode() not in content
    assert store.head() == FIRST and store.own() == DOCUMENT and store.membership().key == b"K" * 32


def test_a_renewed_key_opens_everything_and_the_old_one_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "config.db")
    store.add(FIRST, frozenset(), Membership(cluster="c", key=b"K" * 32))
    old = store.key.path.read_bytes()
    store.renew_key()
    assert store.head() == FIRST and store.membership().key == b"K" * 32 and store.key.settled
    store.close()
    again = Store(tmp_path / "config.db")
    assert again.head() == FIRST
    again.close()
    store.key.path.write_bytes(old)
    with pytest.raises(KeyLost, match="cannot be decrypted"):
        Store(tmp_path / "config.db")


def test_a_renewal_that_was_interrupted_is_finished_at_the_next_start(tmp_path: Path) -> None:
    store = Store(tmp_path / "config.db")
    store.add(FIRST, frozenset())
    store.key.renew()  # and then the power fails
    store.close()
    again = Store(tmp_path / "config.db")
    assert again.key.settled and again.head() == FIRST
    names = json.loads(again.key.path.read_text())["keys"]
    assert list(names) == [again.key.current]


def test_a_database_from_before_is_encrypted_when_it_is_opened(tmp_path: Path) -> None:
    store = Store(tmp_path / "config.db")
    store.key.seal = dict  # type: ignore[method-assign,assignment]
    store.add(FIRST, frozenset())
    store._database.execute("DELETE FROM meta WHERE name IN ('seal', 'sealed_with')")
    store._database.execute("PRAGMA user_version = 0")
    store.close()
    os.remove(tmp_path / "system.key")
    assert Store(tmp_path / "config.db").head() == FIRST
    again = SystemKey(tmp_path / "system.key")
    assert again.settled and again.current
