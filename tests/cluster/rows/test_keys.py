"""Is the key of a row safe for NATS, and does it come back as it went in?"""

from __future__ import annotations

import random
import re

import pytest

from sextet.cluster.rows.keys import KeyTooLong, decode_key, encode_key


def test_an_alias_is_escaped() -> None:
    assert encode_key("reg", "alice@example.com") == "reg.alice=40example=2Ecom"


def test_every_name_comes_back_and_nats_accepts_it() -> None:
    dice = random.Random(1)
    for _ in range(500):
        name = "".join(chr(dice.choice((dice.randrange(32, 127), dice.randrange(1, 0xD7FF)))) for _ in range(20))
        key = encode_key("reg", name)
        assert decode_key(key) == ("reg", name)
        assert re.fullmatch(r"reg\.[-_=a-zA-Z0-9]+", key)


def test_bytes_that_are_not_utf8_come_back_too() -> None:
    name = b"\xff\xfe@x".decode(errors="surrogateescape")
    assert decode_key(encode_key("reg", name)) == ("reg", name)


def test_a_kind_stands_alone() -> None:
    assert decode_key(encode_key("config")) == ("config", "")


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(KeyTooLong):
        encode_key("reg", "x" * 1100)
