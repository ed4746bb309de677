"""Which peer ends a call."""

from __future__ import annotations

import asyncio
import json

import pytest

from sextet.cluster.disconnecting import Disconnecting
from sextet.cluster.face import Owned
from sextet.cluster.wire.feed import CallFailed
from sextet.model.schema import Refused
from sextet.model.status import Call

OWN = 3


def part(number: int, state: str, rule: str = "", *, stale: bool = False) -> Owned[Call]:
    row = Call(
        call_id=f"call-of-{number}", serial=f"serial-{number}", tag="tag", source="alice@apolo.local",
        destination="bob@apolo.local", state=state, since_s=1.0, rule=rule,
    )  # fmt: skip
    return Owned(number=number, peer=f"10.0.0.{number}", row=row, age_s=1.0, stale=stale)


def asked(*parts: Owned[Call], silent: frozenset[int] = frozenset()) -> list[str]:
    """Have the peer OWN end the call; gives the Call-IDs that peers were asked to end, its own named by `here`."""
    told: list[str] = []

    class Engine:
        async def disconnect(self, call_id: str, reason: str) -> None:
            told.append(f"{call_id} here")

    async def ask(number: int, name: str, data: bytes, limit_s: float) -> bytes:
        told.append(json.loads(data)["call_id"])
        if number in silent:
            raise CallFailed("no answer")
        return b""

    disconnecting = Disconnecting(lambda: [Engine()], lambda: OWN, ask)  # type: ignore[list-item]
    asyncio.run(disconnecting.end(parts, "tag", "admin"))
    return told


def test_the_own_peer_ends_an_answered_call_that_passes_it() -> None:
    assert asked(part(1, "connected", "rule"), part(OWN, "connected", "rule")) == ["call-of-3 here"]


def test_a_device_that_is_still_being_told_that_another_one_answered_is_not_the_call() -> None:
    assert asked(part(OWN, "ringing"), part(2, "connected"), part(1, "connected", "rule")) == ["call-of-1"]


def test_a_call_that_rings_on_several_peers_is_ended_where_it_was_searched_for() -> None:
    assert asked(part(OWN, "ringing"), part(2, "ringing"), part(1, "ringing", "rule")) == ["call-of-1"]


def test_a_peer_that_cannot_be_heard_is_asked_last_and_one_that_does_not_answer_is_passed_over() -> None:
    away = part(1, "connected", "rule", stale=True)
    assert asked(away, part(2, "connected"), part(OWN, "ringing")) == ["call-of-2"]
    assert asked(away, part(2, "connected"), silent=frozenset({2})) == ["call-of-2", "call-of-1"]
    with pytest.raises(Refused, match=r"10\.0\.0\.2: no answer; 10\.0\.0\.1: no answer"):
        asked(away, part(2, "connected"), silent=frozenset({1, 2}))
