"""How a call is ended for its two ends: one that is up with a BYE to both, one that rings with a CANCEL.

Kamailio ends a call by sending one BYE after the other (dialog 5.6: dlg_bye_all). Where the first is answered before it
has done with that, it takes the call for over, spares the second and reports no end: so the answers to the BYEs are
held back until both are sent (reply_route). It cannot say why a call ended, so that the reason is remembered here until
the end is reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sextet.engine import EngineError
from sextet.sip.agent_line import AgentLine
from sextet.sip.rpc import command

CONFIRMED = (3, 4)  # states of Kamailio's dialogs: answered, and acknowledged
OVER = 5  # its dialogs are kept for some moments; the call may go on by another request (kemi/limits/charging.py)
REASONS_MAX = 1000  # ends that were asked for and not reported yet


class HangingUp:
    """Ends calls of one Kamailio, whose script hears over `line` whose answers to hold back."""

    def __init__(self, run_dir: Path, line: AgentLine) -> None:
        self._run_dir, self._line = run_dir, line
        self._reasons: dict[str, str] = {}

    async def end(self, call_id: str, reason: str) -> None:
        """End a call; raises EngineError where it is not there or Kamailio cannot be asked."""
        dialogs = await command(self._run_dir, "dlg.list_match", "callid", "eq", call_id)
        found = [one for one in _listed(dialogs) if one.get("call-id") == call_id and one["state"] != OVER]
        if not found:
            raise EngineError("this call is not there any more")
        self._reasons[call_id] = reason
        while len(self._reasons) > REASONS_MAX:
            del self._reasons[next(iter(self._reasons))]
        for dialog in found:
            if dialog["state"] in CONFIRMED:
                await self._line.hold(call_id)
                try:
                    await command(self._run_dir, "dlg.end_dlg", dialog["h_entry"], dialog["h_id"])
                finally:
                    await self._line.let_go(call_id)
            else:
                await self._line.cancelled(call_id)
                await command(self._run_dir, "tm.cancel", call_id, str(dialog["caller"]["cseq"]))

    def reason(self, call_id: str, reported: str) -> str:
        """Say why a call ended that was reported to have ended."""
        return self._reasons.pop(call_id, reported)


def _listed(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else [answer] if isinstance(answer, dict) else []
