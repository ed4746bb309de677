"""Which licences does the cluster have? Those of all members, a lost one's for two weeks (facts 8.2).

How it works. `heard` says what each member of the list brings, `tick` that time has passed: a member that cannot be
heard grows older, and after KEPT_S its licences leave the pool until it is heard again. Ages are durations: time while
this peer itself did not run is not counted, so that a cluster that was switched off loses nothing. A peer that leaves
the list leaves the pool at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from sextet.model.capacity import Licences

HOUR_S, DAY_S = 3600.0, 86_400.0
KEPT_S = 14 * DAY_S  # facts 8.2
TOLD_S = HOUR_S  # a peer that restarts or is upgraded is back before anybody has to count its licences
TEXT_MAX = 64 << 10  # six members take a few hundred bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a member of the list brings, and for how long it has not been heard."""

    licences: Licences
    lost_s: float = 0.0

    @property
    def counts(self) -> bool:
        return self.lost_s < KEPT_S

    @property
    def matters(self) -> bool:
        """Say whether anybody would miss it."""
        return self.licences != Licences()


class Pool:
    """The shares of the cluster by the members' addresses as configured."""

    def __init__(self, shares: Mapping[str, Share] | None = None) -> None:
        self.shares: dict[str, Share] = dict(shares or {})

    @property
    def licences(self) -> Licences:
        """Everything that may be used now, wherever it was bought."""
        return reduce(add, (share.licences for share in self.shares.values() if share.counts), Licences())

    def heard(self, members: Set[str], brings: Mapping[str, Licences]) -> None:
        """Take over what the members say that can be heard now; who is no member any more has no share."""
        self.shares = {
            name: Share(licences=brings[name]) if name in brings else self.shares[name]
            for name in sorted(members)
            if name in brings or name in self.shares
        }

    def tick(self, passed_s: float, lost: Set[str]) -> None:
        """Let the lost grow older."""
        for name in lost & self.shares.keys():
            share = self.shares[name]
            self.shares[name] = replace(share, lost_s=share.lost_s + passed_s)

    def missed(self) -> dict[str, Share]:
        """Name the lost members whose licences are about to leave the pool, or have left it."""
        return {name: share for name, share in self.shares.items() if share.matters and share.lost_s >= TOLD_S}

    def to_json(self) -> str:
        """Write down what must outlive this peer's restart."""
        return json.dumps({name: asdict(share) for name, share in self.shares.items()})

    @staticmethod
    def from_json(text: str) -> Pool:
        """Read what to_json wrote; raises ValueError for anything else."""
        if len(text) > TEXT_MAX:
            raise ValueError("this is no pool of licences")
        try:
            return Pool({str(name): _share(row) for name, row in json.loads(text).items()})
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError("this is no pool of licences") from error


def _share(row: Mapping[str, Any]) -> Share:
    counts = {str(name): int(count) for name, count in row["licences"].items()}
    return Share(licences=Licences(**counts), lost_s=float(row["lost_s"]))
