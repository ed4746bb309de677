"""Ancestry of versions, and how they are written."""

from __future__ import annotations

import dataclasses
import random
import zlib

import pytest

from sextet.cluster.configuration.history import (
    GENESIS,
    LINEAGE_MAX,
    Version,
    from_row,
    includes,
    opening,
    successor,
    to_row,
)
from sextet.model.config import DOCUMENT_BYTES_MAX, canonical
from sextet.model.status import Stamp

MADE = {"user": "admin", "source": "cli", "summary": ""}


def test_a_version_includes_itself_and_all_that_it_grew_out_of() -> None:
    line = [_open(GENESIS, 1, "a")]
    line.append(successor(line[-1], {"n": 1}, **MADE))
    line.append(_open(line[-1], 2, "b"))
    line.append(_open(line[-1], 3, "a"))
    assert all(includes(line[-1], version.stamp) for version in (GENESIS, *line))


def test_a_version_does_not_include_what_was_written_beside_its_line() -> None:
    first = _open(GENESIS, 1, "a")
    alone = successor(first, {"n": 1}, **MADE)
    after = _open(first, 2, "b")
    assert not includes(after, alone.stamp) and not includes(alone, after.stamp)
    assert not includes(_open(first, 2, "c"), after.stamp)


def test_revision_numbers_grow_through_a_change_of_term() -> None:
    assert _open(_open(GENESIS, 1, "a"), 2, "b").stamp == Stamp(2, "b", 2)


def test_the_lineage_is_bounded_and_forgets_the_oldest() -> None:
    line = [_open(GENESIS, 1, "a")]
    for term in range(2, LINEAGE_MAX + 10):
        line.append(_open(line[-1], term, "a"))
    assert len(line[-1].lineage) == LINEAGE_MAX
    assert includes(line[-1], line[-LINEAGE_MAX].stamp) and not includes(line[-1], line[0].stamp)


def test_a_version_comes_back_from_its_row() -> None:
    version = _open(_open(GENESIS, 1, "a"), 2, "ü")
    assert from_row(to_row(version)) == version


@pytest.mark.parametrize("wrong", [{"digest": "0" * 64}, {"document": {"n": 2}}, {"lineage": (Stamp(),) * 65}])
def test_a_row_that_does_not_fit_itself_is_refused(wrong: dict[str, object]) -> None:
    version = _open(GENESIS, 1, "a")
    with pytest.raises(ValueError):
        from_row(to_row(dataclasses.replace(version, **wrong)))  # type: ignore[arg-type]


def test_a_row_that_unpacks_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        from_row(zlib.compress(b" " * (DOCUMENT_BYTES_MAX + (1 << 20))))


def test_random_bytes_may_be_refused_but_raise_nothing_else() -> None:
    dice = random.Random(4)
    good = to_row(_open(GENESIS, 1, "a"))
    texts = [b"[]", b"{}", b'"x"', b"1", b'{"stamp":[1,2]}', b"\xff", canonical({"stamp": [1, "a", -1]})]
    for text in [*texts, b"[" * 100_000]:
        with pytest.raises(ValueError):
            from_row(zlib.compress(text))
    for _ in range(2000):
        broken = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            from_row(bytes(broken))
        except ValueError:
            continue


def _open(parent: Version, term: int, author: str) -> Version:
    return opening(parent, {"term": term}, cluster="c", term=term, author=author, **MADE)


def test_a_row_says_which_version_of_sextet_shows_it_and_that_changes_nothing_about_the_content() -> None:
    version = _open(GENESIS, 1, "a")
    shown = from_row(to_row(dataclasses.replace(version, software="2.0.0")))
    assert shown.software == "2.0.0" and shown == version
    assert from_row(to_row(version)).software == ""
