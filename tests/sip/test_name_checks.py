"""Which next hops may be called after their certificates were looked at; Kamailio's part is played here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from sextet.engine import EngineError, Wanted
from sextet.model.sections import Root
from sextet.sip.events import Named
from sextet.sip.name_checks import NameChecks

A, B = (f"sip:192.0.2.{n}:5061;transport=tls;sxv=far.test" for n in (1, 2))
UDP = "sip:192.0.2.1:5060;transport=udp"
NOWHERE = Path("/nonexistent")
WANTED = Wanted(
    config=Root(), generation=1, number=1, address="127.0.0.1", neighbours=(), secret=b"",
    certificate=NOWHERE, private_key=NOWHERE, trusted=NOWHERE,
)  # fmt: skip


class Shown:
    """Answers at once what a test wants; what it does not name stays silent."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = reasons
        self.asked: list[str] = []
        self.told: list[Named] = []
        self.checks = NameChecks(self.ask, self.told.append)

    async def ask(self, zone: str, hops: Sequence[str]) -> None:
        self.asked += hops
        for hop in hops:
            if hop in self.reasons:
                self.checks.heard(Named(zone=zone, hop=hop, reason=self.reasons[hop]))


def right(shown: Shown, *hops: str, limit_s: float = 1.8) -> tuple[list[str], str]:
    return asyncio.run(shown.checks.right("World", hops, WANTED, limit_s))


def test_the_right_names_are_called_in_the_order_of_dns_and_no_other_transport() -> None:
    assert right(Shown({A: "", B: ""}), A, B, UDP) == ([A, B], "")


def test_a_wrong_name_is_left_out_and_told() -> None:
    shown = Shown({A: "its certificate names x, not far.test", B: ""})
    assert right(shown, A, B) == ([B], "192.0.2.1:5061: its certificate names x, not far.test")
    assert [(named.hop, bool(named.reason)) for named in shown.told] == [(A, True), (B, False)]


def test_who_shows_no_name_is_not_replaced_by_a_transport_that_shows_none() -> None:
    assert right(Shown({A: "wrong"}), A, UDP) == ([], "192.0.2.1:5061: wrong")


def test_without_names_nobody_is_asked() -> None:
    shown = Shown({})
    assert (right(shown, UDP), shown.asked) == (([UDP], ""), [])


def test_a_silent_address_costs_little_once_another_is_right() -> None:
    async def play() -> None:
        shown = Shown({B: ""})
        async with asyncio.timeout(1.5):
            found, _ = await shown.checks.right("World", [A, B], WANTED)
        assert found == [B]

    asyncio.run(play())


def test_of_a_silence_the_cause_is_found() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: the connection is refused
        hop = f"sip:127.0.0.1:{free.getsockname()[1]};transport=tls;sxv=far.test"
        shown = Shown({})
        found, why = right(shown, hop)
    assert (found, why.endswith(": the connection is refused")) == ([], True)
    assert shown.told[0].reason == "the connection is refused"


def test_a_question_that_cannot_be_asked_is_answered_with_nobody() -> None:
    async def gone(zone: str, hops: Sequence[str]) -> None:
        raise EngineError("asking Kamailio")

    checks = NameChecks(gone, lambda named: None)
    assert asyncio.run(checks.right("World", [A], WANTED))[0] == []
