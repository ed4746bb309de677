"""A storm of new registrations is spread."""

from __future__ import annotations

import heapq
import random

from sextet.call.pacing import RETRY_MAX_S, Pace, enter


def storm(devices: int, per_s: int, within_s: float) -> tuple[list[float], int]:
    """Play a storm: gives when each device was let in, and the most that were refused one time after another."""
    dice = random.Random(4)
    waiting = [(dice.random() * within_s, 0, number) for number in range(devices)]
    heapq.heapify(waiting)
    pace, entered, worst = Pace(), [], 0
    while waiting:
        now_s, tries, number = heapq.heappop(waiting)
        pace, again_s = enter(pace, now_s, per_s, dice.random())
        if again_s:
            worst = max(worst, tries + 1)
            heapq.heappush(waiting, (now_s + again_s, tries + 1, number))
        else:
            entered.append(now_s)
    return entered, worst


def test_as_many_as_a_second_holds_enter_at_once_and_the_next_is_told_when_to_come_again() -> None:
    pace = Pace()
    for _ in range(100):
        pace, again_s = enter(pace, 10.0, 100, 0.0)
        assert again_s == 0
    pace, again_s = enter(pace, 10.0, 100, 0.0)
    assert again_s == 1
    assert enter(pace, 11.0, 100, 0.0)[1] == 0


def test_who_comes_later_is_sent_further_away_and_nobody_further_than_three_minutes() -> None:
    pace, waits = Pace(), []
    for _ in range(5000):
        pace, again_s = enter(pace, 0.0, 10, 0.0)
        waits.append(again_s)
    assert waits == sorted(waits)
    assert waits[-1] == RETRY_MAX_S


def test_a_storm_never_exceeds_its_rate_and_everybody_enters_soon() -> None:
    entered, worst = storm(devices=5000, per_s=200, within_s=2.0)
    assert len(entered) == 5000
    for second in range(int(max(entered)) + 1):
        assert sum(second <= moment < second + 1 for moment in entered) <= 400  # the burst and the second's own
    assert max(entered) < 2 * 5000 / 200
    assert worst <= 8


def test_a_quiet_system_refuses_nobody() -> None:
    pace = Pace()
    for number in range(1000):
        pace, again_s = enter(pace, number / 100, 200, 0.99)
        assert again_s == 0
