"""How calls are ended: what Kamailio is told, and what is held back meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sextet.engine import EngineError
from sextet.sip import hanging_up
from sextet.sip.agent_line import AgentLine
from sextet.sip.hanging_up import HangingUp

UP, RINGS, OVER = 4, 2, 5


class Kamailio:
    """Dialogs, and what is told and asked, in which order; it plays the line to the script too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *dialogs: dict[str, Any]) -> None:
        self.told: list[tuple[str, ...]] = []
        self.lost = False
        self._dialogs = list(dialogs)
        monkeypatch.setattr(hanging_up, "command", self._command)

    def hang_up(self, call_id: str) -> HangingUp:
        ending = HangingUp(Path("run"), cast(AgentLine, self))
        asyncio.run(ending.end(call_id, "Disconnected by administrator admin"))
        return ending

    async def hold(self, call_id: str) -> None:
        self.told.append(("hold", call_id))

    async def let_go(self, call_id: str) -> None:
        self.told.append(("let_go", call_id))

    async def cancelled(self, call_id: str) -> None:
        self.told.append(("cancelled", call_id))

    async def _command(self, run_dir: Path, method: str, *parameters: str | int) -> Any:
        if method == "dlg.list_match":
            return self._dialogs
        self.told.append((method, *map(str, parameters)))
        if self.lost:
            raise EngineError("Kamailio does not answer")
        return None


def dialog(call_id: str, state: int) -> dict[str, Any]:
    return {"call-id": call_id, "state": state, "h_entry": 7, "h_id": 8, "caller": {"cseq": 3}}


def test_no_answer_to_a_bye_comes_through_before_both_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    kamailio = Kamailio(monkeypatch, dialog("one", UP), dialog("one and more", UP))
    ending = kamailio.hang_up("one")
    assert kamailio.told == [("hold", "one"), ("dlg.end_dlg", "7", "8"), ("let_go", "one")]
    assert ending.reason("one", "Normal") == "Disconnected by administrator admin"
    assert ending.reason("one", "Normal") == "Normal", "a reason is for one end"


def test_answers_are_let_go_too_where_the_call_could_not_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    kamailio = Kamailio(monkeypatch, dialog("one", UP))
    kamailio.lost = True
    with pytest.raises(EngineError, match="does not answer"):
        kamailio.hang_up("one")
    assert kamailio.told[-1] == ("let_go", "one")


def test_a_call_that_rings_is_cancelled_and_ends_with_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    kamailio = Kamailio(monkeypatch, dialog("one", RINGS))
    kamailio.hang_up("one")
    assert kamailio.told == [("cancelled", "one"), ("tm.cancel", "one", "3")]


@pytest.mark.parametrize("dialogs", [(), (dialog("one", OVER),)])
def test_a_call_that_is_gone_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, dialogs: tuple[dict[str, Any], ...]
) -> None:
    kamailio = Kamailio(monkeypatch, *dialogs)
    with pytest.raises(EngineError, match="not there any more"):
        kamailio.hang_up("one")
    assert kamailio.told == []
