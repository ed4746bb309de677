"""What administrators ask of searches: what became of them on all peers, and what would become of another one.

Both are answered by the engine that decides calls: a search that was made is explained with the table that decided it,
while that is kept; what would happen is asked of the saved configuration or of a draft.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sextet.admin.dialplan.locating import Locator, as_search
from sextet.admin.everybody import Answer, Everybody, Peers, Question
from sextet.call.decision import Request, found_at
from sextet.call.policy.asking import STAGES
from sextet.call.search import search
from sextet.call.source import Source, SourceKind
from sextet.call.table import Table
from sextet.cluster.face import Face
from sextet.model.searches import STEPS_MAX, TEXT_MAX, Search, Step, row_of, search_of
from sextet.model.sections import Root
from sextet.watch.searches import SearchHistory

NAME = "searches"  # of the call between peers
LIST_MAX = 200  # searches of one answer of one peer; with their steps some 600 bytes each


class Tables(Protocol):
    """What the engine decides with."""

    def at(self, generation: int) -> Table | None: ...

    def of(self, config: Root) -> Table: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLine:
    """One search with the peer that made it."""

    peer: int
    peer_name: str
    search: Search
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What all peers answered; `silent` names those that did not."""

    lines: tuple[SearchLine, ...]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """How often each rule and transform matched, over all peers that answered."""

    rules: Mapping[str, int]
    transforms: Mapping[int, int]
    since: str  # the latest start of a peer that counts
    silent: tuple[str, ...]


class Searches:
    """The searches of the whole cluster."""

    def __init__(self, face: Face, peers: Peers, history: SearchHistory, tables: Tables) -> None:
        self._history, self._tables = history, tables
        self.locator = Locator(face, tables.of)
        self._everybody = Everybody(face, peers, NAME, self._asked)

    async def newest(self, containing: str = "", most: int = LIST_MAX) -> Found:
        """Give the newest searches of all peers, the newest first."""
        answers, silent = await self._everybody.ask({"do": "list", "containing": containing, "most": most})
        lines = [line for answer in answers for line in _lines(answer)]
        lines.sort(key=lambda line: line.search.at, reverse=True)
        return Found(lines=tuple(lines[:most]), silent=silent)

    async def find(self, name: str) -> Found:
        """Find one search, with everything that its peer can say about it."""
        answers, silent = await self._everybody.ask({"do": "show", "id": name})
        return Found(lines=tuple(line for answer in answers for line in _lines(answer)), silent=silent)

    async def hits(self) -> Hits:
        """Count over the cluster how often rules and transforms matched."""
        answers, silent = await self._everybody.ask({"do": "hits"})
        rules: Counter[str] = Counter()
        transforms: Counter[int] = Counter()
        for answer in answers:
            rules.update(answer.value["rules"])
            transforms.update({int(priority): count for priority, count in answer.value["transforms"].items()})
        since = max((str(answer.value["since"]) for answer in answers), default="")
        return Hits(rules=rules, transforms=transforms, since=since, silent=silent)

    def explained(self, made: Search) -> Search:
        """Add every rule that did not match, where the table that decided is still kept."""
        table = self._tables.at(made.generation)
        if table is None or made.at < self._history.since:
            return made
        told = replayed(table, made)
        if not _decided_so(told.steps, made.steps):
            return made
        return search_of({**row_of(made), "notes": row_of(told)["notes"]})

    async def _asked(self, question: Question) -> Mapping[str, Any]:
        """Answer what an administrator asked for here or on another peer."""
        try:
            verb, most = question["do"], min(int(question.get("most", LIST_MAX)), LIST_MAX)
        except (ValueError, KeyError, TypeError):
            verb, most = "", 0
        match verb:
            case "list":
                found = await asyncio.to_thread(self._history.newest, str(question.get("containing", "")), most)
                answer: dict[str, Any] = {"searches": [row_of(one) for one in found]}
            case "show":
                one = await asyncio.to_thread(self._history.find, str(question.get("id", "")))
                answer = {"searches": [row_of(self.explained(one))] if one else []}
            case "hits":
                history = self._history
                answer = {"rules": history.hits, "transforms": history.transform_hits, "since": history.since}
            case _:
                answer = {}
        return answer


def replayed(table: Table, made: Search) -> Search:
    """Decide once more what was decided, with what was registered then, and note every rule."""
    request = Request(
        protocol=made.protocol,
        alias=made.alias,
        source=Source(SourceKind(made.source_kind), made.source, made.source_number, made.subzone),
        authenticated=made.authenticated,
        hops=made.hops,
        tag=made.tag,
        caller=made.caller,
        user=made.user,
        device=made.device,
        secure=made.secure,
    )
    told = search(table, request, *found_at(lambda alias: made.registered.get(alias, ())), STAGES, every=True)
    return as_search(request, told, made.registered)


def _decided_so(again: Sequence[Step], told: Sequence[Step]) -> bool:
    """Say whether a search that was decided once more took the steps that were told of it.

    It does not where it was refused as a loop, where a policy service was asked, and where it went on from another
    search, with the aliases that a script, a person's devices or ENUM named.
    """
    own = [step for step in again if step.matched or step.kind not in ("rule", "protocol")]
    cut = [replace(step, finding=step.finding[:TEXT_MAX]) for step in own[: len(told)]]
    return cut == list(told) and (len(own) == len(told) or len(told) == STEPS_MAX)


def _lines(answer: Answer) -> list[SearchLine]:
    try:
        found = [search_of(row) for row in answer.value["searches"]]
    except (KeyError, TypeError, ValueError):
        return []  # a peer of another version
    return [
        SearchLine(peer=answer.number, peer_name=answer.peer_name, search=one, outcome=one.outcome) for one in found
    ]
