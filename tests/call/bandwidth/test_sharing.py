"""What one peer may hand out of a limit that it shares with others."""

from __future__ import annotations

import pytest

from sextet.call.bandwidth.sharing import room


@pytest.mark.parametrize(
    ("own", "others", "confirmed", "peers", "left"),
    [
        (0, 0, 0, 1, 1000),
        (900, 0, 0, 1, 100),  # nobody to share with
        (0, 0, 0, 2, 1000),  # all is known: one call may take all of it
        (384, 0, 0, 2, 116),  # half of 1000 is the share, 384 of it is taken and nobody has heard yet
        (384, 0, 384, 2, 616),
        (384, 300, 0, 3, -151),
        (600, 0, 0, 2, -100),
        (0, 1200, 0, 2, -200),
        (100, 0, 700, 2, 900),  # given back, though the others still reckon with more
    ],
)
def test_the_share_of_a_peer(own: int, others: int, confirmed: int, peers: int, left: int) -> None:
    assert room(1000, own, others, confirmed, peers) == left
