"""What arms and disarms a factory reset, what it keeps and destroys, and that it may be repeated at every point."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.cluster.configuration.history import GENESIS, opening
from sextet.cluster.configuration.revisions import MEMORY_FILE, Membership, Store
from sextet.cluster.disk.factory_reset import FOLDER, IMAGE, Arming, ResetFailed, due, image_version, put_image, reset
from sextet.cluster.disk.paths import Paths
from tests.support.release import small

LIST = ("192.0.2.1", "192.0.2.2")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = {"name": "ann", "password_hash": "scrypt$x", "access_level": "Read-write", "state": "Enabled"}


def peer(folder: Path, peers: tuple[str, ...] = ()) -> Paths:
    """A stored peer of a cluster, with an account, a domain and this list."""
    store = Store(folder / "config.db")
    store.join(Membership(cluster="c", key=b"k" * 32))
    document = {"administrators": [ACCOUNT], "domains": [{"name": "apolo.local"}]}
    made = {"user": "ann", "source": "cli", "summary": ""}
    store.add(opening(GENESIS, document, cluster="c", term=1, author="a", **made), frozenset())
    rows = {f"peer_{n}_address": address for n, address in enumerate(peers, 1)}
    store.put_own({"clustering": rows, "system": {"name": "expc03"}}, user="ann", source="cli")
    store.close()
    for name in ("certificate.pem", "key.pem", "trusted.pem", "crl.pem"):
        (folder / name).write_text("from before")
    return Paths(
        state_dir=folder,
        certificate=folder / "certificate.pem",
        private_key=folder / "key.pem",
        trusted=folder / "trusted.pem",
    )


def change(arming: Arming, before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    arming.prepare(before)
    arming.settle(after)
    return bool(arming.armed())


def test_an_empty_list_arms_and_only_the_same_list_in_the_same_order_disarms(tmp_path: Path) -> None:
    arming = Arming(tmp_path)
    assert not change(arming, LIST, (*LIST, "192.0.2.3"))
    assert not change(arming, (), ())
    assert change(arming, LIST, ())
    assert change(arming, (), LIST[::-1])
    assert change(arming, LIST[::-1], LIST[:1])
    assert not change(arming, LIST[:1], LIST)


@pytest.mark.parametrize(("stored", "armed"), [((), True), (LIST, False)])
def test_a_peer_that_ends_between_noting_and_storing_goes_by_what_is_stored(
    tmp_path: Path, stored: tuple[str, ...], armed: bool
) -> None:
    peer(tmp_path, stored)
    Arming(tmp_path).prepare(LIST)
    assert due(tmp_path) is armed
    assert due(tmp_path) is armed  # looked at twice


def test_without_its_image_or_with_another_version_nothing_is_reset(tmp_path: Path) -> None:
    paths = peer(tmp_path)
    change(Arming(tmp_path), LIST, ())
    before = (tmp_path / "config.db").read_bytes()
    with pytest.raises(ResetFailed, match="is missing"):
        reset(paths, "127.0.0.1", "1.0.0", NOW)
    small(tmp_path / FOLDER / IMAGE, "0.9.0")
    with pytest.raises(ResetFailed, match=r"is of version 0\.9\.0, this peer runs 1\.0\.0"):
        reset(paths, "127.0.0.1", "1.0.0", NOW)
    assert (tmp_path / "config.db").read_bytes() == before
    assert paths.certificate.read_text() == "from before" and due(tmp_path)


def test_the_package_of_this_version_is_the_image_under_whatever_name(tmp_path: Path) -> None:
    paths = peer(tmp_path)
    change(Arming(tmp_path), LIST, ())
    small(tmp_path / FOLDER / IMAGE, "0.9.0")
    (tmp_path / FOLDER / "half.tar.gz").write_bytes(b"")
    small(tmp_path / FOLDER / "sextet-1.0.0.tar.gz", "1.0.0")
    assert reset(paths, "127.0.0.1", "1.0.0", NOW).accounts == ("ann",)


def test_a_reset_keeps_the_accounts_and_loses_the_rest(tmp_path: Path) -> None:
    paths = peer(tmp_path)
    change(Arming(tmp_path), LIST, ())
    put_image(small(tmp_path / "release.tar.gz"), tmp_path / FOLDER / IMAGE, "1.0.0")
    (tmp_path / "versions/database-0").mkdir(parents=True)
    done = reset(paths, "127.0.0.1", "1.0.0", NOW)
    assert not (tmp_path / "versions/database-0").exists(), "a database from before an upgrade has secrets too"
    assert done.accounts == ("ann",) and not due(tmp_path)
    assert (done.kept / "config.db").exists() and (done.kept / "key.pem").read_text() == "from before"
    assert not (tmp_path / "crl.pem").exists() and not (tmp_path / MEMORY_FILE).exists()
    assert b"BEGIN CERTIFICATE" in paths.certificate.read_bytes() == paths.trusted.read_bytes()
    assert paths.private_key.stat().st_mode & 0o777 == 0o600
    store = Store(tmp_path / "config.db")
    try:
        assert [dict(one) for one in store.head().document["administrators"]] == [ACCOUNT]
        assert not store.head().document["domains"]
        assert store.membership() == Membership() and not store.own().get("system", {}).get("name")
    finally:
        store.close()


def test_a_reset_that_was_interrupted_is_done_again_with_the_accounts(tmp_path: Path) -> None:
    paths = replace(peer(tmp_path), trusted=tmp_path / "missing" / "trusted.pem")
    change(Arming(tmp_path), LIST, ())
    small(tmp_path / FOLDER / IMAGE)
    with pytest.raises(ResetFailed, match="missing"):
        reset(paths, "127.0.0.1", "1.0.0", NOW)
    (tmp_path / "missing").mkdir()
    (tmp_path / "config.db").unlink()  # as between the two steps of putting a new database in its place
    assert due(tmp_path)
    assert reset(paths, "127.0.0.1", "1.0.0", NOW).accounts == ("ann",)
    assert not due(tmp_path)


def test_an_image_that_is_cut_off_or_something_else_is_refused(tmp_path: Path) -> None:
    whole = small(tmp_path / "release.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:-12])
    small(tmp_path / "other.tar.gz", files={})
    (tmp_path / "text").write_text("no archive")
    for name in ("cut.tar.gz", "other.tar.gz", "text", "nothing"):
        with pytest.raises(ResetFailed):
            image_version(tmp_path / name)
    assert image_version(tmp_path / "release.tar.gz") == "1.0.0"
