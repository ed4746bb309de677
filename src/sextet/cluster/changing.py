"""A change of settings, from being asked for to being in force here: stored, told, followed; a new term where asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.following import Following
from sextet.cluster.configuration.refusing import noting_policy
from sextet.cluster.configuration.revisions import StoreLost
from sextet.cluster.face import Outcome
from sextet.cluster.judgement import judge
from sextet.cluster.lifecycle import Lifecycle, armed_sentence
from sextet.cluster.peer_list import is_of_list
from sextet.cluster.rows.alarms import Alarms
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp

PUBLISH_S = 0.001  # own rows are on their way before a round keeps the loop busy
ANSWER_S = 0.1  # an answer to another peer has left by then


class Changing:
    """Changes what administrators ask for; `changed` tells pages, `spawn` begins what nobody waits for."""

    def __init__(
        self,
        custody: Custody,
        editor: Editor,
        following: Following,
        lifecycle: Lifecycle,
        alarms: Alarms,
        changed: Callable[[str], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._custody, self._editor, self._following = custody, editor, following
        self._lifecycle, self._alarms = lifecycle, alarms
        self._changed, self._spawn = changed, spawn

    async def change(
        self, changes: Sequence[Change], *, user: str, source: str, expected: Stamp | None, dry_run: bool
    ) -> Outcome:
        outcome = await self._stored(changes, user=user, source=source, expected=expected, dry_run=dry_run)
        return outcome if dry_run else await self._put_in_force(outcome, changes, user, source)

    async def _stored(
        self,
        changes: Sequence[Change],
        *,
        user: str,
        source: str,
        expected: Stamp | None = None,
        dry_run: bool = False,
    ) -> Outcome:
        lists = not dry_run and is_of_list(changes)
        noting = self._lifecycle.changing_peers(lambda: self._editor.saved.clustering.peers)
        with noting if lists else contextlib.nullcontext(), noting_policy(self._alarms, changes, dry_run):
            outcome = await self._editor.change(changes, user=user, source=source, expected=expected, dry_run=dry_run)
        if lists and self._lifecycle.armed:
            outcome = replace(outcome, warnings=(*outcome.warnings, armed_sentence(self._lifecycle.armed)))
        return outcome

    async def store_soon(self, changes: Sequence[Change], *, user: str, source: str, dry_run: bool) -> Outcome:
        """Store what another peer asks for; it is in force a moment later, since that makes links anew."""
        outcome = await self._stored(changes, user=user, source=source, dry_run=dry_run)
        if not dry_run:
            self._spawn(self._put_in_force_soon(outcome, changes, user, source))
        return outcome

    async def _put_in_force_soon(self, outcome: Outcome, changes: Sequence[Change], user: str, source: str) -> None:
        await asyncio.sleep(ANSWER_S)
        await self._put_in_force(outcome, changes, user, source)

    async def _put_in_force(self, outcome: Outcome, changes: Sequence[Change], user: str, source: str) -> Outcome:
        if is_of_list(changes):
            self._following.open_window()
        self._following.telling.own(outcome.differences)
        await asyncio.sleep(PUBLISH_S)
        await self._following.once()
        self._changed("config")
        # Naming this system is the administrator's act that opens a new term; a fenced one may name itself again.
        named = any(change.path == "clustering.configuration_primary" for change in changes)
        if named and self._custody.authority.state is primary.State.FENCED:
            try:
                await self._custody.ask(primary.Promoted(user=user, source=source))
            except StoreLost as error:
                sentence = f"This peer is named, but is not the primary yet: {error}. Free space and name it again."
                raise Refused(Problem("clustering.configuration_primary", sentence)) from error
            await self._following.once()
        asked = {difference.path for difference in outcome.differences}
        restart = tuple(path for path in judge(self._following.evidence()).restart_reasons if path in asked)
        return replace(outcome, stamp=self._custody.head.stamp, restart=restart)

    async def dismiss(self, stamp: Stamp) -> None:
        """List an edit that was set aside no more. Raises Refused."""
        try:
            await self._custody.dismiss(stamp)
        except StoreLost as error:
            raise Refused(Problem("", f"Nothing was changed: {error}. Free space on that disk.")) from error
        await self._following.once()
