"""Loops of one call, and what is none."""

from __future__ import annotations

from dataclasses import replace

from sextet.call.loop import looped, mark
from sextet.call.search import Request
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind

ASKED = Request(protocol="SIP", alias="bob@apolo.local", source=DEFAULT, tag="t1")


def test_the_same_call_from_the_same_place_for_the_same_alias_is_a_loop_on_every_peer() -> None:
    trail = [mark(ASKED, b"cluster")]
    assert looped(mark(replace(ASKED, alias="BOB@apolo.local", hops=3, authenticated=True), b"cluster"), trail)


def test_another_tag_alias_protocol_source_or_cluster_is_none() -> None:
    trail = [mark(ASKED, b"cluster")]
    others = [
        replace(ASKED, tag="t2"),
        replace(ASKED, alias="eve@apolo.local"),
        replace(ASKED, protocol="H323"),
        replace(ASKED, source=LOCAL),
        replace(ASKED, source=Source(SourceKind.ZONE, "London")),
    ]
    assert not any(looped(mark(other, b"cluster"), trail) for other in others)
    assert not looped(mark(ASKED, b"another"), trail)


def test_a_mark_is_short_and_plain() -> None:
    for alias in ("bob@x", "會議室", "\udcff", "a\nb" * 100):
        made = mark(replace(ASKED, alias=alias), b"")
        assert len(made) == 16
        assert made.isalnum()
