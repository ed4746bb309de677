"""Rows: what travels, and what is refused."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sextet.model.status import Binding, Call, LinkStatus, PeerStatus, Registration, Stamp, from_row, to_row

ROWS: list[Any] = [
    Registration(alias="會議室@apolo.local", since_s=7.5, bindings=(Binding(contact="sip:a@b", device="d"),)),
    Call(call_id="c", serial="1", tag="t", source="a", destination="b", state="ringing", since_s=1.0),
    PeerStatus(
        peer_id="p",
        address="expc01",
        host_name="expc01",
        version="1",
        now_s=1.0,
        started_s=0.0,
        held=Stamp(2, "p", 7),
        peers=("expc01", "expc02"),
        links=(LinkStatus(peer="expc02", state="LIVE"),),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_row_survives_its_journey(row: Any) -> None:
    assert from_row(type(row), to_row(row)) == row


def test_what_a_newer_version_adds_is_ignored() -> None:
    document = json.loads(to_row(ROWS[0])) | {"colour": "red"}
    document["bindings"][0]["shape"] = 7
    assert from_row(Registration, json.dumps(document).encode()) == ROWS[0]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'"alias"',
        b'{"alias": "a"}',
        b'{"alias": 7, "since_s": 1}',
        b'{"alias": "a", "since_s": "1"}',
        b'{"alias": "a", "since_s": true}',
        b'{"alias": "a", "since_s": NaN}',
        b'{"alias": "a", "since_s": Infinity}',
        b'{"alias": "a", "since_s": 1, "bindings": "x"}',
        b'{"alias": "a", "since_s": 1, "bindings": {"contact": 1}}',
        b'{"alias": "a", "since_s": 1, "bindings": [[]]}',
        b'{"alias": "a", "since_s": ' + b"9" * 400 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_row_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        from_row(Registration, text)


def test_damaged_rows_are_read_or_refused_and_never_raise_anything_else() -> None:
    dice = random.Random(2)
    for row in ROWS:
        data = to_row(row)
        for _ in range(500):
            place = dice.randrange(len(data))
            damaged = data[:place] + bytes([dice.randrange(256)]) + data[place + dice.randrange(3) :]
            try:
                assert isinstance(from_row(type(row), damaged), type(row))
            except ValueError:
                continue


def test_the_higher_term_wins_then_the_author_then_the_revision() -> None:
    ordered = [Stamp(), Stamp(1, "a", 9), Stamp(1, "b", 1), Stamp(1, "b", 2), Stamp(2, "a", 1)]
    assert sorted(reversed(ordered)) == ordered
    assert str(Stamp(2, "a", 7)) == "r7 (term 2)"
