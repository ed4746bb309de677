"""How a call is ended for its two ends: one that is up with a BYE to both, one that rings with a CANCEL.

Kamailio reports the end like any other; it cannot say why, so that the reason is remembered here until then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sextet.engine import EngineError
from sextet.sip.rpc import command

CONFIRMED = (3, 4)  # states of Kamailio's dialogs: answered, and acknowledged
REASONS_MAX = 1000  # ends that were asked for and not reported yet


class HangingUp:
    """Ends calls of one Kamailio."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._reasons: dict[str, str] = {}

    async def end(self, call_id: str, reason: str) -> None:
        """End a call; raises EngineError where it is not there or Kamailio cannot be asked."""
        dialogs = await command(self._run_dir, "dlg.list_match", "callid", "eq", call_id)
        found = [one for one in _listed(dialogs) if one.get("call-id") == call_id]
        if not found:
            raise EngineError("this call is not there any more")
        self._reasons[call_id] = reason
        while len(self._reasons) > REASONS_MAX:
            del self._reasons[next(iter(self._reasons))]
        for dialog in found:
            if dialog["state"] in CONFIRMED:
                await command(self._run_dir, "dlg.end_dlg", dialog["h_entry"], dialog["h_id"])
            else:
                await command(self._run_dir, "tm.cancel", call_id, str(dialog["caller"]["cseq"]))

    def reason(self, call_id: str, reported: str) -> str:
        """Say why a call ended that was reported to have ended."""
        return self._reasons.pop(call_id, reported)


def _listed(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else [answer] if isinstance(answer, dict) else []
