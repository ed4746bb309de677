"""What became of registrations of one fake peer, with a real history in a folder that goes with its owner."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.model.status import Binding
from sextet.watch.past_registrations import RegistrationHistory
from tests.support.fake_peer import FakePeer
from tests.support.fake_records import FakePeers


class PastRegistrationDesk:
    """Tells the history of devices that come and go."""

    def __init__(self, face: FakePeer) -> None:
        folder = Path(tempfile.mkdtemp())
        self.now, self.peers = 1000.0, FakePeers()
        self.history = RegistrationHistory(folder, lambda: self.now)
        self.desk = RegistrationDesk(face, self.peers, self.history)
        weakref.finalize(self.desk, shutil.rmtree, folder, True)

    def came(self, alias: str) -> None:
        self.history.came(alias, device(alias))

    def went(self, alias: str, lasted_s: float, reason: str) -> None:
        self.now += lasted_s
        self.history.went(alias, device(alias), reason)


def device(alias: str) -> Binding:
    return Binding(
        contact=f"sip:{alias.partition('@')[0]}@192.0.2.7:5070", device="d1", received="192.0.2.7:5070;tls",
        user_agent="TANDBERG/529",
    )  # fmt: skip
