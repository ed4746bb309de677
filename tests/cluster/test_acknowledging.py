"""An alarm of another peer is acknowledged there, and only what may be written is taken from the question."""

from __future__ import annotations

import asyncio
import json

import pytest

from sextet.cluster.acknowledging import Acknowledging
from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.wire.feed import CallFailed
from sextet.model.alarms import COMMUNICATION_FAILURE
from sextet.model.schema import Refused
from sextet.model.status import Alarm
from tests.support.fake_peer import Lines


class Peer:
    """One of two peers with alarms; it asks the other one."""

    def __init__(self, other: Peer | None = None) -> None:
        self.lines = Lines()
        self.rows: dict[str, Alarm] = {}
        put, drop = self.rows.__setitem__, self.rows.__delitem__
        self.alarms = Alarms(self.lines, put, drop, lambda: 0.0, lambda name, row: None)
        self._other = other
        self.acknowledging = Acknowledging(self.alarms, self._ask)

    async def _ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        if self._other is None:
            raise CallFailed("no answer in time")
        return await self._other.acknowledging.answer(question)


WHO = {"Src-ip": "192.0.2.1", "Src-port": "4711", "User": "ann", "Level": "1"}


def test_the_peer_that_raises_it_notes_who_has_seen_it_where_he_was() -> None:
    there = Peer()
    there.alarms.set(COMMUNICATION_FAILURE, "", True, "no answer")
    asyncio.run(Peer(there).acknowledging.note(COMMUNICATION_FAILURE, "", WHO, 2))
    assert there.rows["20004."].acknowledged_by == "ann"
    (fields,) = there.lines.of("Alarm Acknowledged")
    assert (fields["Src-ip"], fields["Src-port"], fields["User"]) == ("192.0.2.1", "4711", "ann")


def test_what_is_over_meanwhile_and_a_peer_that_is_silent_are_refused_with_the_reason() -> None:
    with pytest.raises(Refused, match="of peer 2 was not acknowledged: it is not raised there any more"):
        asyncio.run(Peer(Peer()).acknowledging.note(COMMUNICATION_FAILURE, "", WHO, 2))
    with pytest.raises(Refused, match="no answer in time"):
        asyncio.run(Peer().acknowledging.note(COMMUNICATION_FAILURE, "", WHO, 2))


@pytest.mark.parametrize(
    "question",
    [b"", b"[]", b'{"number": 1, "key": "", "who": {}}', b'{"number": 20004}', b'{"number": [], "key": "", "who": 1}'],
)
def test_a_question_that_makes_no_sense_is_answered_and_changes_nothing(question: bytes) -> None:
    there = Peer()
    there.alarms.set(COMMUNICATION_FAILURE, "", True)
    with pytest.raises(CallFailed):
        asyncio.run(there.acknowledging.answer(question))
    assert not there.rows["20004."].acknowledged


def test_no_other_field_of_a_question_is_written() -> None:
    there = Peer()
    there.alarms.set(COMMUNICATION_FAILURE, "", True)
    asked = {"number": 20004, "key": "", "who": {"User": "ann", "Detail": "forged", "Level": "4"}}
    asyncio.run(there.acknowledging.answer(json.dumps(asked).encode()))
    (fields,) = there.lines.of("Alarm Acknowledged")
    assert fields["User"] == "ann" and "forged" not in fields["Detail"] and "Level" not in fields
