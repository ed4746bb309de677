"""Where everything of the mesh picture stands: six fixed places on a hexagon, and each pair's line in two halves.

The half beside a peer shows how that peer sees the other, so that a link that works one way only is seen at a glance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sextet.admin.mesh import Edge, Mesh, Node

WIDTH, HEIGHT = 500, 430
CENTRE_X, CENTRE_Y, RADIUS = 250.0, 200.0, 150.0
NODE_RADIUS = 25.0
PEERS_MAX = 6
_TONES = {"live": "ok", "joining": "warn", "half-open": "bad", "down": "bad", "disabled": "bad"}
_MARKS = {"half-open": ("✘", "bad"), "down": ("✘", "bad"), "disabled": ("✘", "bad"), "joining": ("…", "warn")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half of a line: from a peer to the middle."""

    x1: float
    y1: float
    x2: float
    y2: float
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One pair of peers."""

    halves: tuple[Half, Half]
    x: float  # of its label
    y: float
    label: str
    mark: str
    tone: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One place of the hexagon, taken or free."""

    number: int
    x: float
    y: float
    name_y: float
    tone: str = ""
    node: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything to draw."""

    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]


def picture(mesh: Mesh) -> Picture:
    """Place every peer and every pair."""
    nodes = {node.number: node for node in mesh.nodes}
    dots = tuple(_dot(number, nodes.get(number)) for number in range(1, PEERS_MAX + 1))
    return Picture(dots=dots, lines=tuple(_line(edge) for edge in mesh.edges))


def _place(number: int) -> tuple[float, float]:
    angle = math.radians(-90 + 60 * (number - 1))
    return CENTRE_X + RADIUS * math.cos(angle), CENTRE_Y + RADIUS * math.sin(angle)


def _dot(number: int, node: Node | None) -> Dot:
    x, y = _place(number)
    tone = _TONES.get(node.state, "off") if node else ""
    return Dot(number=number, x=round(x, 1), y=round(y, 1), name_y=round(y + NODE_RADIUS + 17, 1), tone=tone, node=node)


def _line(edge: Edge) -> Line:
    (ax, ay), (bx, by) = _place(edge.a), _place(edge.b)
    # Opposite peers' lines all pass the centre: their labels stand at a third of the way instead, each at another one.
    share = 0.36 if abs(edge.a - edge.b) == PEERS_MAX // 2 else 0.5
    mark, tone = _MARKS.get(edge.state, ("", "ok" if edge.state == "live" else "off"))
    label = f"{edge.round_trip_ms:.1f} ms" if edge.state == "live" and edge.round_trip_ms else ""
    mid_x, mid_y = (ax + bx) / 2, (ay + by) / 2
    near = Half(x1=round(ax, 1), y1=round(ay, 1), x2=round(mid_x, 1), y2=round(mid_y, 1), tone=_TONES.get(edge.there.state, "off"))  # fmt: skip
    far = Half(x1=round(bx, 1), y1=round(by, 1), x2=round(mid_x, 1), y2=round(mid_y, 1), tone=_TONES.get(edge.back.state, "off"))  # fmt: skip
    x, y = ax + (bx - ax) * share, ay + (by - ay) * share
    return Line(halves=(near, far), x=round(x, 1), y=round(y, 1), label=label, mark=mark, tone=tone, sentence=edge.sentence)  # fmt: skip
