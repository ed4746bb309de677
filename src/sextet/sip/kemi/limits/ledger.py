"""What the calls of this peer use, in shared memory, and what may still be handed out; one worker at a time.

How it works. Two tables of the same facts: `load` holds for each call what it is charged with, `use` the sum for each
element. Both change under one lock, so that workers never hand out the same bandwidth twice; the sums are made anew
from the calls every few seconds (`reconcile`), so that they cannot drift. What other peers use and know stands in
`view`, as sextetd last said: it is never waited for. What is given back here others may go by at once, before sextetd
says so: the least that was used since is kept beside (`low`), until sextetd has heard of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sextet.call.bandwidth.sharing import room
from sextet.call.session_timer import MOST_S
from sextet.sip.kemi.reporting import Reporter, read_back, written

LOAD, USE, VIEW = "load", "use", "view"  # htables of kamailio.cfg.j2
LASTS_S = MOST_S + 120  # two minutes above the dialog module's own limit; refreshes begin it anew
FRESH_S = 15.0  # a call that was just charged need not have been told yet
Entry = dict[str, Any]  # what is known of one call, see charging.py; `kbps` and `routes` make its charges


@contextmanager
def locked(ksr: Any) -> Iterator[None]:
    """Keep all other processes of this Kamailio away from the ledger."""
    ksr.htable.sht_lock("ctl", "ledger")
    try:
        yield
    finally:
        ksr.htable.sht_unlock("ctl", "ledger")


def entry_of(ksr: Any, call_id: str) -> Entry | None:
    """Read what is known of a call."""
    text = ksr.htable.sht_get(LOAD, call_id)
    found: Entry | None = read_back(text) if text else None
    return found


def charges_of(entry: Entry | None) -> Counter[str]:
    """Say what a call counts for each element; of several ways that it may take, the largest."""
    charges: Counter[str] = Counter()
    for route in (entry or {"routes": {}})["routes"].values():
        for element, times in route["counts"]:
            charges[element] = max(charges[element], times * route["kbps"])
        for element, units in route.get("units", {}).items():
            charges[element] = max(charges[element], units)
    return charges


@dataclass(frozen=True, slots=True)
class View:
    """What is known of an element beyond this peer; what was never told is nothing."""

    others: int = 0
    confirmed: int = 0
    low: int | None = None
    low_order: int = 0


def left(ksr: Any, element: str, limit: int, less: int, peers: int) -> int:
    """Say what a call may take of an element; `less` is what it is charged with already.

    `peers` is how many peers there are, as long as sextetd has not said how many of them share.
    """
    view = _view(ksr, element)
    own = max(0, _number(ksr.htable.sht_get(USE, element)) - less)
    confirmed = view.confirmed if view.low is None else min(view.confirmed, view.low)
    return room(limit, own, view.others, confirmed, _number(ksr.htable.sht_get("ctl", "sharers")) or peers)


def left_here(ksr: Any, element: str, limit: int, less: int = 0) -> int:
    """Say what is left of something that is counted for this peer alone."""
    return limit - max(0, _number(ksr.htable.sht_get(USE, element)) - less)


def move(ksr: Any, reporter: Reporter, moved: Mapping[str, int]) -> None:
    """Add to these sums; call this locked."""
    known = {element: _number(ksr.htable.sht_get(USE, element)) for element, by in moved.items() if by}
    _tell(ksr, reporter, known, {element: max(0, units + moved[element]) for element, units in known.items()})


def put(ksr: Any, reporter: Reporter, call_id: str, known: Entry | None, entry: Entry | None) -> None:
    """Charge a call with what its entry says, in the place of the one that is `known`; read and write locked."""
    before = charges_of(known)
    if entry is not None:
        ksr.htable.sht_setxs(LOAD, call_id, written(entry), LASTS_S)
    elif known is not None:
        ksr.htable.sht_rm(LOAD, call_id)
    after = charges_of(entry)
    move(ksr, reporter, {element: after[element] - before[element] for element in {*before, *after}})


def reconcile(
    ksr: Any, reporter: Reporter, rows: Mapping[str, str], living: frozenset[str], beside: Counter[str], now_s: float
) -> int:
    """Make the sums anew from the calls that are there; gives how many sums were wrong. Call this locked.

    `rows` are those of `load`; one whose call is not among the `living` and is not new is dropped. `beside` is what is
    counted of registrations.
    """
    entries = {call_id: read_back(text) for call_id, text in rows.items()}
    for call_id, entry in list(entries.items()):
        if call_id not in living and now_s - entry["since_s"] > FRESH_S:
            ksr.htable.sht_rm(LOAD, call_id)
            del entries[call_id]
    wanted: Counter[str] = Counter(beside)
    for entry in entries.values():
        wanted.update(charges_of(entry))
    known = {element: _number(value) for element, value in _rows(ksr, USE)}
    wrong = {element: wanted[element] for element in {*known, *wanted} if known.get(element, 0) != wanted[element]}
    _tell(ksr, reporter, known, wrong)
    return len(wrong)


def used(ksr: Any) -> dict[str, int]:
    """Give the sum of every element that is used."""
    return {element: _number(value) for element, value in _rows(ksr, USE)}


def see(
    ksr: Any, views: Mapping[str, tuple[int, int, int]], sharers: int, complete: bool
) -> tuple[int, dict[str, int], list[str]]:
    """Take over what other peers use and know; gives what is used of these elements here, with its order.

    A view is (use of the others, confirmed, order of the newest report that it rests on). The elements given last had
    less use after that order: they are to be told again, as nothing else may come to lift their `low`. Call this
    locked.
    """
    again: list[str] = []
    if complete:
        for element in {name for name, _ in _rows(ksr, VIEW)} - views.keys():
            ksr.htable.sht_rm(VIEW, element)
    for element, (others, confirmed, order) in views.items():
        before = _view(ksr, element)
        low = before.low if before.low is not None and order < before.low_order else None
        if low is not None:
            again.append(element)
        _keep(ksr, element, View(others, confirmed, low, before.low_order))
    ksr.htable.sht_seti("ctl", "sharers", sharers)
    order = ksr.htable.sht_inc("ctl", "order")
    return order, {element: _number(ksr.htable.sht_get(USE, element)) for element in views}, again


def rows_of(ksr: Any, table: str) -> list[tuple[str, str]]:
    """Read a whole htable."""
    return [(name, str(value)) for name, value in _rows(ksr, table)]


def _rows(ksr: Any, table: str) -> list[tuple[str, Any]]:
    rows = []
    ksr.htable.sht_iterator_start("led", table)
    try:
        while ksr.htable.sht_iterator_next("led") > 0:
            rows.append((str(ksr.pv.get("$shtitkey(led)")), ksr.pv.get("$shtitval(led)")))
    finally:
        ksr.htable.sht_iterator_end("led")
    return rows


def _tell(ksr: Any, reporter: Reporter, known: Mapping[str, int], totals: Mapping[str, int]) -> None:
    """Write the sums and report them; an element of which less is used now, others may take at once."""
    if not totals:
        return
    order = ksr.htable.sht_inc("ctl", "order")
    for element, total in totals.items():
        if total:
            ksr.htable.sht_seti(USE, element, total)
        else:
            ksr.htable.sht_rm(USE, element)
        if total < known.get(element, 0):
            view = _view(ksr, element)
            low = total if view.low is None else min(view.low, total)
            _keep(ksr, element, View(view.others, view.confirmed, low, order))
    reporter.send(f'"kind":"use","order":{order},"use":{written(totals)}', more=True)


def _view(ksr: Any, element: str) -> View:
    text = ksr.htable.sht_get(VIEW, element)
    return View(*read_back(text)) if text else View()


def _keep(ksr: Any, element: str, view: View) -> None:
    ksr.htable.sht_sets(VIEW, element, written([view.others, view.confirmed, view.low, view.low_order]))


def _number(value: Any) -> int:
    return int(value or 0)
