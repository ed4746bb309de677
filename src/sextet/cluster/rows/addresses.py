"""From which addresses are devices of other peers registered? So that a call to an address finds its peer (facts 7.5).

Engines are told of an address as of an alias: both are what somebody may dial, and no alias is nothing but an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sextet.cluster.rows.books import Locate
from sextet.model.status import Registration


class AddressBook:
    """Addresses of other peers' devices, and who has them."""

    def __init__(self) -> None:
        self._of_alias: dict[tuple[int, str], frozenset[str]] = {}  # (peer, alias) -> addresses
        self._aliases: dict[str, dict[int, set[str]]] = {}  # address -> peer -> aliases

    def row(self, number: int, alias: str, row: Registration | None) -> list[Locate]:
        """Take over another peer's row; None means that it is gone."""
        before = self._of_alias.get((number, alias), frozenset())
        now = _addresses(row) if row is not None else frozenset()
        if now:
            self._of_alias[number, alias] = now
        else:
            self._of_alias.pop((number, alias), None)
        for address in now - before:
            self._aliases.setdefault(address, {}).setdefault(number, set()).add(alias)
        for address in before - now:
            self._forget(address, number, alias)
        return self._told(now ^ before)

    def peer_gone(self, number: int) -> list[Locate]:
        """A peer was removed, or not heard for too long: its rows go."""
        gone = [(alias, self._of_alias.pop((peer, alias))) for peer, alias in list(self._of_alias) if peer == number]
        for alias, addresses in gone:
            for address in addresses:
                self._forget(address, number, alias)
        return self._told({address for _, addresses in gone for address in addresses})

    def located(self) -> Mapping[str, tuple[int, ...]]:
        """Everything an engine that starts has to be told."""
        return {address: tuple(sorted(peers)) for address, peers in self._aliases.items()}

    def _forget(self, address: str, number: int, alias: str) -> None:
        peers = self._aliases[address]
        peers[number].discard(alias)
        if not peers[number]:
            del peers[number]
        if not peers:
            del self._aliases[address]

    def _told(self, addresses: Iterable[str]) -> list[Locate]:
        owners = {address: tuple(sorted(self._aliases.get(address, ()))) for address in sorted(addresses)}
        return [Locate(owners)] if owners else []


def _addresses(row: Registration) -> frozenset[str]:
    found = (binding.received.partition(";")[0].rpartition(":")[0].strip("[]") for binding in row.bindings)
    return frozenset(address for address in found if address)
