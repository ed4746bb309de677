"""Changes of the configuration: validated whole, † settings stored here, shared ones by the primary; all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from sextet.call.checked import check
from sextet.cluster.configuration import forward
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.history import GENESIS
from sextet.cluster.configuration.primary import State
from sextet.cluster.configuration.revisions import Store, StoreLost
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.model import config
from sextet.model.config import Change, Difference, Document
from sextet.model.ordering import settled
from sextet.model.schema import Applies, Problem, Refused
from sextet.model.sections import KEYS, Root
from sextet.model.status import Stamp

FOLLOW_S = 1.0  # a change made through the primary is here within milliseconds; a page that shows it waits this long
SUMMARY_PATHS_MAX = 3
NOTHING = "Nothing was changed"


class Editor:
    """The saved configuration of this peer; `ask` puts a question to the primary, or raises NoPrimary."""

    def __init__(self, store: Store, custody: Custody, ask: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._store = store
        self._custody = custody
        self._ask = ask
        self._editing = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._own: Document = store.own()
        self._cached: tuple[Stamp, Document, Root] | None = None

    @property
    def own(self) -> Document:
        """The settings that are specific to this peer (†)."""
        return self._own

    @property
    def saved(self) -> Root:
        """Everything saved, shared and †."""
        stamp = self._custody.head.stamp
        if self._cached is None or self._cached[0] != stamp or self._cached[1] is not self._own:
            merged = config.merged(self._custody.head.document, self._own)
            self._cached = (stamp, self._own, config.from_document(merged))
        return self._cached[2]

    @property
    def document(self) -> Document:
        """The same with every setting written out."""
        whole: Document = config.to_document(self.saved)
        return whole

    async def load(self, initial: Document) -> None:
        """Take the first configuration in, while there is none; raises Refused with every problem."""
        if self._custody.head.stamp != GENESIS.stamp:  # it is stored last: a start that was cut off begins again
            return
        whole = config.to_document(check(initial))
        await self._put_own(config.peer_part(whole), user="", source="initial configuration", summary="First start")
        await self._custody.edit(
            lambda _: config.shared_part(whole),
            expected=None,
            user="",
            source="initial configuration",
            summary="First start",
        )

    async def change(
        self,
        changes: Sequence[Change],
        *,
        user: str,
        source: str,
        expected: Stamp | None,
        dry_run: bool,
        forwarded: bool = False,
    ) -> Outcome:
        """Store all of it or nothing; see face.Face.change. What was forwarded already is not forwarded again."""
        async with self._editing:
            if forwarded and (foreign := [change.path for change in changes if config.is_peer_specific(change.path)]):
                raise Refused(
                    *(Problem(path, f"{path} is specific to a peer (†); change it there.") for path in foreign)
                )
            before = self.document
            if expected is not None and expected != self._custody.head.stamp and not forwarded:
                raise Moved(f"The configuration is now {self._custody.head.stamp}; {expected} was read.")
            after: Document = config.to_document(check(_edited(before, changes), self.saved))
            differences = tuple(config.differences(before, after))
            restart = tuple(one.path for one in differences if _waits(one.path))
            outcome = Outcome(stamp=self._custody.head.stamp, differences=differences, restart=restart)
            shared = config.shared_part(after) != config.shared_part(before)
            if dry_run:
                return outcome
            if shared and self._custody.authority.why_not:
                if forwarded or self._custody.authority.state is State.FENCED:  # named by itself: nobody to ask
                    raise NoPrimary(self._custody.authority.why_not)
                outcome = replace(outcome, stamp=await self._forward(changes, user, source, expected))
            elif shared:
                stamp = await self._store_shared(changes, user, source, expected, _summary(outcome.differences))
                outcome = replace(outcome, stamp=stamp)
            own = config.peer_part(after)
            if own != config.peer_part(before):
                done = "Only the settings that all peers share were changed" if shared else NOTHING
                await self._put_own(own, user=user, source=source, summary=_summary(outcome.differences), done=done)
            return outcome

    async def replace(self, document: Document, *, user: str, source: str, summary: str) -> None:
        """Put a whole configuration in the place of this one, on a system that stands alone. Raises Refused, NoPrimary.

        What was there stays in the history.
        """
        async with self._editing:
            whole = config.to_document(check(document))
            try:
                await self._custody.edit(
                    lambda _: config.shared_part(whole), expected=None, user=user, source=source, summary=summary
                )
            except StoreLost as error:
                raise Refused(Problem("", f"Nothing was changed: {error}. Free space on that disk.")) from error
            await self._put_own(config.peer_part(whole), user=user, source=source, summary=summary)

    async def moved(self) -> None:
        """Tell those who wait for the primary's version that another one is in place."""
        async with self._moved:
            self._moved.notify_all()

    async def _store_shared(
        self, changes: Sequence[Change], user: str, source: str, expected: Stamp | None, summary: str
    ) -> Stamp:
        def make(document: Document) -> Document:
            held = document is self._custody.head.document
            before = self.saved if held else config.from_document(config.merged(document, self._own))
            after = check(_edited(config.to_document(before), changes), before)
            return config.shared_part(config.to_document(after))

        try:
            version = await self._custody.edit(make, expected=expected, user=user, source=source, summary=summary)
        except StoreLost as error:
            raise Refused(Problem("", f"Nothing was changed: {error}. Free space on that disk.")) from error
        return version.stamp

    async def _forward(self, changes: Sequence[Change], user: str, source: str, expected: Stamp | None) -> Stamp:
        shared = tuple(change for change in changes if not config.is_peer_specific(change.path))
        write = forward.Write(
            changes=shared,
            user=user,
            source=source,
            expected=expected,
            dry_run=False,
            name=uuid4().hex,
            software=self._custody.software,
        )
        primary = self.saved.clustering.configuration_primary
        outcome = forward.from_answer(await self._ask(forward.request(write)), f"Peer {primary}")
        try:
            async with asyncio.timeout(FOLLOW_S), self._moved:
                await self._moved.wait_for(lambda: self._custody.head.stamp >= outcome.stamp)
        except TimeoutError:
            return outcome.stamp
        return outcome.stamp

    async def _put_own(self, own: Document, *, user: str, source: str, summary: str, done: str = NOTHING) -> None:
        try:
            await asyncio.to_thread(self._store.put_own, own, user=user, source=source, summary=summary)
        except StoreLost as error:
            raise Refused(Problem("", f"{done}: {error}. Free space on that disk.")) from error
        self._own = own


def _edited(before: Document, changes: Sequence[Change]) -> Document:
    return settled(before, config.changed(before, changes), [change.path for change in changes])


def _waits(path: str) -> bool:
    return config.setting_at(path).applies is Applies.RESTART


def _summary(differences: Sequence[Difference]) -> str:
    items = _items(differences)
    said = dict.fromkeys(f"{item} {word}" for item, word in items.items())
    for d in differences:
        if not any(d.path.startswith(f"{item}.") for item in items):
            said[f"{d.path}: {d.old or 'nothing'} to {d.new or 'nothing'}"] = None
    more = len(said) - SUMMARY_PATHS_MAX
    return ", ".join(list(said)[:SUMMARY_PATHS_MAX]) + (f" and {more} more" if more > 0 else "")


def _items(differences: Sequence[Difference]) -> dict[str, str]:
    """Find the outermost items that were added or removed as a whole: those whose key came or went."""
    found: dict[str, str] = {}
    for d in differences:
        item, dot, name = d.path.rpartition("].")
        kind = config.setting_at(item.rpartition("[")[0]).item if dot else None
        if kind is None or name != KEYS[kind] or bool(d.old) == bool(d.new):
            continue
        if not any(f"{item}]".startswith(f"{outer}.") for outer in found):
            found[f"{item}]"] = "added" if d.new else "removed"
    return found
