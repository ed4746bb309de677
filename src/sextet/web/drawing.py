"""Where everything of the mesh picture stands: six fixed places on a hexagon, and each pair's line in two halves.

The half beside a peer shows how that peer sees the other, so that a link that works one way only is seen at a glance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sextet.admin.peers.mesh import Edge, Mesh, Node

CENTRE_X, CENTRE_Y, RADIUS = 280.0, 210.0, 140.0  # in a picture of 560 by 420
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
    name_x: float
    name_y: float
    side: str  # on which the name begins: start middle end
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
    side = {1: "middle", 4: "middle", 2: "start", 3: "start"}.get(number, "end")
    name_x = round(x + {"start": 1, "middle": 0, "end": -1}[side] * (NODE_RADIUS + 9), 1)
    name_y = round(y + {1: -NODE_RADIUS - 23, 4: NODE_RADIUS + 18}.get(number, -2), 1)
    x, y = round(x, 1), round(y, 1)
    return Dot(number=number, x=x, y=y, name_x=name_x, name_y=name_y, side=side, tone=tone, node=node)


def _line(edge: Edge) -> Line:
    a, b = _place(edge.a), _place(edge.b)
    # Opposite peers' lines all pass the centre: their labels stand at a third of the way instead, each at another one.
    share = 0.36 if abs(edge.a - edge.b) == PEERS_MAX // 2 else 0.5
    mark, tone = _MARKS.get(edge.state, ("", "ok" if edge.state == "live" else "off"))
    label = f"{edge.round_trip_ms:.1f} ms" if edge.state == "live" and edge.round_trip_ms else ""
    halves = (_half(a, b, edge.there.state), _half(b, a, edge.back.state))
    x, y = (round(p + (q - p) * share, 1) for p, q in zip(a, b, strict=True))
    return Line(halves=halves, x=x, y=y, label=label, mark=mark, tone=tone, sentence=edge.sentence)


def _half(near: tuple[float, float], far: tuple[float, float], state: str) -> Half:
    (x1, y1), (x2, y2) = near, ((near[0] + far[0]) / 2, (near[1] + far[1]) / 2)
    tone = _TONES.get(state, "off")
    return Half(x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1), tone=tone)
