"""Which alarms are raised on this peer: set by level, shown until the cause is gone, told once to the journal.

Acknowledging only says that somebody has seen it; it is forgotten with the alarm and, as in the original, with a
restart. What was lowered stays listed for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sextet import journal
from sextet.engine import Journal
from sextet.model.alarms import AlarmType
from sextet.model.status import Alarm, PastAlarm

KEYS_MAX = 1000  # alarms raised or remembered at once; more than that is one fault with many names
PAST_MAX = 100  # lowered alarms that are listed; older ones stand in the Event log
_Place = tuple[int, str]


class Alarms:
    """The alarms of this peer; `put`, `drop` and `past` publish rows by name, `clock` is the peer's monotonic one."""

    def __init__(
        self,
        log: Journal,
        put: Callable[[str, Alarm], None],
        drop: Callable[[str], None],
        clock: Callable[[], float],
        past: Callable[[str, PastAlarm], None],
    ) -> None:
        self._journal = log
        self._put = put
        self._drop = drop
        self._clock = clock
        self._past = past
        self._ended = 0  # how many were lowered
        self._raised: dict[_Place, Alarm] = {}
        self._lowered: dict[_Place, Alarm] = {}  # how often and when first, should it come again

    def set(self, alarm: AlarmType, key: str, active: bool, detail: str = "") -> None:
        """Say whether the cause is there now, as often as one likes; `detail` is what was measured, one sentence."""
        place = (alarm.number, key)
        raised = self._raised.get(place)
        if not active:
            if raised:
                self._lower(alarm, key)
        elif raised is None:
            self._raise(alarm, key, detail)
        elif raised.detail != detail:
            self._publish(replace(raised, detail=detail))

    def set_all(self, alarm: AlarmType, causes: Mapping[str, str]) -> None:
        """Raise this alarm for exactly these keys, with their details, and lower it for every other."""
        for number, key in list(self._raised):
            if number == alarm.number and key not in causes:
                self.set(alarm, key, False)
        for key, detail in causes.items():
            self.set(alarm, key, True, detail)

    def acknowledge(self, alarm: AlarmType, key: str, who: Mapping[str, str]) -> bool:
        """Note that an administrator has seen it, with the audit's fields; false where it is not raised."""
        raised = self._raised.get((alarm.number, key))
        if raised is None:
            return False
        if not raised.acknowledged:
            self._publish(replace(raised, acknowledged=True, acknowledged_by=who.get("User", "")))
            journal.alarm_acknowledged(self._journal, alarm, raised.detail, who)
        return True

    def raised(self) -> tuple[Alarm, ...]:
        """What is raised now, oldest first."""
        return tuple(self._raised.values())

    def rows(self) -> dict[str, Alarm]:
        """Every row as it should be published."""
        return {row_name(alarm.number, alarm.key): alarm for alarm in self._raised.values()}

    def _raise(self, alarm: AlarmType, key: str, detail: str) -> None:
        place = (alarm.number, key)
        if len(self._raised) >= KEYS_MAX:
            return
        now = self._clock()
        before = self._lowered.pop(place, None)
        first_s, count = (before.since_s, before.count + 1) if before else (now, 1)
        self._publish(Alarm(number=alarm.number, key=key, detail=detail, since_s=first_s, last_s=now, count=count))
        journal.alarm_raised(self._journal, alarm, detail)

    def _lower(self, alarm: AlarmType, key: str) -> None:
        place = (alarm.number, key)
        ended = self._lowered[place] = self._raised.pop(place)
        if len(self._lowered) > KEYS_MAX:
            del self._lowered[next(iter(self._lowered))]
        self._drop(row_name(*place))
        journal.alarm_lowered(self._journal, alarm, ended.detail)
        past = PastAlarm(
            number=alarm.number,
            key=key,
            detail=ended.detail,
            since_s=ended.last_s,
            lowered_s=self._clock(),
            acknowledged_by=ended.acknowledged_by,
        )
        self._past(str(self._ended % PAST_MAX), past)
        self._ended += 1

    def _publish(self, alarm: Alarm) -> None:
        self._raised[alarm.number, alarm.key] = alarm
        self._put(row_name(alarm.number, alarm.key), alarm)


def row_name(number: int, key: str) -> str:
    """Name an alarm's row."""
    return f"{number}.{key}"
