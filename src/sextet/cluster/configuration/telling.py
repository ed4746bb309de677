"""What is told in the journal about links and cluster settings: once for each change, however often it is seen."""

from __future__ import annotations

from collections.abc import Sequence

from sextet import journal
from sextet.cluster.judgement import LIVE, RENEWED
from sextet.engine import Journal
from sextet.model.config import Difference, is_peer_specific
from sextet.model.schema import Refused
from sextet.model.status import Stamp

TLS_PATH = "clustering.tls_verification_mode"
PLACES = ("clustering.peer_", "clustering.address_mapping")  # settings that say where peers are


class Telling:
    """Remembers what was said last, so that a peer that stays away is not told of again and again."""

    def __init__(self, log: Journal) -> None:
        self._journal = log
        self._heard: set[str] = set()  # peers whose links are live
        self._lost: set[str] = set()  # peers that were lost and not dialled since
        self._failures: dict[str, str] = {}  # peer -> why it could not be reached, as it was told last
        self._synchronised = Stamp()
        self._tls_at_start = ""

    def started(self, tls_mode: str) -> None:
        """Remember the TLS verification mode with which this peer started."""
        self._tls_at_start = tls_mode

    def link(self, peer: str, state: str, reason: str) -> None:
        """The link to a peer has another state now."""
        journal.link_state(self._journal, peer, state, reason)
        if reason in RENEWED:
            return
        if state == LIVE:
            self._failures.pop(peer, None)
            if peer not in self._heard:
                self._heard.add(peer)
                journal.peer_returned(self._journal, peer)
        elif state == "DOWN" and peer in self._heard:
            self._heard.discard(peer)
            self._lost.add(peer)
            journal.peer_lost(self._journal, peer, reason)
        elif state == "CONNECTING" and peer in self._lost:  # the first try after the loss
            self._lost.discard(peer)
            journal.connecting(self._journal, peer)
        elif state == "DOWN" and reason and self._failures.get(peer) != reason:
            self._failures[peer] = reason
            journal.connection_failed(self._journal, peer, reason)

    def shared(self, differences: Sequence[Difference]) -> None:
        """Settings that all peers share are others now."""
        journal.configuration_in_force(self._journal, differences)
        self._of_cluster(differences)

    def own(self, differences: Sequence[Difference]) -> None:
        """Settings were changed here; those that are specific to this peer are told, the others come with `shared`."""
        specific = [one for one in differences if _is_specific(one.path)]
        journal.configuration_in_force(self._journal, specific)
        self._of_cluster(specific)

    def synchronised(self, peers: Sequence[tuple[str, str]], primary: int, number: int, stamp: Stamp) -> None:
        """This peer has what the primary has, and if it is the primary, the others have it; told once for a stamp."""
        if stamp == self._synchronised:
            return
        self._synchronised = stamp
        journal.synchronisation_started(self._journal, peers, primary, number)
        journal.synchronisation_completed(self._journal, is_primary=number == primary)

    def _of_cluster(self, differences: Sequence[Difference]) -> None:
        paths = [one.path for one in differences if one.path.startswith("clustering.")]
        if not paths:
            return
        mode = next((one.new for one in differences if one.path == TLS_PATH), "")
        journal.cluster_configuration_changed(self._journal, self._tls_at_start, mode)
        if mode or any(path.startswith(PLACES) for path in paths):
            journal.alternates_changed(self._journal)


def _is_specific(path: str) -> bool:
    try:
        return is_peer_specific(path)
    except Refused:  # an item whose name cannot be written as a path
        return False
