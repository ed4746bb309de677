"""How long does one search take with many rules, zones and transforms, and how does it grow with the rules?

Pure: the same table and the same code as inside Kamailio's workers, in one process, by this process's CPU time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from bench.report import Figure, median
from sextet.call.decision import Request
from sextet.call.policy.asking import STAGES
from sextet.call.search import search
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.table import Table
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DEFAULT_RULES, SearchRule, Transform
from sextet.model.settings.protocols import Domain
from sextet.model.settings.zones import Zone, ZonePeer

RULES, ZONES, TRANSFORMS = 2000, 1000, 100  # facts 7.1, 7.2: the most there can be
SIZES = (100, 500, RULES)
AIM_US = 100.0
GROWTH_MAX = 4.0  # far below linear, which would be 20: from 100 rules to 2000
ROUNDS = 5
REQUESTS = 2000


def measure() -> list[Figure]:
    """Measure searches at several numbers of rules."""
    samples = {size: _microseconds(_table(size), random.Random(size)) for size in SIZES}
    figures = [
        Figure(
            measure="searches", name=f"one search, {size} rules, {ZONES} zones, {TRANSFORMS} transforms",
            value=median(samples[size]), unit="µs", at_most=AIM_US if size == RULES else None, samples=samples[size],
        )
        for size in SIZES
    ]  # fmt: skip
    growth = median(samples[RULES]) / median(samples[SIZES[0]])
    rate = 1_000_000 / median(samples[RULES])
    return [
        *figures,
        Figure(
            measure="searches", name=f"growth, {SIZES[0]} to {RULES} rules", value=growth, unit="×",
            at_most=GROWTH_MAX, note=f"{rate:,.0f} searches/s on one processor",
        ),
    ]  # fmt: skip


def _microseconds(table: Table, dice: random.Random) -> list[float]:
    requests = [_request(dice, len(table.rules)) for _ in range(REQUESTS)]
    here = {f"user{number}@apolo.local" for number in range(0, 1000, 2)}
    samples = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for one in requests:
            search(table, one, here.__contains__, lambda _: (), STAGES)
        samples.append((time.process_time() - began) / REQUESTS * 1_000_000)
    return samples


def _request(dice: random.Random, rules: int) -> Request:
    """Dial as people do: a colleague, a number outside, another domain, a short code, or something unknown."""
    alias = dice.choice(
        [
            f"user{dice.randrange(1000)}@apolo.local",
            f"{dice.randrange(100, 999)}{dice.randrange(10**6, 10**7)}@apolo.local",
            f"someone@site{dice.randrange(rules)}.example",
            f"8{dice.randrange(rules):04}",
            f"nobody{dice.randrange(10**6)}@nowhere.test",
        ]
    )
    source = dice.choice([LOCAL, LOCAL, DEFAULT, Source(SourceKind.ZONE, f"zone{dice.randrange(ZONES)}")])
    return Request(protocol="SIP", alias=alias, source=source, authenticated=source is LOCAL)


def _table(size: int) -> Table:
    config = Root(
        domains=(Domain(name="apolo.local"),),
        zones=tuple(
            Zone(name=f"zone{n}", peers=(ZonePeer(address=f"10.0.{n // 250}.{n % 250 + 1}"),)) for n in range(ZONES)
        ),
        transforms=tuple(_transform(n) for n in range(TRANSFORMS)),
        search_rules=(*DEFAULT_RULES, *(_rule(n) for n in range(size - 1))),
    )
    return Table.from_wanted(config, 0, (), 1)


def _transform(n: int) -> Transform:
    kinds = (
        {"pattern": f"00{n:03}", "pattern_type": "Prefix", "behavior": "Strip"},
        {
            "pattern": rf"7{n:02}(\d\d)",
            "pattern_type": "Regex",
            "behavior": "Replace",
            "replace": r"user\1@apolo.local",
        },
    )
    return Transform(priority=n + 1, **kinds[n % 2])  # type: ignore[arg-type]


def _rule(n: int) -> SearchRule:
    """Make the kinds of rules that dial plans have, in equal parts."""
    kinds: Sequence[dict[str, str]] = (
        {"pattern_type": "Suffix", "pattern": f"@site{n}.example"},
        {"pattern_type": "Prefix", "pattern": f"8{n:04}"},
        {"pattern_type": "Exact", "pattern": f"room{n}@apolo.local"},
        {"pattern_type": "Regex", "pattern": rf"(.*)@site{n}\.example", "behavior": "Replace", "replace": r"\1@inside"},
        {"pattern_type": "Regex", "pattern": rf"{n % 900 + 100}(\d{{7}})@%localdomains%", "behavior": "Leave"},
        {"pattern_type": "Prefix", "pattern": f"9{n:04}", "source": "Named", "source_name": f"zone{n % ZONES}"},
    )
    kind = {"behavior": "Leave", **kinds[n % len(kinds)]}
    priority = 60 + n // 20
    return SearchRule(name=f"rule{n}", mode="Alias pattern match", priority=priority, target=f"zone{n % ZONES}", **kind)  # type: ignore[arg-type]
