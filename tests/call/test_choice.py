"""In which order the addresses of a zone are tried."""

from __future__ import annotations

from sextet.call.choice import Load, Seen, in_order, load_of, written

A, B, C = (f"sip:192.0.2.{n}:5061;transport=tls" for n in (1, 2, 3))


def test_the_freest_comes_first_where_they_say_so() -> None:
    seen = {A: Seen(free=3), B: Seen(free=90), C: Seen(free=10)}
    assert in_order([A, B, C], seen, turn=7) == [B, C, A]


def test_others_are_taken_in_turn() -> None:
    assert [in_order([A, B, C], {}, turn)[0] for turn in range(4)] == [A, B, C, A]
    assert in_order([A, B, C], {}, 1) == [B, C, A]


def test_what_does_not_answer_or_is_in_maintenance_is_passed_over() -> None:
    assert in_order([A, B], {A: Seen(usable=False, free=99), B: Seen(free=1)}, 0) == [B]
    assert in_order([A], {A: Seen(usable=False)}, 0) == []


def test_who_says_how_much_he_can_take_comes_before_who_does_not() -> None:
    assert in_order([A, B], {B: Seen(free=0)}, 0) == [B, A]


def test_what_one_peer_writes_another_reads() -> None:
    for maintenance in (False, True):
        before, after = written(500, maintenance)
        assert load_of(f"{before}20{after}") == Load(free=480, maintenance=maintenance)
    assert load_of("max=5;current=9") == Load(free=0, maintenance=False)
    for other in ("", "max=;current=", "max=5;current=2;else", "max=99999999;current=0", "5/3"):
        assert load_of(other) is None
