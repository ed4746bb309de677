"""What people ask about stored data is logged, confirmed where it destroys, and alarmed when it fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.disk import vault_commands
from sextet.admin.disk.safekeeping import BACKUPS_MAX
from sextet.cluster.disk.backup import Contents
from sextet.model.schema import Problem, Refused
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_vault import KeepingDesk
from tests.support.fake_web import ADMINISTRATORS

WHO = Actor(user="admin", may_write=True, door="cli")
PASSPHRASE = "a long passphrase"


def desk(folder: Path) -> tuple[KeepingDesk, Lines]:
    for name in ("certificate.pem", "key.pem"):
        (folder / name).write_text("PEM")
    journal = Lines()
    return KeepingDesk(FakePeer(1, ADMINISTRATORS, peers=1), folder, journal), journal


def test_a_restore_that_fails_raises_the_alarm_and_the_next_that_works_lowers_it(tmp_path: Path) -> None:
    """15023."""
    kept, journal = desk(tmp_path)
    path = asyncio.run(kept.keeping.back_up(WHO, PASSPHRASE))
    works = kept.vault.restore

    async def fails(contents: Contents, *, user: str, source: str) -> None:
        raise Refused(Problem("", "Nothing was restored: the disk is full."))

    kept.vault.restore = fails  # type: ignore[method-assign]
    with pytest.raises(Refused, match="disk is full"):
        asyncio.run(kept.keeping.restore(WHO, path, PASSPHRASE))
    assert kept.failures == ["Nothing was restored: the disk is full."] and not kept.restarts
    assert journal.of("System restore error")
    kept.vault.restore = works  # type: ignore[method-assign]
    asyncio.run(kept.keeping.restore(WHO, path, PASSPHRASE))
    assert kept.failures[-1] == "" and kept.restarts == 1


def test_purging_wants_the_name_of_the_system_typed_out(tmp_path: Path) -> None:
    kept, journal = desk(tmp_path)
    for typed in ("", "expc02", "EXPC01"):
        with pytest.raises(Refused, match="Nothing was destroyed: type the name of this system, expc01"):
            asyncio.run(kept.keeping.purge(WHO, typed))
    assert not kept.restarts and not journal.of("Database Purge Started")
    assert "a copy is kept" in asyncio.run(kept.keeping.purge(WHO, "expc01"))
    assert kept.restarts == 1 and journal.of("Database Purge Completed")


def test_a_sound_database_is_not_recovered_and_nobody_is_asked_about_it(tmp_path: Path) -> None:
    kept, journal = desk(tmp_path)
    registry = Registry(lambda actor, what: None)
    vault_commands.add_to(registry, kept.keeping, kept.snapshots)
    for ask in (registry.look, registry.run):
        with pytest.raises(Refused, match="there is nothing to recover"):
            asyncio.run(ask("database recover", {}, WHO))
    kept.vault.damage = "page 3 cannot be read"
    asyncio.run(registry.look("database recover", {}, WHO))
    assert kept.vault.damage and not journal.of("Database Recovery Completed"), "only looked at"


def test_of_many_backups_the_newest_are_kept_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    kept, _ = desk(tmp_path)
    folder = tmp_path / "backups"
    folder.mkdir()
    for number in range(BACKUPS_MAX + 3):
        (folder / f"old{number}_backup.enc").write_bytes(b"")
    path = asyncio.run(kept.keeping.back_up(WHO, PASSPHRASE))
    assert len(kept.keeping.backups()) == BACKUPS_MAX and path.exists()
    assert path.stat().st_mode & 0o777 == 0o600
