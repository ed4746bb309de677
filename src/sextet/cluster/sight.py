"""What of a running peer can be looked at: settings, status, rows of all peers, checks, history (face.Face)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sextet.cluster.capacity.judging import Load
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.following import Following
from sextet.cluster.configuration.history import GENESIS
from sextet.cluster.configuration.revisions import Kept, Store
from sextet.cluster.face import Checked, ClusterStatus, Owned, Revision, Used
from sextet.cluster.judgement import judge
from sextet.cluster.lifecycle import Lifecycle
from sextet.cluster.requirements.reports import Reports
from sextet.cluster.rows.live import Live
from sextet.model import config
from sextet.model.config import Change, Difference
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.status import Alarm, Call, PastAlarm, PeerStatus, Registration, Stamp, ZoneStatus
from sextet.model.undoing import undone


class Sight:
    """The half of a peer that changes nothing; the other half, Peer, makes these parts."""

    live: Live
    lifecycle: Lifecycle
    _store: Store
    _custody: Custody
    _editor: Editor
    _following: Following
    _reports: Reports

    @property
    def host_name(self) -> str:
        """By which this system is shown."""
        return self._following.host_name()

    @property
    def saved(self) -> Root:
        return self._editor.saved

    @property
    def running(self) -> Root:
        return replace(self._editor.saved, clustering=self._following.running)

    def status(self) -> ClusterStatus:
        return replace(judge(self._following.evidence()), reset_list=self.lifecycle.armed)

    def registrations(self) -> Mapping[int, Mapping[str, Registration]]:
        return {number: self.live.view.registered(number) for number in self._following.names()}

    def owned(self, rows: Sequence[tuple[int, Registration]]) -> Sequence[Owned[Registration]]:
        names, stale, age_s = self._following.names(), self._following.stale(), self.live.view.age_s
        return [
            Owned(number, names[number], row, max(0.0, age_s(number, row.since_s)), number in stale)
            for number, row in rows
        ]

    def calls(self) -> Sequence[Owned[Call]]:
        return self.live.view.owned(Call, self._following.names(), self._following.stale())

    def bandwidth(self) -> Mapping[str, Used]:
        return {element: Used(*kbps) for element, kbps in self.live.usage.use().items()}

    def alarms(self) -> Sequence[Owned[Alarm]]:
        return self.live.view.owned(Alarm, self._following.names(), self._following.stale())

    def past_alarms(self) -> Sequence[Owned[PastAlarm]]:
        return self.live.view.owned(PastAlarm, self._following.names(), self._following.stale())

    def statuses(self) -> Sequence[Owned[PeerStatus]]:
        return self.live.view.owned(PeerStatus, self._following.names(), self._following.stale())

    def load(self) -> Load:
        return self._following.load()

    def zones(self) -> Sequence[Owned[ZoneStatus]]:
        return self.live.view.owned(ZoneStatus, self._following.names(), self._following.stale())

    def checks(self) -> Checked:
        return self._reports.checked()

    def history(self, most: int = 50) -> Sequence[Revision]:
        return [
            Revision(
                stamp=kept.version.stamp,
                digest=kept.version.digest,
                user=kept.version.user,
                source=kept.version.source,
                age_s=kept.age_s,
                summary=kept.version.summary,
                set_aside=kept.aside,
            )
            for kept in self._store.headings(most)
        ]

    def undoing(self, stamp: Stamp) -> Sequence[Change]:
        kept = self._kept(stamp)
        if kept.aside:
            raise Refused(Problem("", f"{stamp} was set aside and is not in force; there is nothing to undo."))
        before = self._store.before(stamp)
        other = before.version if before else GENESIS
        now = config.shared_part(config.to_document(self.saved))
        return undone(other.document, kept.version.document, now)

    def difference_of(self, stamp: Stamp) -> Sequence[Difference]:
        kept = self._kept(stamp)
        before = self._store.before(stamp)
        other = self._custody.head if kept.aside else before.version if before else GENESIS
        return config.differences(other.document, kept.version.document)

    def _kept(self, stamp: Stamp) -> Kept:
        kept = self._store.at(stamp)
        if kept is None:
            raise Refused(Problem("", f"There is no {stamp} here any more; `config history` lists what there is."))
        return kept
