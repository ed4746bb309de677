"""What moves when a transform is put in, and when a transform or rule is moved up or down."""

from __future__ import annotations

from typing import Any

from sextet.model.ordering import PRIORITY_MAX, moved, shifted

Rows = list[dict[str, Any]]


def rows(*priorities: int) -> Rows:
    return [{"priority": priority, "pattern": f"p{n}"} for n, priority in enumerate(priorities)]


def put_in(priority: int, *there: int) -> list[tuple[str, int]]:
    before = rows(*there)
    after = shifted({"transforms": before}, {"transforms": [*before, {"priority": priority, "pattern": "new"}]})
    return [(row["pattern"], row["priority"]) for row in after["transforms"]]


def test_a_new_transform_pushes_the_ones_after_it_as_far_as_needed() -> None:
    assert put_in(2, 1, 2, 3, 5) == [("p0", 1), ("p1", 3), ("p2", 4), ("p3", 5), ("new", 2)]
    assert put_in(4, 1, 2, 3, 5) == [("p0", 1), ("p1", 2), ("p2", 3), ("p3", 5), ("new", 4)]


def test_a_transform_that_takes_another_ones_priority_pushes_it() -> None:
    before = rows(1, 2, 3)
    after = shifted({"transforms": before}, {"transforms": [{**before[0], "priority": 3}, *before[1:]]})
    assert [row["priority"] for row in after["transforms"]] == [3, 2, 4]


def test_without_room_nothing_moves() -> None:
    assert put_in(PRIORITY_MAX, 1, PRIORITY_MAX)[1:] == [("p1", PRIORITY_MAX), ("new", PRIORITY_MAX)]


def test_what_is_no_row_is_left_to_validation() -> None:
    for bad in ([{"priority": "x"}], [7], [{}]):
        assert shifted({"transforms": rows(1)}, {"transforms": bad})["transforms"] == bad


def priorities(made: Rows) -> list[int]:
    return [row["priority"] for row in made]


def test_moving_swaps_priorities_and_leaves_a_priority_that_is_shared() -> None:
    made = rows(1, 5, 5, 9)
    assert priorities(moved(made, "pattern", "p1", up=True)) == [5, 1, 5, 9]
    assert priorities(moved(made, "pattern", "p1", up=False)) == [1, 6, 5, 9]
    assert priorities(moved(made, "pattern", "p2", up=True)) == [1, 5, 4, 9]
    assert priorities(moved(made, "pattern", "p3", up=True)) == [1, 5, 9, 5]


def test_moving_beyond_the_ends_or_what_is_not_there_changes_nothing() -> None:
    made = rows(1, 5)
    assert moved(made, "pattern", "p0", up=True) == made
    assert moved(made, "pattern", "p1", up=False) == made
    assert moved(made, "pattern", "gone", up=True) == made
    for shared, up, name in ((1, True, "p1"), (PRIORITY_MAX, False, "p0")):
        assert moved(rows(shared, shared), "pattern", name, up=up) == rows(shared, shared)
