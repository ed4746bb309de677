"""What became of the registrations of the cluster, from all peers at once."""

from __future__ import annotations

import asyncio
import json

from sextet.admin.dialplan.registration_history import PastRegistrations, RegistrationDesk
from sextet.cluster.wire.feed import CallFailed
from tests.support.fake_peer import FakePeer
from tests.support.fake_registrations import PastRegistrationDesk

ALICE, BOB = "alice@apolo.local", "bob@apolo.local"


class Answering:
    """The way to other peers that all answer the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    def answer(self, name: str, handler: object) -> None: ...

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        if not self.text:
            raise CallFailed("no answer")
        return self.text.encode()


def asked(made: PastRegistrationDesk, others: str) -> PastRegistrations:
    desk = RegistrationDesk(FakePeer.busy(), Answering(others), made.history)
    return asyncio.run(desk.newest())


def row(at: str) -> dict[str, object]:
    return {
        "event": "Removed", "alias": BOB, "contact": "", "received": "", "user_agent": "", "at": at, "lasted_s": 60,
        "reason": "Expired",
    }  # fmt: skip


def test_what_all_peers_saw_is_one_list_the_newest_first_whatever_their_time_zones() -> None:
    made = PastRegistrationDesk(FakePeer.busy())
    made.came(ALICE)
    rows = [row("2001-01-01T00:00:00+09:00"), row("2001-01-01T00:00:00+00:00")]
    found = asked(made, json.dumps({"registrations": rows}))
    assert [line.registration.alias for line in found.lines] == [ALICE, BOB, BOB, BOB, BOB]
    assert [line.registration.at[19:] for line in found.lines[1:]] == ["+00:00", "+00:00", "+09:00", "+09:00"]
    assert found.silent == () and len({line.peer_name for line in found.lines}) == 3


def test_a_peer_that_does_not_answer_is_named_and_one_of_another_version_hides_no_other() -> None:
    made = PastRegistrationDesk(FakePeer.busy())
    made.came(ALICE)
    assert len(asked(made, "").silent) == 2
    assert len(asked(made, json.dumps({"registrations": [{"alias": "x"}]})).lines) == 1
