"""Maintenance > Backup and restore and System snapshot, as a browser without JavaScript sees them."""

from __future__ import annotations

from typing import Any

from sextet.cluster.disk.backup import BACKUP_BYTES_MAX
from sextet.web.pages.safekeeping import BACKUP, SNAPSHOT
from tests.support.fake_peer import FakePeer
from tests.support.fake_web import ADMINISTRATORS
from tests.support.web_client import Browser, fields_of, words_of

PASSPHRASE = "a long passphrase"


def alone() -> Browser:
    return Browser(FakePeer(1, ADMINISTRATORS, peers=1)).log_in()


def press(browser: Browser, path: str, page: str = BACKUP, **typed: str) -> str:
    csrf = fields_of(browser.get(page), "/logout")["csrf"]
    return words_of(browser.send(path, {"csrf": csrf, **typed}).text)


def make(browser: Browser) -> str:
    said = press(browser, f"{BACKUP}/create", passphrase=PASSPHRASE, again=PASSPHRASE)
    assert "Backup made" in said
    return browser.keeping.keeping.backups()[0].name


def test_a_backup_is_made_downloaded_uploaded_previewed_and_restored() -> None:
    browser = alone()
    name = make(browser)
    press(browser, f"{BACKUP}/download", name=name)
    data = browser.last.content
    assert data.startswith(b"sextet backup 1") and name in browser.last.headers["content-disposition"]
    csrf = fields_of(browser.get(BACKUP), "/logout")["csrf"]
    more: dict[str, Any] = {"files": {"file": ("x.enc", data)}}
    page = browser.send(f"{BACKUP}/verify", {"csrf": csrf, "name": "", "passphrase": PASSPHRASE}, **more).text
    assert "The file is whole" in words_of(page) and "1 call ends" in words_of(page)
    fields = fields_of(page, f"{BACKUP}/restore")
    browser.send(f"{BACKUP}/restore", {**fields, "passphrase": PASSPHRASE})
    assert len(browser.keeping.vault.restored) == browser.keeping.restarts == 1
    assert browser.journal.of("System restore completed")


def test_on_a_member_the_way_to_restore_is_told_and_nothing_is_restored() -> None:
    browser = Browser().log_in()
    name = make(browser)
    assert "Remove this peer from the cluster first." in words_of(browser.get(BACKUP))
    page = press(browser, f"{BACKUP}/verify", name=name, passphrase=PASSPHRASE)
    assert "Remove this peer from the cluster first." in page and "Restore and restart" not in page
    assert "Remove this peer" in press(browser, f"{BACKUP}/restore", name=name, passphrase=PASSPHRASE)
    assert not browser.keeping.vault.restored and not browser.keeping.restarts


def test_wrong_passphrases_and_files_are_told() -> None:
    browser = alone()
    assert "not the same" in press(browser, f"{BACKUP}/create", passphrase=PASSPHRASE, again="else")
    name = make(browser)
    assert "not the one" in press(browser, f"{BACKUP}/verify", name=name, passphrase="something else")
    assert "not kept here" in press(browser, f"{BACKUP}/download", name="../../etc/passwd")
    csrf = fields_of(browser.get(BACKUP), "/logout")["csrf"]
    more: dict[str, Any] = {"files": {"file": ("x.enc", b"no backup")}}
    page = browser.send(f"{BACKUP}/verify", {"csrf": csrf, "name": "", "passphrase": "x"}, **more).text
    assert "not a backup" in words_of(page)


def test_an_upload_that_is_too_large_is_refused_before_it_is_read() -> None:
    browser = alone()
    headers = {"content-length": str(BACKUP_BYTES_MAX * 2), "content-type": "multipart/form-data; boundary=x"}
    assert browser.client.post(f"{BACKUP}/verify", content=b"x", headers=headers).status_code == 413


def test_damage_is_shown_and_recovered_and_the_key_renewed() -> None:
    browser = alone()
    assert "nothing to recover" in press(browser, f"{BACKUP}/recover")
    browser.keeping.vault.damage = "config.db: the database is damaged"
    assert "the database is damaged" in words_of(browser.get(BACKUP))
    assert "made anew" in press(browser, f"{BACKUP}/recover")
    assert "new system key" in press(browser, f"{BACKUP}/system-key") and browser.keeping.vault.renewed == 1


def test_a_snapshot_is_made_and_downloaded() -> None:
    browser = alone()
    assert "Snapshot made" in press(browser, SNAPSHOT, SNAPSHOT, kind="full")
    name = browser.keeping.snapshots.kept()[0].name
    press(browser, f"{SNAPSHOT}/download", SNAPSHOT, name=name)
    assert browser.last.content[:2] == b"\x1f\x8b"
    assert "A snapshot is one of" in press(browser, SNAPSHOT, SNAPSHOT, kind="else")


def test_who_may_only_look_does_none_of_it() -> None:
    browser = Browser(FakePeer(1, ADMINISTRATORS, peers=1)).read_only()
    for action in ("create", "download", "verify", "restore", "check", "recover", "system-key"):
        assert "read-only" in press(browser, f"{BACKUP}/{action}", passphrase=PASSPHRASE, again=PASSPHRASE), action
    assert "read-only" in press(browser, SNAPSHOT, SNAPSHOT, kind="full")
    assert not browser.keeping.keeping.backups() and not browser.keeping.vault.renewed
