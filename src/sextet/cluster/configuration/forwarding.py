"""Who asks the primary for a change, and what the primary does when it is asked: carried out once, however often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sextet.cluster.configuration import forward
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.face import Moved, NoPrimary
from sextet.cluster.wire.asking import Answers
from sextet.cluster.wire.feed import CallFailed
from sextet.model.schema import Refused

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]  # a peer: number, question's name, question, limit
Leader = Callable[[], tuple[int, str]]  # number and name of the configured primary


class Forwarding:
    """Sends changes to the primary and, on the primary, carries out what is sent."""

    def __init__(self, ask: Ask, leader: Leader, why_apart: Callable[[], str], software: str) -> None:
        """Take what it needs; `why_apart` says why the primary's version keeps it from making changes, or ""."""
        self._ask = ask
        self._leader = leader
        self._why_apart, self._software = why_apart, software
        self._answers = Answers()

    async def ask_primary(self, question: bytes) -> bytes:
        """Have the primary carry out a change. Raises NoPrimary."""
        number, name = self._leader()
        if why := self._why_apart():
            raise NoPrimary(why)
        try:
            return await self._ask(number, forward.NAME, question, forward.LIMIT_S)
        except CallFailed as error:
            raise NoPrimary(
                f"Shared settings are changed on the configuration primary, peer {number} {name}, and it cannot be "
                f"reached: {error}. Repair the connection to it, or make another peer the primary."
            ) from error

    def answering(self, editor: Editor) -> Callable[[bytes], Awaitable[bytes]]:
        """Make the answer of a primary to what subordinates send."""

        async def write(wanted: forward.Write) -> bytes:
            try:
                outcome = await editor.change(
                    wanted.changes,
                    user=wanted.user,
                    source=wanted.source,
                    expected=wanted.expected,
                    dry_run=wanted.dry_run,
                    forwarded=True,
                )
            except (Refused, Moved, NoPrimary) as refusal:
                return forward.answer(refusal)
            return forward.answer(outcome)

        async def forwarded(data: bytes) -> bytes:
            try:
                wanted = forward.from_request(data)
            except ValueError as error:
                return forward.answer(str(error))
            if wanted.software != self._software:
                return forward.answer(f"it runs version {self._software}, and version {wanted.software} asked")
            return await self._answers.once(wanted.name, lambda: write(wanted))

        return forwarded
