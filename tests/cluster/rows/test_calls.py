"""The book of own calls."""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.rows.books import DropRow, PutRow
from sextet.cluster.rows.calls import CallBook
from sextet.model.status import Call

ONE = Call(call_id="a@x", serial="1", tag="t", source="alice", destination="bob", state="ringing", since_s=0.0)
TWO = replace(ONE, call_id="b@x", serial="2")


def test_a_call_is_one_row_until_it_ends() -> None:
    book = CallBook()
    connected = replace(ONE, state="connected")
    assert book.changed(ONE) == [PutRow("call", "1", ONE)]
    assert book.changed(ONE) == []
    assert book.changed(connected) == [PutRow("call", "1", connected)]
    assert book.ended("a@x") == [DropRow("call", "1")]
    assert book.ended("a@x") == []


def test_a_picture_replaces_all_calls() -> None:
    book = CallBook()
    book.changed(ONE)
    assert book.picture([TWO]) == [DropRow("call", "1"), PutRow("call", "2", TWO)]
    assert book.picture([TWO]) == []


def test_a_call_with_a_new_serial_leaves_no_old_row() -> None:
    book = CallBook()
    book.changed(ONE)
    again = replace(ONE, serial="9")
    assert book.changed(again) == [DropRow("call", "1"), PutRow("call", "9", again)]
