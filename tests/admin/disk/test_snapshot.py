"""What leaves for support holds no secret."""

from __future__ import annotations

from sextet.admin.disk.snapshot import without


def test_words_that_are_secrets_are_dots_and_nothing_else_is() -> None:
    text = 'password="wonderland-7" wonderland wonderland-7, <wonderland-7>;x=wonderland-7'
    assert without(text, frozenset({"wonderland-7"})) == 'password="•••" wonderland •••, <•••>;x=•••'
    assert without(text, frozenset()) == text
