"""Why a REGISTER is not taken, and what becomes of fast paths, on the fake of Kamailio."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.sip.kemi.asking.questions import UNANSWERED
from tests.sip.kemi.test_script import ALICE, BOB, Bench

FLOW = "192.0.2.9:5060;udp"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_extension_that_is_required_and_not_known_is_named(bench: Bench) -> None:
    assert bench.register(Require="path, x-unknown") == (420, "Bad Extension")
    assert bench.ksr.reply_headers == ["Unsupported: x-unknown"]
    assert (bench.told[-1]["kind"], bench.told[-1]["status"]) == ("refused", 420)


@pytest.mark.parametrize(
    ("asked", "words"),
    [("", "wrong user name or password of ann"), (UNANSWERED, "the H.350 directory did not answer about ann")],
)
def test_credentials_that_prove_nothing_are_told_with_their_user(bench: Bench, asked: str, words: str) -> None:
    bench.ksr.request("REGISTER", "sip:apolo.local", to=f"sip:{ALICE}", **{"$au": "ann"})
    bench.ksr.htables["ldap"] = {"ann": asked} if asked else {}
    assert bench.script.unproved(None) == 1
    told = bench.told[-1]
    assert (told["alias"], told["status"], told["reason"]) == (ALICE, 401, words)


def test_an_address_is_that_of_whoever_registered_last_from_it(bench: Bench) -> None:
    bench.register(ALICE, Expires="3600")
    assert (bench.ksr.htables["flow"], bench.ksr.htables["host"]) == ({FLOW: ALICE}, {"192.0.2.9": ALICE})
    bench.register(BOB, Expires="3600")
    assert (bench.ksr.htables["flow"], bench.ksr.htables["host"]) == ({FLOW: BOB}, {"192.0.2.9": BOB})
    bench.register(ALICE, Expires="0")
    assert (bench.ksr.htables["flow"], bench.ksr.htables["host"]) == ({FLOW: BOB}, {"192.0.2.9": BOB})
    bench.register(BOB, Expires="0")
    assert (bench.ksr.htables["flow"], bench.ksr.htables["host"]) == ({}, {})
