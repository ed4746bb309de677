"""What would happen if this were dialled from there: on the saved configuration, or on a draft of it?"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sextet.call.alias import plain_ip, typed
from sextet.call.checked import check
from sextet.call.decision import HOPS_WITHOUT_HEADER, UNSAFE, Decision, Refuse, Request, Searched, Try, found_at
from sextet.call.pattern import compiled, filled_in
from sextet.call.policy.asking import STAGES, outcome, statuses
from sextet.call.policy.cpl import Result
from sextet.call.rehearsal import Rehearsed, rehearse_all
from sextet.call.search import search
from sextet.call.shadows import Warning, warnings
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.stages import Again
from sextet.call.table import Table, TableError
from sextet.call.transform import applied
from sextet.cluster.face import Face
from sextet.model.config import Change, Difference, changed, differences, to_document
from sextet.model.expression import ALIAS_MAX
from sextet.model.ordering import settled
from sextet.model.schema import Problem, Refused, is_ip
from sextet.model.searches import Asked, Search, Step
from sextet.model.sections import Root
from sextet.model.settings.words import PATTERN_TYPES
from sextet.model.status import Binding, Registration
from sextet.model.validation import patterns

PROTOCOLS = ("SIP", "H323")
ENDINGS: Mapping[Result, str] = {
    "busy": "is busy", "noanswer": "does not answer", "redirection": "is redirected", "failure": "is not reached",
}  # fmt: skip
BEHAVIORS = ("Leave", "Strip", "Replace", "Add Prefix", "Add Suffix")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is dialled, from where."""

    alias: str
    source: str = "LocalZone"
    authenticated: bool = True
    protocol: str = "SIP"
    caller: str = ""
    user: str = ""  # whose credentials come with it, where it is authenticated
    hops: int = HOPS_WITHOUT_HEADER

    @property
    def secure(self) -> bool:
        return self.alias.strip()[:5].lower() == "sips:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What would happen: the rounds in order, each with its targets, and how they came about."""

    search: Search
    rounds: tuple[tuple[str, ...], ...]
    afterwards: tuple[str, ...]  # what scripts say of a call that ends without success
    sentence: str
    draft: bool
    unreachable: tuple[str, ...] = ()  # which of the zones this peer cannot reach now, in sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a pattern makes of an alias."""

    matches: bool
    alias: str
    result: str
    sentence: str


class Locator:
    """Asks the engine what it would decide; `table_of` makes the table of a configuration."""

    def __init__(self, face: Face, table_of: Callable[[Root], Table]) -> None:
        self._face, self._table_of = face, table_of
        self._judged: tuple[Root, tuple[Warning, ...]] | None = None

    def draft(self, changes: Sequence[Change]) -> Root | None:
        """Judge what is saved with these changes; None where there are none. Raises Refused."""
        if not changes:
            return None
        saved = self._face.saved
        before = to_document(saved)
        after = settled(before, changed(before, changes), [change.path for change in changes])
        return check(after, saved, rehearsed=False)

    async def locate(self, wish: Wish, draft: Root | None = None) -> Located:
        """Say what would happen, on a draft where there is one. Raises Refused.

        A call to an address looks at every registration: it is done beside the event loop.
        """
        config, owners = draft or self._face.saved, self._owners(wish.secure)
        found = await asyncio.to_thread(lambda: located(self._table(config), wish, owners, draft=draft is not None))
        return replace(found, unreachable=tuple(self._failed({one.target for one in found.search.asked})))

    def changed(self, draft: Root) -> list[Difference]:
        """Say what a draft changes of what is saved."""
        return differences(to_document(self._face.saved), to_document(draft))

    async def warnings(self) -> tuple[Warning, ...]:
        """Name what can never do anything in the saved dial plan. Raises Refused.

        With thousands of rules that takes a second: it is done beside the event loop, and once for each configuration.
        """
        config, unreachable = self._face.saved, tuple(self._unreachable(self._face.saved))
        if self._judged is None or self._judged[0] is not config:
            self._judged = (config, await asyncio.to_thread(lambda: warnings(config, self._table(config))))
        found = self._judged[1]
        named = {one.name for one in found if one.kind == "rule"}
        return (*found, *(one for one in unreachable if one.name not in named))

    def _unreachable(self, config: Root) -> Iterator[Warning]:
        """Name the rules whose zone no peer can reach, as far as peers have said how they see it."""
        states: dict[str, set[str]] = {}
        for owned in self._face.zones():
            if not owned.stale:
                states.setdefault(owned.row.name, set()).add(owned.row.state)
        for rule in config.search_rules:
            if rule.state == "Enabled" and states.get(rule.target) == {"Failed"}:
                sentence = f"Its target, zone {rule.target}, cannot be reached by any peer."
                yield Warning(kind="rule", name=rule.name, sentence=sentence)

    def _failed(self, zones: Collection[str]) -> Iterator[str]:
        """Say of zones that are asked which of them calls from this peer would pass over now."""
        own = self._own()
        for owned in self._face.zones():
            if owned.number == own and owned.row.name in zones and owned.row.state == "Failed":
                yield f"Zone {owned.row.name} cannot be reached from this peer now: a call passes it over."

    def rehearse(self, draft: Root | None = None) -> tuple[Rehearsed, ...]:
        """Run the tests that are stored with the dial plan. Raises Refused."""
        try:
            return rehearse_all(draft or self._face.saved)
        except TableError as error:
            raise Refused(Problem("", f"This configuration cannot be used: {error}.")) from error

    def check_pattern(self, alias: str, pattern: str, kind: str, behavior: str, replace: str) -> Checked:
        """Compare as a rule or transform would. Raises Refused."""
        kind, behavior = _chosen(kind, PATTERN_TYPES), _chosen(behavior, BEHAVIORS)
        wrong = [
            *(
                Problem("type", f"Pattern type: {_not_one_of(kind, PATTERN_TYPES)}")
                for _ in [0]
                if kind not in PATTERN_TYPES
            ),
            *(
                Problem("behavior", f"Pattern behavior: {_not_one_of(behavior, BEHAVIORS)}")
                for _ in [0]
                if behavior not in BEHAVIORS
            ),
            *([] if alias else [Problem("alias", "An alias is needed; enter what is compared.")]),
            *([] if pattern else [Problem("pattern", "A pattern is needed; enter one.")]),
            *patterns.pattern("pattern", kind, pattern),
            *patterns.behavior("pattern", behavior, kind, pattern, replace),
        ]
        if wrong:
            raise Refused(*wrong)
        variables = self._table(self._face.saved).variables
        try:
            ready = compiled(kind, pattern, variables)
        except ValueError as error:
            raise Refused(Problem("pattern", f"Pattern string: {error}.")) from error
        if len(alias) > ALIAS_MAX or not ready.matches(alias, alias.lower()):
            return Checked(matches=False, alias=alias, result="", sentence=f"{alias} does not match.")
        result = applied(behavior, ready, filled_in(replace, variables), alias)
        return Checked(matches=True, alias=alias, result=result, sentence=f"{alias} matches and becomes {result}.")

    def _table(self, config: Root) -> Table:
        try:
            return self._table_of(config)
        except TableError as error:
            raise Refused(Problem("", f"This configuration cannot be used: {error}.")) from error

    def _own(self) -> int:
        return self._face.status().number

    def _owners(self, secure: bool) -> Callable[[str], list[int]]:
        """Tell who is registered where, as decision.found_at reads it, also beside the event loop.

        `secure` is decision.Request's.
        """
        own, registered = self._own(), self._face.registrations()

        @functools.cache
        def owners(name: str) -> list[int]:
            rows = [(peer, [those[name]] if name in those else []) for peer, those in registered.items()]
            if is_ip(name):
                rows += [(peer, _from(name, list(those.values()))) for peer, those in registered.items()]
            numbers = (
                UNSAFE if secure and not _has_tls(row) else 0 if peer == own else peer
                for peer, found in rows
                for row in found
            )
            return list(dict.fromkeys(numbers))

        return owners


def _from(address: str, rows: Sequence[Registration]) -> list[Registration]:
    return [row for row in rows if any(plain_ip(_address(one)) == address for one in row.bindings)]


def _has_tls(row: Registration) -> bool:
    return any(one.received.endswith(";tls") for one in row.bindings)


def _address(binding: Binding) -> str:
    return binding.received.partition(";")[0].rpartition(":")[0]


def located(table: Table, wish: Wish, owners: Callable[[str], Sequence[int]], *, draft: bool = False) -> Located:
    """Decide as a worker would. Raises Refused for a source or protocol that there is not."""
    source = source_named(table, wish.source)
    wrong = []
    if source is None:
        wrong.append(
            Problem("from", f"There is no enabled zone {wish.source!r}; name LocalZone, DefaultZone or a zone.")
        )
    if wish.protocol not in PROTOCOLS:
        wrong.append(Problem("protocol", f"{wish.protocol!r} is no protocol; choose SIP or H323."))
    if not wish.alias:
        wrong.append(Problem("alias", "An alias is needed; enter what is dialled."))
    if wrong or source is None:
        raise Refused(*wrong)
    request = Request(
        protocol=wish.protocol, alias=typed(wish.alias), source=source, authenticated=wish.authenticated,
        caller=typed(wish.caller), user=wish.user if wish.authenticated else "", hops=wish.hops,
        secure=wish.secure,
    )  # fmt: skip
    told = search(table, request, *found_at(owners), STAGES, every=True)
    rounds: tuple[tuple[str, ...], ...] = ()
    if isinstance(told.decision, Try):
        rounds = tuple(
            tuple(
                f"{one.zone or ('Local Zone' if one.kind == 'local' else 'directly')}: {one.alias}"
                f"{f', called by {one.caller}' if one.caller else ''}"
                for one in each.targets
            )
            for each in told.decision.rounds
        )
        sentence = "; then ".join(" and ".join(each) for each in rounds)
    else:
        sentence = f"{told.decision.status} {told.decision.reason}"
    afterwards = tuple(_afterwards(table, request, told.decision))
    return Located(
        search=as_search(request, told, {}), rounds=rounds, afterwards=afterwards, sentence=sentence, draft=draft
    )


def _afterwards(table: Table, request: Request, decision: Decision) -> Iterator[str]:
    """Say what comes after each ending of which a script says something, in the order in which scripts are asked."""
    for then in decision.then if isinstance(decision, Try) else ():
        of_status: list[tuple[Result, int, str]] = [
            ("failure", one, f"fails with {one}") for one in statuses(table, then)
        ]
        for result, status, words in (*of_status, *((one, 0, words) for one, words in ENDINGS.items())):
            answer = outcome(table, request, then, result, status)
            if isinstance(answer, Again) and answer.groups:
                named = ", then ".join(" and ".join(group) for group in answer.groups)
                yield f"{then.reason}, where {then.alias} {words}: {named} would be searched"
            elif isinstance(answer, Refuse):
                yield f"{then.reason}, where {then.alias} {words}: {answer.status} {answer.reason}"


def as_search(request: Request, told: Searched, registered: Mapping[str, Sequence[int]]) -> Search:
    """Write what was decided in the words of the history."""
    decision = told.decision
    rounds = decision.rounds if isinstance(decision, Try) else ()
    steps = tuple(
        Step(
            kind=note.kind, name=note.name, matched=note.matched, before=note.before, after=note.after,
            finding=note.finding, priority=note.priority, target=note.target,
        )
        for note in told.notes
    )  # fmt: skip
    asked = tuple(
        Asked(target=one.zone or ("Local Zone" if one.kind == "local" else one.alias), alias=one.alias, rule=one.rule)
        for each in rounds
        for one in each.targets
    )
    return Search(
        id="", tag=request.tag, call_id="", method="", protocol=request.protocol, source_kind=request.source.kind,
        source=request.source.name, source_number=request.source.number, caller=request.caller, alias=request.alias,
        authenticated=request.authenticated, hops=request.hops, generation=0, registered=registered, steps=steps,
        asked=asked, status=0 if isinstance(decision, Try) else decision.status,
        reason="" if isinstance(decision, Try) else decision.reason,
        subzone=request.source.subzone, user=request.user, device=request.device, secure=request.secure,
    )  # fmt: skip


def _chosen(text: str, choices: Sequence[str]) -> str:
    """Find what is meant: the original writes AddPrefix (facts 5.4), and people type small letters."""
    meant = text.replace(" ", "").lower()
    return next((one for one in choices if one.replace(" ", "").lower() == meant), text)


def _not_one_of(text: str, choices: Sequence[str]) -> str:
    return f"{text[:60]!r} is not one of {', '.join(choices)}; choose one."


def source_named(table: Table, name: str) -> Source | None:
    """Find the source that an administrator names; None for one that there is not."""
    if name in ("", "LocalZone", "Local Zone"):
        return LOCAL
    if name in ("DefaultZone", "Default Zone"):
        return DEFAULT
    if name in table.subzones:
        return replace(LOCAL, subzone=name)
    return Source(SourceKind.ZONE, name) if name in table.zones else None
