"""Maintenance > Upgrade, as browsers with and without JavaScript use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sextet import __version__
from sextet.cluster.disk import package
from sextet.web.pages.upgrade import PATH
from tests.support.fake_peer import FakePeer
from tests.support.fake_web import ADMINISTRATORS
from tests.support.release import small
from tests.support.web_client import Browser, fields_of, words_of

NEW = "9.0.0"
CLUSTERING = "/system/clustering"


@pytest.fixture
def browser() -> Browser:
    return Browser().log_in()


def token(browser: Browser) -> str:
    return fields_of(browser.get(PATH), "/logout")["csrf"]


def press(browser: Browser, path: str, **typed: str) -> str:
    return words_of(browser.send(f"{PATH}/{path}", {"csrf": token(browser), **typed}).text)


def upload(browser: Browser, file: Path, **typed: str) -> str:
    """Send the whole file with the form, as without JavaScript."""
    fields = {"csrf": token(browser), **typed}
    return words_of(browser.send(f"{PATH}/upload", fields, files={"file": (file.name, file.read_bytes())}).text)


def piece(browser: Browser, at: int, data: bytes) -> Any:
    """Send one piece, as static/upload.js does."""
    files = {"file": ("sextet.tar.gz", data)}
    return browser.client.post(f"{PATH}/piece", data={"csrf": token(browser), "at": str(at)}, files=files)


def test_a_package_comes_in_piece_by_piece_and_says_how_much_is_here(browser: Browser, tmp_path: Path) -> None:
    data = small(tmp_path / "a.tar.gz", NEW).read_bytes()
    for at in range(0, len(data), 300):
        answer = piece(browser, at, data[at : at + 300])
        assert answer.json() == {"received": min(at + 300, len(data))}
    said = press(browser, "finish")
    assert f"Version {NEW} was uploaded. SHA-256: {package.sha256_of(tmp_path / 'a.tar.gz')}" in said
    assert f"Package: version {NEW}" in said and "Continue with upgrade" in said


def test_a_piece_that_does_not_continue_is_refused_and_says_what_is_here(browser: Browser) -> None:
    piece(browser, 0, b"x" * 10)
    answer = piece(browser, 20, b"x")
    assert answer.status_code == 409
    assert answer.json()["received"] == 10 and "another upload has begun" in answer.json()["problem"]
    assert piece(browser, 0, b"y").json() == {"received": 1}, "the first byte begins anew"
    assert browser.client.post(f"{PATH}/piece", data={"csrf": token(browser), "at": "x"}).status_code == 409


def test_a_package_is_installed_and_selected_for_the_next_restart(browser: Browser, tmp_path: Path) -> None:
    file = small(tmp_path / "a.tar.gz", NEW)
    assert "Compare this SHA-256" in upload(browser, file)
    said = press(browser, "install", sha256=package.sha256_of(file))
    assert f"The new software will be used on the next restart: {NEW}" in said
    assert "after the next restart" in said and "Restart options" in said
    assert browser.upgrade.told == (NEW, "")
    assert "goes on after the next restart" in press(browser, "select", place="0")
    assert browser.upgrade.told == ("", "")


def test_what_was_uploaded_meanwhile_is_not_installed_for_what_was_looked_at(browser: Browser, tmp_path: Path) -> None:
    upload(browser, small(tmp_path / "a.tar.gz", NEW))
    assert "Nothing was installed: the package that is here has" in press(browser, "install", sha256="0" * 64)
    assert len(browser.upgrade.versions.places()) == 1


@pytest.mark.parametrize(
    ("version", "manifest", "word"),
    [
        ("0.0.1", {}, "a downgrade is not supported"),
        (NEW, {"upgrade_from": "8.0.0"}, "Upgrade to 8.0.0 first"),
        (NEW, {"machine": "vax"}, "made for Python"),
        (NEW, {"schema": 0, "schema_from": 0}, "is stored here"),
    ],
)
def test_what_speaks_against_a_package_is_shown_and_keeps_it_out(
    browser: Browser, tmp_path: Path, version: str, manifest: dict[str, object], word: str
) -> None:
    file = small(tmp_path / "a.tar.gz", version, **manifest)
    assert word in upload(browser, file)
    assert word in press(browser, "install", sha256=package.sha256_of(file))
    assert len(browser.upgrade.versions.places()) == 1


def test_a_file_that_is_no_package_is_refused_in_one_sentence(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no package")
    assert "Nothing was kept of the package: it is no tar.gz file" in upload(browser, tmp_path / "text")
    good = small(tmp_path / "a.tar.gz", NEW)
    assert "the SHA-256 of the package is" in upload(browser, good, sha256="0" * 64)
    assert "Choose a package" in press(browser, "upload")
    assert "No package was uploaded" in press(browser, "finish")
    assert "No package was uploaded" in press(browser, "install", sha256="0" * 64)


def test_a_package_can_be_discarded(browser: Browser, tmp_path: Path) -> None:
    upload(browser, small(tmp_path / "a.tar.gz", NEW))
    assert "is gone" in press(browser, "discard")
    assert "Continue with upgrade" not in words_of(browser.get(PATH))


def test_selecting_a_version_shows_first_what_is_lost(browser: Browser) -> None:
    page = words_of(browser.get(f"{PATH}/select?place=0"))
    assert "Nothing is lost" in page and f"Select version {__version__}" in page
    for place in ("2", "7", ""):
        answer = browser.client.get(f"{PATH}/select", params={"place": place})
        assert "That was not done" in words_of(answer.text)
    assert "That was not done" in press(browser, "select", place="2")


def test_who_may_only_look_changes_nothing(tmp_path: Path) -> None:
    browser = Browser().read_only()
    assert "read-only" in upload(browser, small(tmp_path / "a.tar.gz", NEW))
    assert piece(browser, 0, b"x").status_code == 409
    assert browser.upgrade.upgrades.upload.received == 0
    for path, typed in (("install", {"sha256": "0" * 64}), ("select", {"place": "0"}), ("discard", {}), ("finish", {})):
        assert "read-only" in press(browser, path, **typed)


def test_versions_of_all_peers_are_in_one_table(browser: Browser) -> None:
    words = words_of(browser.get(PATH))
    assert "Versions of the peers" in words
    assert all(name in words for name in ("expc01", "expc02", "expc03"))


def test_while_versions_differ_shared_settings_are_refused_and_the_way_out_is_the_upgrade() -> None:
    browser = Browser(FakePeer.busy(2, ADMINISTRATORS)).log_in()
    browser.face.runs_another_version("The primary expc01 runs version 2.0.0.")
    text = browser.save(CLUSTERING, changes_take_effect="At restart").text
    assert "different versions. The primary expc01 runs version 2.0.0." in words_of(text)
    assert 'href="/maintenance/upgrade">Upgrade</a>' in text
    assert "Make this peer the configuration primary" not in words_of(browser.get(CLUSTERING))
