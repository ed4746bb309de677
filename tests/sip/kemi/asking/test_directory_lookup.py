"""Requests of users whom the local database does not know, with the fake of Kamailio's interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.sip.kemi.asking import directory, questions
from tests.sip.kemi.test_script import Bench

HA1 = "0" * 32


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    send = made.script._reporter.send
    made.script._reporter.send = lambda fields, more=False: (send(fields), True)[1]  # type: ignore[method-assign, func-returns-value]
    return made


def asks(bench: Bench, **more: str) -> bool:
    """Run what kamailio.cfg runs for a user that it does not find; says whether the request goes on."""
    bench.ksr.request("REGISTER", "sip:apolo.local", **{"$au": "dora ünal", **more})
    return _goes_on(bench)


def _goes_on(bench: Bench) -> bool:
    assert bench.script.directory(None) == 1
    return not bench.ksr.values["$var(waits)"]


def test_an_unknown_user_waits_and_his_request_goes_on_with_what_was_answered(bench: Bench) -> None:
    assert not asks(bench)
    assert (bench.ksr.suspended, bench.ksr.replies) == (1, [])
    [asked] = [event for event in bench.told if event["kind"] == "question"]
    assert asked["questions"] == ["directory dora ünal"]
    questions.keep(bench.ksr, [(asked["questions"][0], [HA1], 300)])
    assert directory.ha1_of(bench.ksr, "dora ünal") == HA1
    assert bench.ksr.htables["dns"] == {}


def test_of_a_user_whom_nobody_knows_nothing_is_asked_again_and_nothing_proves_him(bench: Bench) -> None:
    questions.keep(bench.ksr, [("directory dora ünal", [], 10)])
    assert asks(bench)
    assert directory.ha1_of(bench.ksr, "dora ünal") == ""
    assert (bench.ksr.suspended, bench.ksr.replies) == (0, [])


@pytest.mark.parametrize("said", [[questions.UNANSWERED], None])
def test_who_cannot_be_looked_up_is_told_to_come_again(bench: Bench, said: list[str] | None) -> None:
    assert not asks(bench)
    if said is not None:
        questions.keep(bench.ksr, [("directory dora ünal", said, 5)])
    assert not _goes_on(bench)  # it ran again, after the answer or after its time
    assert bench.ksr.suspended == 1
    assert bench.ksr.replies == [(503, "Directory Not Available")]
    assert bench.ksr.reply_headers[0].startswith("Retry-After: 1")
    assert directory.ha1_of(bench.ksr, "dora ünal") == ""


def test_while_sextetd_is_away_nobody_waits_his_time_out(bench: Bench) -> None:
    bench.script._reporter.send = lambda fields, more=False: False  # type: ignore[method-assign]
    assert not asks(bench)
    assert bench.ksr.htables["asking"] == {"7:9": "0"}


def test_a_retransmission_asks_nothing(bench: Bench) -> None:
    bench.ksr.retransmission = True
    assert not asks(bench)
    assert (bench.ksr.suspended, bench.told) == (0, [])


def test_the_local_database_comes_first(bench: Bench) -> None:
    bench.ksr.htables["ha1"]["dora"] = "1" * 32
    bench.ksr.htables["ldap"]["dora"] = HA1
    assert directory.ha1_of(bench.ksr, "dora") == "1" * 32


def test_a_fault_lets_nobody_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "look_up", lambda *_: 1 / 0)
    assert not asks(bench)
    assert bench.ksr.replies == [(500, "Server Internal Error")]


def test_a_request_that_waited_has_its_transaction_whatever_it_waits_for_next(bench: Bench) -> None:
    bench.ksr.retransmission = True  # Kamailio makes no second one either
    assert not questions.begun(bench.ksr)
    bench.ksr.values["$avp(waited)"] = 2
    assert questions.begun(bench.ksr)
