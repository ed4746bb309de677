"""What a call carries through other systems, and whom it is believed from."""

from __future__ import annotations

import pytest

from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.sip.kemi.routing.carriage import MARKS_MAX, Carried, read, written

ZONE = Source(SourceKind.ZONE, "Paris")
TAG, MARK = "6fa1" * 8, "9c0e" * 4


def test_a_zone_is_believed_the_tag_and_everybody_the_marks() -> None:
    value = written(TAG, (MARK, "17ab" * 4))
    assert read(value, ZONE) == Carried(TAG, (MARK, "17ab" * 4))
    for source in (LOCAL, DEFAULT):
        assert read(value, source) == Carried("", (MARK, "17ab" * 4))


@pytest.mark.parametrize(
    "value", ["", "tag=;seen=", f"tag={TAG}", f"tag={TAG};seen=x", f"tag={'g' * 32};seen={MARK}", "x" * 100_000]
)
def test_what_is_not_of_this_form_carries_nothing(value: str) -> None:
    assert read(value, ZONE) == Carried()


def test_only_the_newest_marks_are_carried() -> None:
    marks = tuple(f"{n:016x}" for n in range(50))
    value = written(TAG, marks)
    assert read(value, ZONE).marks == marks[-MARKS_MAX:]
