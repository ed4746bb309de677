"""Calls of one fake peer that are over, with a real history in a folder that goes with its owner."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.door import Door
from sextet.model.status import Call
from sextet.watch.past_calls import CallHistory
from tests.support.fake_peer import FakePeer, Lines
from tests.support.fake_records import FakePeers


class PastCallDesk:
    """`over` tells the history a call from its beginning to its end."""

    def __init__(self, face: FakePeer, door: Door, journal: Lines) -> None:
        folder = Path(tempfile.mkdtemp())
        self.now, self.peers = 1000.0, FakePeers()
        self.history = CallHistory(folder, lambda: self.now)
        self.desk = CallDesk(face, door, self.peers, self.history, journal)
        self._serials = itertools.count(1)
        weakref.finalize(self.desk, shutil.rmtree, folder, True)

    def over(self, source: str, destination: str, lasted_s: float = 0.0, reason: str = "Normal", tag: str = "") -> None:
        name = f"call-{next(self._serials)}"
        call = Call(
            call_id=name, serial=name, tag=tag or f"tag-{name}", source=source, destination=destination,
            state="ringing", since_s=0.0, route="Local Zone", rule="LocalZoneMatch",
        )  # fmt: skip
        self.history.changed(call)
        self.now += 2.0
        if lasted_s:
            self.history.changed(replace(call, state="connected", kbps=512))
            self.now += lasted_s
        self.history.ended(name, reason)
