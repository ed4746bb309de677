"""What the script charges calls with, against a KSR with behaviour: every order of offers, answers and endings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sextet.model.capacity import AUDIO_CALL, CALLS, RMS
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import Pipe
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.local_zone import MembershipRule, Subzone
from sextet.sip.kemi.agent import USERS_FILE, Agent
from sextet.sip.kemi.limits import ledger
from sextet.sip.kemi.proof import Identity, prove
from tests.sip.kemi.test_script import CONFIG, SECRET, ZONE, Bench
from tests.support.tables import linked

BOB = "bob@apolo.local"
OPEN = "Do not check credentials"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n"


def sdp(kbps: int = 0, video: bool = True) -> str:
    stated = f"b=AS:{kbps}\r\n" if kbps else ""
    more = "m=video 40002 RTP/AVP 97\r\n" if video else ""
    return f"{HEAD}{stated}t=0 0\r\nm=audio 40000 RTP/AVP 0\r\n{more}"


class Calls(Bench):
    """Calls that leave over one pipe of 1000 kbit/s."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self.limit({})
        self.ksr.htables["ctl"]["sharers"] = 1  # nobody else

    def limit(self, limits: dict[str, int]) -> None:
        """Limit what is counted besides bandwidth."""
        self.limits = limits
        whole = linked(replace(CONFIG, zones=(ZONE,), search_rules=(SearchRule(name="Out", target="Other"),)))
        line = Pipe(name="Line", total_mode="Limited", total_limit=1000)
        links = [replace(link, pipe1="Line") if "Other" in (link.node1, link.node2) else link for link in whole.links]
        self.follow(replace(whole, pipes=(line,), links=tuple(links)))

    @property
    def used(self) -> int:
        return int(self.ksr.htables["use"].get("pipe/Line", 0))

    def offer(self, body: str = "", call_id: str = "call-1", **more: str) -> None:
        about = {"$ci": call_id, "$rb": body, "$cT": "application/sdp" if body else ""}
        self.ksr.request("INVITE", "sip:x@other.test", **about, **more)
        assert self.script.initial(None) == 1

    def message(self, callback: str, body: str = "", status: int = 0, method: str = "INVITE") -> str:
        self.ksr.values |= {
            "$rb": body, "$cT": "application/sdp" if body else "", "$rs": status, "$rm": method, "$si": "192.0.2.71",
            "$dlg(callid)": self.ksr.values["$ci"],
        }  # fmt: skip
        assert getattr(self.script, callback)(None) == 1
        return str(self.ksr.values["$rb"])


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    made = Calls(tmp_path)
    yield made
    assert not made.ksr.htables["count"].get("faults"), made.ksr.logged
    table = made.ksr.htables
    entries = [json.loads(text) for text in table["load"].values()]
    sums = sum((ledger.charges_of(entry) for entry in entries), start=ledger.Counter())
    assert {name: kbps for name, kbps in sums.items() if kbps} == table["use"], "the sums are those of the calls"


@pytest.mark.parametrize(
    ("offer", "answer", "used"),
    [
        (sdp(512), sdp(384), 512),
        (sdp(512), sdp(video=False), 64),
        (sdp(video=False), sdp(video=False), 64),
        (sdp(), sdp(), 384),
        ("", sdp(512), 512),
        ("garbage", sdp(512), 512),
    ],
)
def test_the_answer_settles_what_a_call_uses(calls: Calls, offer: str, answer: str, used: int) -> None:
    calls.offer(offer)
    assert calls.used > 0
    calls.message("answered", answer, 200)
    assert calls.used == used


def test_a_call_without_an_offer_is_settled_by_the_acknowledgement(calls: Calls) -> None:
    calls.offer()
    assert calls.used == 384
    calls.message("answered", sdp(800), 200)
    assert calls.used == 800
    calls.message("answered", sdp(800), 200)  # again
    calls.message("offered", sdp(500, video=False), method="ACK")
    assert calls.used == 64
    calls.message("offered", sdp(900), method="ACK")  # nobody waits for it
    assert calls.used == 64


def test_an_offer_that_comes_in_the_answer_gets_what_is_there_as_one_in_the_request_does(calls: Calls) -> None:
    calls.offer()
    assert "b=AS:1000\r\n" in calls.message("answered", sdp(5000), 200)
    assert calls.used == 1000
    assert "b=AS:1000\r\n" in calls.message("offered", sdp(5000), method="ACK")
    assert calls.used == 1000
    calls.message("offered", method="INVITE")  # the next offer comes in an answer too
    calls.message("answered", sdp(700), 200)
    assert calls.used == 700


def test_an_audio_call_becomes_a_video_call_only_where_one_may_be_made(calls: Calls) -> None:
    calls.limit({CALLS: 3})
    use = calls.ksr.htables["use"]
    for call_id in ("call-1", "call-2"):
        calls.offer(sdp(100, video=False), call_id)
        calls.message("answered", sdp(100, video=False), 200)
    assert use[CALLS] == 2
    calls.message("offered", sdp(100))
    assert (calls.ksr.values["$var(refused)"], use[CALLS]) == (0, 3), "counted as video from its offer on"
    calls.message("unchanged")
    assert use[CALLS] == 2, "who is called wants no video"
    calls.message("offered", sdp(100, video=False) + "m=application 5070 UDP/BFCP *\r\n")
    assert use[CALLS] == 3, "a second medium of any kind makes it none of audio (facts 8.1)"
    calls.message("unchanged")
    calls.message("offered", sdp(100))
    calls.message("answered", sdp(100), 200)
    assert use[CALLS] == 3
    calls.ksr.values["$ci"] = "call-1"
    calls.message("offered", sdp(100))
    assert calls.ksr.values["$var(refused)"] == 1
    assert calls.ksr.replies[-1][0] == 488
    assert any("Call capacity limit reached" in header for header in calls.ksr.reply_headers)
    calls.message("offered", sdp(100, video=False))
    assert (calls.ksr.values["$var(refused)"], use[CALLS]) == (0, 3), "it goes on as it was"


def test_on_a_small_system_an_audio_call_counts_as_much_as_a_video_call_and_is_half_a_session(calls: Calls) -> None:
    calls.limit({CALLS: 5, RMS: 9, AUDIO_CALL: 2})
    use = calls.ksr.htables["use"]
    for call_id, refused in (("call-1", False), ("call-2", False), ("call-3", True)):
        calls.offer(sdp(100, video=False), call_id, **{"$si": "192.0.2.200"})
        assert bool(calls.ksr.replies) is refused
        calls.message("answered", sdp(100, video=False), 200)
    assert (use[CALLS], use[RMS]) == (4, 2)


def test_an_answer_before_the_call_is_answered_counts_then(calls: Calls) -> None:
    calls.offer(sdp(512))
    calls.message("answered", sdp(video=False), 183)
    assert calls.used == 512
    calls.message("answered", "", 200)
    assert calls.used == 64


def test_what_does_not_fit_is_lowered_in_offer_and_answer(calls: Calls) -> None:
    calls.offer(sdp(700))
    calls.offer(sdp(700), "call-2")
    assert calls.used == 1000
    assert calls.ksr.values["$avp(cap)"] == "300"
    assert "b=AS:300\r\n" in calls.message("capped", sdp(700))
    assert "b=AS:300\r\n" in calls.message("answered", sdp(700), 200)
    assert calls.used == 1000


def test_an_answer_may_ask_for_more_where_there_is_more_and_is_lowered_where_there_is_not(calls: Calls) -> None:
    calls.offer(sdp(300))
    assert calls.message("answered", sdp(900), 200) == sdp(900)
    assert calls.used == 900
    calls.message("ended", method="BYE")
    calls.offer(sdp(300))
    calls.offer(sdp(500), "call-2")
    assert "b=AS:500\r\n" in calls.message("answered", sdp(900), 200)
    assert calls.used == 800


def test_an_offer_within_the_call_that_is_refused_changes_nothing(calls: Calls) -> None:
    calls.offer(sdp(video=False))
    calls.message("answered", sdp(video=False), 200)
    calls.message("offered", sdp(600))
    assert calls.used == 600, "reserved until it is answered"
    calls.message("unchanged")
    assert calls.used == 64
    calls.message("offered", sdp(600))
    calls.message("answered", sdp(600), 200)
    assert calls.used == 600


def test_what_a_call_has_it_keeps_whatever_the_others_take(calls: Calls) -> None:
    calls.offer(sdp(600))
    calls.message("answered", sdp(600), 200)
    calls.ksr.htables["view"]["pipe/Line"] = "[900,0,null,0]"  # another peer uses so much meanwhile
    assert calls.message("offered", sdp(600)) == sdp(600)
    assert "b=AS:600\r\n" in calls.message("offered", sdp(900))
    assert calls.ksr.values["$var(refused)"] == 0


def test_the_end_gives_everything_back_and_reports_it(calls: Calls) -> None:
    calls.offer(sdp(512))
    told = [event["use"] for event in calls.told if event["kind"] == "use"]
    assert told[-1]["pipe/Line"] == 512 and told[-1]["zone/Other"] == 512
    calls.message("ended", method="BYE")
    assert calls.ksr.htables["use"] == calls.ksr.htables["load"] == {}
    assert [event["use"] for event in calls.told if event["kind"] == "use"][-1]["pipe/Line"] == 0


def test_a_lost_end_is_found_and_a_wrong_sum_put_right(calls: Calls) -> None:
    calls.offer(sdp(512))
    calls.offer(sdp(100), "call-2")
    rows = dict(ledger.rows_of(calls.ksr, ledger.LOAD))
    later = json.loads(rows["call-1"])["since_s"] + ledger.FRESH_S + 1
    calls.ksr.htables["use"]["pipe/Line"] = 9999
    reporter = calls.script._reporter
    assert ledger.reconcile(calls.ksr, reporter, rows, frozenset(("call-2",)), Counter(), later) > 0
    assert calls.used == 100
    assert list(calls.ksr.htables["load"]) == ["call-2"]
    rows = dict(ledger.rows_of(calls.ksr, ledger.LOAD))
    assert ledger.reconcile(calls.ksr, reporter, rows, frozenset(("call-2",)), Counter(), later) == 0


def test_what_is_given_back_here_others_may_take_before_sextetd_says_so(calls: Calls) -> None:
    limit: dict[str, Any] = {"element": "pipe/Line", "limit": 1000, "less": 0, "peers": 2}
    calls.ksr.htables["ctl"]["sharers"] = 2
    calls.offer(sdp(600))
    assert ledger.left(calls.ksr, **limit) == -100, "half is the share of what nobody has heard of"
    order, _, again = ledger.see(calls.ksr, {"pipe/Line": (0, 600, 10_000)}, 2, True)
    assert again == []
    assert ledger.left(calls.ksr, **limit) == 400
    calls.message("ended", method="BYE")
    calls.offer(sdp(600), "call-2")
    assert ledger.left(calls.ksr, **limit) == -100, "the first 600 others may have taken meanwhile"
    *_, again = ledger.see(calls.ksr, {"pipe/Line": (0, 600, order)}, 2, False)
    assert ledger.left(calls.ksr, **limit) == -100, "sextetd has not heard of it yet"
    assert again == ["pipe/Line"], "what sextetd says next may be the same, and must be said all the same"
    *_, again = ledger.see(calls.ksr, {"pipe/Line": (0, 600, 10_000)}, 2, False)
    assert again == []
    assert ledger.left(calls.ksr, **limit) == 400


def test_the_answer_on_a_spiral_settles_nothing_before_it_comes_by_the_way_that_is_charged(calls: Calls) -> None:
    calls.offer(sdp(512))
    serial = calls.ksr.values["$avp(serial)"]
    calls.ksr.htables["owner"][BOB] = "2"
    calls.ksr.request(
        "INVITE", f"sip:{BOB}", source="192.0.2.71:5060;udp", **{"$rb": sdp(512), "$cT": "application/sdp"}
    )
    assert calls.script.initial(None) == 1
    calls.ksr.values |= {"$rb": sdp(384), "$rs": 200, "$si": "192.0.2.2"}
    assert calls.script.answered(None) == 1
    assert calls.used == 512, "the other peer answered what passed here on its way back"
    calls.ksr.values["$avp(serial)"] = serial
    calls.message("answered", sdp(384), 200)
    assert calls.used == 512
    calls.message("ended", method="BYE")


def test_calls_that_are_up_follow_links_pipes_and_limits(calls: Calls) -> None:
    calls.offer(sdp(400))
    calls.message("answered", sdp(400), 200)
    agent = Agent(calls.ksr, calls.run_dir, calls.script._reporter)
    (calls.run_dir / USERS_FILE).write_text("{}")

    def save(config: Root) -> dict[str, int]:
        calls.follow(config)
        assert agent.follow({}) == {"problem": ""}
        return calls.ksr.htables["use"]

    before = calls.config
    pipes = (replace(before.pipes[0], name="Renamed"),)
    links = tuple(replace(link, pipe1="Renamed" if link.pipe1 else "") for link in before.links)
    use = save(replace(before, pipes=pipes, links=links))
    assert (use["pipe/Renamed"], use.get("pipe/Line")) == (400, None)
    use = save(replace(before, links=tuple(replace(link, pipe1="") for link in before.links)))
    assert use["zone/Other"] == 400 and not any(name.startswith("pipe/") for name in use)
    calls.limits = {CALLS: 5}
    use = save(before)
    assert (use["pipe/Line"], use[CALLS]) == (400, 2)
    use = save(replace(before, zones=(replace(ZONE, name="Renamed"),), search_rules=(), links=()))
    assert use["pipe/Line"] == 400, "it flows on, though the zone has another name"
    calls.message("ended", method="BYE")
    assert use == {}


class Together(Bench):
    """A person has two devices at this peer, in two subzones: another peer sends a request for each of them."""

    ALIASES = ("alice@apolo.local", BOB)
    DEVICES = {"alice@apolo.local": "192.0.2.8", BOB: "192.0.2.9"}
    NARROW = 200  # kbit/s, of the subzone of alice's device

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self.limits = {CALLS: 10}
        rule = MembershipRule(name="narrow", subnet_address="192.0.2.8", subzone="Narrow")
        narrow = Subzone(name="Narrow", authentication=OPEN, total_mode="Limited", total_limit=self.NARROW)
        self.follow(replace(CONFIG, subzones=(narrow,), membership_rules=(rule,)))
        self.ksr.htables["ctl"]["sharers"] = 1
        self.requests: dict[str, dict[str, Any]] = {}  # what Kamailio keeps with each transaction
        for alias, ip in self.DEVICES.items():
            self.register(alias, f"<sip:d@{ip}>", Expires="60", source=f"{ip}:5060;udp")

    def rings(self, alias: str, owner: str = "") -> None:
        """Take the request for a device; `owner`: the serial in the dialog of the call, where it has one."""
        identity = Identity(call_id="call-1", cseq="1", from_tag="tag-1", uri=f"sip:{alias}")
        self.ksr.request(
            "INVITE", f"sip:{alias}", source="192.0.2.2:40000;tls",
            X_Sextet_Peer=prove(SECRET, 2, "0" * 32, identity, "DefaultSubZone"),
            **{"$rb": sdp(512), "$cT": "application/sdp"},
        )  # fmt: skip
        self.ksr.values["$dlg_var(serial)"] = owner
        assert self.script.initial(None) == 1
        self.requests[alias] = dict(self.ksr.values)

    def both_ring(self) -> None:
        self.rings(self.ALIASES[0])
        self.rings(self.ALIASES[1], self.requests[self.ALIASES[0]]["$dlg_var(serial)"])

    def answers(self, alias: str) -> None:
        self.ksr.values = self.requests[alias] | {"$rs": 200, "$si": self.DEVICES[alias], "$rb": sdp(100)}
        assert self.script.answered(None) == 1

    def fails(self, alias: str, status: int = 487) -> None:
        """The request for a device fails: Kamailio says so of the one that has the call's dialog by its end."""
        self.ksr.values, self.ksr.status = dict(self.requests[alias]), status
        assert (self.script.cancelled if status == 487 else self.script.failed)(None) == 1
        if alias == self.ALIASES[0]:
            self.ksr.values |= {"$dlg(callid)": "call-1", "$rs": status}
            assert self.script.ended(None, "failed") == 1

    @property
    def use(self) -> dict[str, int]:
        return {name: kbps for name, kbps in self.ksr.htables["use"].items() if name.startswith("subzone/")}

    @property
    def over(self) -> list[str]:
        return [event["reason"] for event in self.told if event["kind"] == "ended"]


@pytest.fixture
def together(tmp_path: Path) -> Iterator[Together]:
    made = Together(tmp_path)
    yield made
    assert not made.ksr.htables["count"].get("faults"), made.ksr.logged
    if made.over:
        assert made.ksr.htables["use"] == made.ksr.htables["load"] == {}


def test_requests_of_one_call_for_several_devices_here_are_charged_together(together: Together) -> None:
    together.both_ring()
    assert together.use == {"subzone/DefaultSubZone": 512, "subzone/Narrow": 200}
    assert together.ksr.htables["use"][CALLS] == 2, "it is one call"
    row = [event["call"] for event in together.told if event["kind"] == "call"][-1]
    assert row["nodes"] == "Cluster Subzone -> Default Subzone -> Narrow, Cluster Subzone -> Default Subzone"


@pytest.mark.parametrize("winner", [0, 1])
def test_whichever_device_answers_the_call_is_charged_until_it_ends(together: Together, winner: int) -> None:
    together.both_ring()
    alias, other = together.ALIASES[winner], together.ALIASES[1 - winner]
    together.answers(alias)
    if winner == 0:
        together.ksr.values["$dlg(callid)"] = "call-1"
        assert together.script.connected(None) == 1
    together.fails(other)
    ends = {"subzone/DefaultSubZone", "subzone/Narrow"} if winner == 0 else {"subzone/DefaultSubZone"}
    assert together.use.keys() == ends and not together.over
    row = [event["call"] for event in together.told if event["kind"] == "call"][-1]
    assert (row["state"], row["nodes"]) == (
        "connected",
        "Default Subzone -> Narrow" if winner == 0 else "Default Subzone",
    )
    assert row["destination"] == alias
    serial = together.requests[together.ALIASES[0]]["$dlg_var(serial)"]  # the call's dialog, over or not
    together.ksr.values = {"$ci": "call-1", "$dlg(callid)": "call-1", "$dlg_var(serial)": serial, "$rm": "BYE"}
    assert together.script.ended(None, "within" if winner else "ended") == 1
    assert together.over == ["Normal"]


@pytest.mark.parametrize("winner", [0, 1])
def test_a_call_that_has_its_dialog_at_the_other_peer_only_is_named_and_ends_when_that_has_it_no_more(
    together: Together, winner: int
) -> None:
    agent = Agent(together.ksr, together.run_dir, together.script._reporter)
    together.both_ring()
    together.answers(together.ALIASES[winner])
    assert agent.pulse({})["guests"] == ([(2, ["call-1"])] if winner else [])
    agent.lost({"call_id": "call-1", "reason": "Over elsewhere"})
    assert together.over == ["Over elsewhere"]


@pytest.mark.parametrize("status", [480, 487])
@pytest.mark.parametrize("first", [0, 1])
def test_a_call_is_over_when_the_last_of_its_requests_has_failed(together: Together, first: int, status: int) -> None:
    together.both_ring()
    together.fails(together.ALIASES[first], status)
    assert len(together.use) == 1 + first and not together.over, "the other one's way is charged still"
    together.fails(together.ALIASES[1 - first], status)
    assert len(together.over) == 1


def test_a_further_request_that_finds_no_room_leaves_the_others_alone(together: Together) -> None:
    together.rings(BOB)
    together.limits = {CALLS: 10}
    narrow = replace(together.config.subzones[0], total_mode="No bandwidth")
    together.follow(replace(together.config, subzones=(narrow,)))
    together.rings(together.ALIASES[0], together.requests[BOB]["$dlg_var(serial)"])
    assert together.ksr.replies[-1][0] == 488
    assert together.use == {"subzone/DefaultSubZone": 512} and not together.over
