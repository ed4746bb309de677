"""With which tables did the workers decide, and with which would they decide another configuration?"""

from __future__ import annotations

from collections import OrderedDict

from sextet.call.table import Table
from sextet.call.zones import Names
from sextet.engine import Wanted
from sextet.model.sections import Root

TABLES_MAX = 4  # a table of 2000 rules has a few MB; searches older than so many changes are not explained rule by rule


class Tables:
    """The tables of the last generations, and how another one is made."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Table] = OrderedDict()
        self._wanted: tuple[Wanted, Names] | None = None

    def remember(self, wanted: Wanted, names: Names, table: Table) -> None:
        """Note what the workers were given."""
        self._wanted = (wanted, names)
        self._kept[table.generation] = table
        while len(self._kept) > TABLES_MAX:
            self._kept.popitem(last=False)

    def at(self, generation: int) -> Table | None:
        """Give the table of a generation of this process, while it is kept."""
        return self._kept.get(generation)

    def of(self, config: Root) -> Table:
        """Make the table that the workers would get with this configuration; raises TableError.

        Before an engine has started nothing is known of peers and names, and the configuration stands alone.
        """
        if self._wanted is None:
            return Table.from_wanted(config, 0, (), 0)
        wanted, names = self._wanted
        return Table.from_wanted(
            config, wanted.number, wanted.neighbours, 0,
            address=wanted.address, resolved=names, maintenance=wanted.maintenance,
        )  # fmt: skip
