"""What Kamailio's processes report."""

from __future__ import annotations

import json
import random

import pytest

from sextet.model.searches import Answer
from sextet.sip.events import Answered, CallEnded, LoopDetected, Numbered, Registered, Searched, Sequences, decoded


def message(sequence: int = 1, worker: str = "w", **fields: object) -> bytes:
    return json.dumps({"worker": worker, "sequence": sequence, **fields}).encode()


def test_a_list_of_bindings_is_read() -> None:
    rows = [["sip:a@192.0.2.1", "dev;1", "192.0.2.1:5060;udp", "phone", 60]]
    event = decoded(message(kind="bindings", alias="a@b", bindings=rows, order=4)).event
    assert isinstance(event, Registered)
    assert (event.alias, event.bindings[0].device, event.bindings[0].granted_s, event.order) == ("a@b", "dev;1", 60, 4)


def test_an_ended_call_is_read() -> None:
    event = decoded(message(kind="ended", call_id="c", reason="Normal", order=1)).event
    assert event == CallEnded(call_id="c", reason="Normal", order=1)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"7", message(), message(kind="?"),
     message(kind="bindings", alias="a", bindings=[1], order=1),
     message(kind="call", call={"x": 1}, order=1), message(kind="ended", call_id="c", reason="r", order="x")],
)  # fmt: skip
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decoded(data)


def test_random_bytes_raise_nothing_else() -> None:
    dice = random.Random(4)
    whole = message(kind="bindings", alias="a@b", bindings=[["c", "d", "e", "f", 1]], order=4)
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            decoded(bytes(data))
        except ValueError:
            continue


def test_a_missing_number_is_noticed_once_per_worker() -> None:
    event = CallEnded(call_id="c", reason="", order=1)
    numbers = [("a", 1), ("b", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5), ("a", 3)]
    sequences = Sequences()
    missed = [sequences.missed(Numbered(worker, sequence, event)) for worker, sequence in numbers]
    assert missed == [False, False, False, True, False, True, False]


def test_searches_answers_and_loops_are_read() -> None:
    values = {
        "id": "1", "tag": "t", "call_id": "c", "method": "INVITE", "protocol": "SIP", "source_kind": "local",
        "source": "LocalZone", "source_number": 0, "caller": "a", "alias": "b", "authenticated": True, "hops": 70,
        "generation": 1, "registered": {}, "notes": [["rule", "R", True, "b", "b", "asked", 7, "Paris"]],
        "targets": [["Paris", "b", "R"]], "status": 0, "reason": "",
    }  # fmt: skip
    event = decoded(json.dumps({**_NUMBERED, "kind": "search", "search": values}).encode()).event
    assert isinstance(event, Searched)
    assert (event.search.steps[0].finding, event.search.asked[0].target) == ("asked", "Paris")
    told = {
        **_NUMBERED,
        "kind": "answers",
        "id": "1",
        "status": 404,
        "final": True,
        "answers": [[0, 404, 12, "Not Found"]],
        "reason": "so",
    }
    assert decoded(json.dumps(told).encode()).event == Answered(
        name="1", status=404, answers=(Answer(0, 404, 12, "Not Found"),), final=True, reason="so"
    )
    loop = {**_NUMBERED, "kind": "loop", "alias": "b", "source": "Paris", "tag": "t"}
    assert decoded(json.dumps(loop).encode()).event == LoopDetected(alias="b", source="Paris", tag="t")


_NUMBERED = {"worker": "1.1", "sequence": 1}
