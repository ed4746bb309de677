"""The searches of one fake peer, with a real history in a folder that goes with its owner."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from sextet.admin.dialplan.locating import as_search
from sextet.admin.dialplan.searches import Searches
from sextet.call.decision import Request
from sextet.call.search import search
from sextet.call.source import LOCAL
from sextet.call.table import Table
from sextet.model.searches import Search, row_of, search_of
from sextet.model.sections import Root
from sextet.watch.searches import SearchHistory
from tests.support.fake_peer import FakePeer
from tests.support.fake_records import FakePeers


class FakeTables:
    """Tables made from configurations alone, as an engine keeps them."""

    def __init__(self, face: FakePeer) -> None:
        self.face = face
        self.kept: dict[int, Table] = {}

    def at(self, generation: int) -> Table | None:
        return self.kept.get(generation)

    def of(self, config: Root) -> Table:
        return Table.from_wanted(config, 0, (), 0)


class SearchDesk:
    """Searches of one fake peer; `make` decides one and tells it to the history."""

    def __init__(self, face: FakePeer) -> None:
        folder = Path(tempfile.mkdtemp())
        self.face, self.peers, self.tables = face, FakePeers(), FakeTables(face)
        self.history = SearchHistory(folder, lambda: face.now)
        self.searches = Searches(face, self.peers, self.history, self.tables)
        weakref.finalize(self.searches, shutil.rmtree, folder, True)

    def make(self, alias: str, name: str = "0123456789abcdef", registered: tuple[str, ...] = ()) -> Search:
        table = self.tables.of(self.face.saved)
        self.tables.kept[1] = table
        request = Request(protocol="SIP", alias=alias, source=LOCAL, authenticated=True, caller="alice@apolo.local")
        told = search(table, request, lambda one: one in registered, lambda _: ())
        looked_up = {one: [0] for one in registered}
        values = row_of(as_search(request, told, looked_up)) | {"id": name, "method": "INVITE", "generation": 1}
        self.history.made(search_of(values))
        return search_of(values)
