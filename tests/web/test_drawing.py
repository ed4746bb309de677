"""The mesh picture: six fixed places, each half of a line as its own peer sees it."""

from __future__ import annotations

from sextet.admin.peers.mesh import mesh
from sextet.web.drawing import picture
from tests.support.fake_peer import FakePeer


def test_every_place_is_drawn_and_every_pair_once() -> None:
    drawn = picture(mesh(FakePeer(1, peers=6)))
    assert [dot.number for dot in drawn.dots] == [1, 2, 3, 4, 5, 6]
    assert len(drawn.lines) == 15
    assert len({(line.x, line.y) for line in drawn.lines}) == 15  # no label covers another


def test_places_without_a_peer_are_free() -> None:
    drawn = picture(mesh(FakePeer(1, peers=2)))
    assert [dot.number for dot in drawn.dots if dot.node] == [1, 2]


def test_a_half_open_link_is_drawn_as_each_side_sees_it() -> None:
    face = FakePeer(1)
    face.cut(2, 3, "refused")
    line = next(line for line in picture(mesh(face)).lines if "expc02" in line.sentence and "expc03" in line.sentence)
    assert [half.tone for half in line.halves] == ["bad", "ok"]
    assert (line.mark, line.label) == ("✘", "")


def test_what_is_not_known_is_not_drawn_as_working() -> None:
    face = FakePeer(1)
    face.silence(3)
    tones = {half.tone for line in picture(mesh(face)).lines if "expc03" in line.sentence for half in line.halves}
    assert "ok" not in {half.tone for line in picture(mesh(face)).lines for half in line.halves if half.tone == "off"}
    assert "bad" in tones
