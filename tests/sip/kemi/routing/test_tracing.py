"""What is told of a search, against a KSR with behaviour: who was asked, who answered what, and why it ended so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from tests.sip.kemi.test_script import CONFIG, ZONE, Bench

OUT = replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.follow(OUT)
    return made


def test_what_a_search_was_and_what_its_targets_answered_is_told(bench: Bench) -> None:
    bench.ksr.values["$TV(Sn)"] = "100.5"
    bench.ksr.request("INVITE", "sip:x@other.test", **{"$TV(Sn)": "100.5", "$ci": "c" * 999})
    bench.script.initial(None)
    made = bench.searches[-1]["search"]
    assert (made["alias"], made["targets"], made["status"]) == ("x@other.test", [["Other", "x@other.test", "Out"]], 0)
    assert len(made["call_id"]) == 256
    said = ",".join(text.encode().hex() for text in ("Busy", 'Q.850;cause=17;text="in a meeting"'))
    bench.ksr.values |= {
        "$avp(legs)": " 0=0 1=",
        "$avp(said)": f" 0=404@100.75 1=486@101.0={said}",
        "$avp(person)": 486,
    }
    bench.ksr.status = 404
    bench.script.failed(None)
    told = bench.searches[-1]
    assert (told["id"], told["status"], told["final"]) == (made["id"], 486, True)
    assert told["answers"] == [[0, 404, 250, ""], [-1, 486, 500, "Busy: in a meeting"]]
    assert told["reason"] == "", "it is a target's"
    bench.script.cancelled(None)
    assert (bench.searches[-1]["status"], bench.searches[-1]["final"]) == (487, True)
    assert bench.searches[-1]["reason"] == "the caller gave up"
    bench.ksr.htables["cancelled"] = {f"{bench.ksr.values['$ci']} ": 1}
    bench.script.cancelled(None)
    assert bench.searches[-1]["reason"] == "another device answered"


@pytest.mark.parametrize(
    ("silence", "status", "reason"),
    [
        (False, 408, "nobody answered in time"),
        (True, 408, "nobody answered at all"),
        (False, 503, "nobody could be reached"),
    ],
)
def test_who_did_not_answer_is_told_with_why_the_search_ended(
    bench: Bench, silence: bool, status: int, reason: str
) -> None:
    bench.ksr.request("INVITE", "sip:x@other.test", **{"$TV(Sn)": "100.5"})
    bench.script.initial(None)
    bench.ksr.values |= {"$avp(legs)": " 0=0 1=0 2=", "$TV(Sn)": "103.5", "$avp(rung)": ""}
    bench.ksr.status, bench.ksr.silence = status, silence
    for _ in range(2):  # two addresses
        bench.script.failed(None)
    told = bench.searches[-1]
    assert (told["status"], told["final"], told["reason"]) == (status, True, reason)
    assert told["answers"] == [[0, 0, 3000, "no answer"]] * 2


def test_of_a_caller_who_gave_up_it_is_told_who_gave_no_answer_even_then(bench: Bench) -> None:
    bench.ksr.request("INVITE", "sip:x@other.test", **{"$TV(Sn)": "100.5"})
    bench.script.initial(None)
    bench.ksr.values |= {"$avp(legs)": " 0=0 1=1", "$avp(said)": " 0=487@102.5", "$TV(Sn)": "280.5"}
    bench.script.cancelled(None)
    told = bench.searches[-1]
    assert (told["status"], told["final"], told["reason"]) == (487, True, "the caller gave up")
    assert told["answers"] == [[0, 487, 2000, ""], [1, 0, 180_000, "no answer"]]


def test_a_search_that_could_be_sent_nowhere_says_why(bench: Bench) -> None:
    bench.ksr.unreachable = {f"sip:192.0.2.{number}:5061;transport=tls" for number in (71, 72)}
    bench.ksr.request("INVITE", "sip:x@other.test")
    bench.script.initial(None)
    told = bench.searches[-1]
    assert (told["status"], told["reason"]) == (480, "no device or zone that was found could be reached")
