"""What the agent writes into shared memory."""

from __future__ import annotations

import pytest

from sextet.sip.kemi.agent import _in_full


@pytest.mark.parametrize(
    ("ip", "written"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8:0:0:0:0:0:1"),
        ("::ffff:192.0.2.1", "0:0:0:0:0:ffff:c000:201"),
        ("zone.example", "zone.example"),
    ],
)
def test_addresses_are_written_as_kamailio_compares_them(ip: str, written: str) -> None:
    assert _in_full(ip) == written
