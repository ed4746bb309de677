"""Which requests outside a dialog are answered before anything is searched for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sip.kemi.test_script import BOB, Bench


@pytest.mark.parametrize(
    ("contact", "refused"),
    [
        ("", True), ("*", True), ("<sip:a@192.0.2.9>, <sip:b@192.0.2.9>", True), ("<sip:a@192.0.2.9>", False),
        ("sip:a@192.0.2.9;transport=tcp", False), ('"A, B" <sip:a,b@192.0.2.9>', False),
    ],
)  # fmt: skip
def test_a_call_of_which_nobody_would_tell_the_end_is_not_begun(tmp_path: Path, contact: str, refused: bool) -> None:
    bench = Bench(tmp_path)
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    bench.told.clear()
    bench.invite(Contact=contact)
    assert ((400, "Bad Request") in bench.ksr.replies, bool(bench.ksr.relayed), bool(bench.told)) == (
        refused, not refused, not refused
    )  # fmt: skip
