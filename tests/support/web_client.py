"""A browser without a screen: starlette's test client in front of the real pages and a fake peer."""

from __future__ import annotations

import html
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from sextet.admin.access import Access
from sextet.admin.dialplan.unregistering import UnregisterDesk
from sextet.admin.door import Door
from sextet.web.desk import Desk
from sextet.web.events import Bell
from sextet.web.site import site
from tests.support.certificate_lab import certificate_desk
from tests.support.fake_calls import PastCallDesk
from tests.support.fake_lifecycle import LifeDesk
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_records import RecordsDesk
from tests.support.fake_registrations import PastRegistrationDesk
from tests.support.fake_searches import SearchDesk
from tests.support.fake_upgrade import UpgradeDesk
from tests.support.fake_vault import KeepingDesk
from tests.support.fake_web import PASSWORD, READER, USER, certificate, peer
from tests.support.peer_lists import ListDesk

HOST = "127.77.0.1:8443"
_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.S)
_INPUT = re.compile(r"<input\b([^>]*)>")
_TEXTAREA = re.compile(r"<textarea([^>]*)>(.*?)</textarea>", re.DOTALL)
_SELECT = re.compile(r"<select\b([^>]*)>(.*?)</select>", re.S)
_OPTION = re.compile(r"<option\b([^>]*)>([^<]*)</option>")


@dataclass
class Browser:
    """Goes to pages, fills in their forms and sends them as a browser without JavaScript does."""

    face: FakePeer = field(default_factory=peer)
    journal: Lines = field(default_factory=Lines)

    def __post_init__(self) -> None:
        self.access = Access(lambda: self.face.saved.administrators, self.journal)
        self.folder = Path(tempfile.mkdtemp(prefix="web"))
        certificate(self.folder, "127.77.0.1")
        weakref.finalize(self, shutil.rmtree, self.folder)
        door = Door(self.face, self.journal)
        self.records = RecordsDesk(self.face)
        self.keeping = KeepingDesk(self.face, self.folder, self.journal)
        self.life = LifeDesk(door, self.folder, self.journal)
        self.lists = ListDesk(self.face, door, self.journal)
        self.upgrade = UpgradeDesk(self.face, door, self.folder / "upgrade", self.journal)
        self.searches = SearchDesk(self.face)
        self.calls = PastCallDesk(self.face, door, self.journal)
        self.registrations = PastRegistrationDesk(self.face)
        certificates = certificate_desk(self.folder, self.face, door, self.journal)
        self.desk = Desk(
            face=self.face,
            door=door,
            access=self.access,
            certificates=certificates,
            instance="first",
            records=self.records.records,
            keeping=self.keeping.keeping,
            snapshots=self.keeping.snapshots,
            lives=self.life.lives,
            lists=self.lists.lists,
            upgrades=self.upgrade.upgrades,
            searches=self.searches.searches,
            calls=self.calls.desk,
            registrations=self.registrations.desk,
            unregistering=UnregisterDesk(self.face, door, self.journal),
        )
        self.bell = Bell(self.face)
        self.app = site(self.desk, self.bell)
        self.client = TestClient(self.app, base_url=f"https://{HOST}", raise_server_exceptions=False)

    def log_in(self, user: str = USER, password: str = PASSWORD) -> Browser:
        page = self.client.get("/login")
        fields = {**fields_of(page.text, "/login"), "user": user, "password": password}
        self.last = self.client.post("/login", data=fields)
        return self

    def read_only(self) -> Browser:
        return self.log_in(READER)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def form(self, path: str) -> dict[str, str]:
        """Open a page and read the fields of its main form."""
        return fields_of(self.get(path), None)

    def send(self, path: str, fields: Mapping[str, str], **more: Any) -> Any:
        self.last = self.client.post(path, data={**fields}, **more)
        return self.last

    def save(self, path: str, **typed: str) -> Any:
        """Open a page, type, and press Save."""
        return self.send(path, {**self.form(path), **typed})


def fields_of(text: str, action: str | None) -> dict[str, str]:
    """Read the fields of the form with this action; without one, of the first form that says where it was made from."""
    for attributes, body in _FORM.findall(text):
        made_from = 'name="was"' in body or 'name="before"' in body
        wanted = f'action="{action}"' in attributes if action else made_from
        if wanted:
            fields = {}
            for match in _INPUT.findall(body):
                if "checkbox" not in match:
                    fields[_attribute(match, "name")] = _attribute(match, "value")
            for match, options in _SELECT.findall(body):
                chosen = [
                    _attribute(marks, "value") if "value=" in marks else words
                    for marks, words in _OPTION.findall(options)
                    if "selected" in marks
                ]
                fields[_attribute(match, "name")] = html.unescape(chosen[0])
            for match, words in _TEXTAREA.findall(body):
                fields[_attribute(match, "name")] = html.unescape(words.removeprefix("\n"))  # as browsers do
            return fields
    raise AssertionError(f"there is no form {action or 'with was'} on the page")


def words_of(text: str) -> str:
    """Give the text of a page without tags, spaces folded."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', attributes)
    return html.unescape(found[1]) if found else ""
