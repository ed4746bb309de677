"""What people see in a terminal stays straight, inert and within its width."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sextet.admin import catalogue
from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.door import Door
from sextet.admin.wording import moment, zone
from sextet.cluster.face import Owned
from sextet.console.paper import cells
from sextet.console.render import as_json, as_text
from sextet.model.config import Difference
from sextet.model.status import PastAlarm
from tests.support.fake_peer import FakePeer, Lines


def result(peer: FakePeer, name: str, **arguments: Any) -> Any:
    """Run a command and send its result through JSON, as the socket does."""
    registry = Commands(peer, Door(peer, Lines()), Lines()).registry()
    return json.loads(
        json.dumps(asyncio.run(registry.run(name, arguments, Actor(user="r", may_write=True, door="cli"))))
    )


def shown(peer: FakePeer, name: str, width: int = 200, **arguments: Any) -> str:
    return as_text(name, result(peer, name, **arguments), width, False)


def test_columns_stay_straight_beside_wide_and_combining_characters() -> None:
    assert [cells(text) for text in ("abc", "會議室", "e\u0301", "ｱ")] == [3, 6, 1, 1]
    lines = shown(FakePeer.busy(), "registration list").splitlines()
    starts = {cells(line.partition("expc")[0]) for line in lines[1:4]}
    assert len(starts) == 1
    assert cells(lines[0].partition("Peer")[0]) in starts


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_table_fits_the_terminal_and_says_where_it_was_cut(width: int) -> None:
    lines = shown(FakePeer.busy(), "registration list", width).splitlines()
    assert max(cells(line) for line in lines) <= max(width, 6 * 8 + 10)
    assert "…" in lines[1]


def test_nothing_is_cut_where_no_person_reads() -> None:
    assert "…" not in shown(FakePeer.busy(), "registration list", 10_000)


def test_a_hostile_name_cannot_steer_the_terminal() -> None:
    peer = FakePeer()
    peer.register("\x1b]0;owned\x07\x1b[2J@x\u202e", 1, "sip:\n\r")
    text = shown(peer, "registration list")
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
    assert len(text.splitlines()) == 3


def test_colour_is_added_only_where_it_is_wanted() -> None:
    status = result(FakePeer.busy(), "cluster status")
    assert "\x1b[" not in as_text("cluster status", status, 120, False)
    assert "\x1b[" in as_text("cluster status", status, 120, True)


def test_the_cluster_is_told_in_a_sentence_and_a_table() -> None:
    peer = FakePeer()
    peer.silence(3)
    text = shown(peer, "cluster status")
    assert "degraded. 2 of 3 peers active as seen from expc01" in text
    assert "✘ Failed: Unreachable 14 s" in text
    assert "1 ★" in text


def test_histories_name_the_time_zone_once() -> None:
    at = {"at": "2026-11-30T01:04:53.000+00:00", "alias": "a", "event": "Registered", "reason": "", "lasted_s": 0.0}
    rows = [{"registration": at | {"received": "", "user_agent": ""}, "peer_name": "expc01"}] * 2
    text = as_text("registration history", {"lines": rows, "silent": []}, 200, False)
    assert text.count(f"When ({zone()})") == 1 and text.count(moment(at["at"])) == 2


def test_peers_that_found_the_same_at_a_port_are_named_together() -> None:
    row = dict.fromkeys(("destination_name", "destination_ports", "source_ports", "protocol", "purpose", "note"), "x")
    found = [(n, "ok" if n % 2 else "not applicable", "nothing listens") for n in range(1, 5)]
    seen = [{"by_name": f"expc0{n}", "state": state, "measured": words} for n, state, words in found]
    line = row | {"destination": "127.0.0.1", "sources": ["127.0.0.2"], "found": seen}
    text = as_text("ports", {"table": "t", "in_use": True, "lines": [line]}, 400, False)
    assert "✔ from expc01, expc03; – from expc02, expc04: nothing listens" in text


def test_a_backup_says_what_it_would_change_and_why_it_may_not() -> None:
    label = {"host": "expc03", "version": "0.1.0", "serial": "x", "made": "2026-11-30 01:04:53 +0000"}
    moved = [{"path": "system.name", "old": "", "new": "expc03"}]
    result = {"label": label, "differences": moved, "calls": 2, "registrations": 5, "warnings": [], "refusal": ""}
    text = as_text("backup verify", result, 200, False)
    assert "A whole backup of expc03, version 0.1.0, made 2026-11-30" in text and "system.name" in text
    assert "2 calls end and 5 registrations have to be made again" in text
    refused = as_text("backup verify", result | {"refusal": "it is a member of a cluster."}, 200, False)
    assert "It would not be restored here: it is a member of a cluster." in refused and "2 calls end" not in refused


def test_a_stand_alone_system_says_so() -> None:
    assert "the peer list is empty" in shown(FakePeer(peers=1), "cluster status")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("registration list", "Nothing is registered."),
        ("call list", "No calls."),
        ("alarm list", "No alarms."),
        ("alarm history", "No alarm was lowered since the start."),
        ("config diff", "No difference."),
        ("config set-aside", "No edit was set aside."),
    ],
)
def test_an_empty_list_is_said_in_words(command: str, said: str) -> None:
    assert said in shown(FakePeer(), command)


def test_what_is_over_shows_how_long_it_stood_and_who_has_seen_it() -> None:
    peer = FakePeer.busy()
    row = PastAlarm(number=20004, key="", detail="no answer", since_s=10.0, lowered_s=85.0, acknowledged_by="ann")
    peer.past_rows.append(Owned(3, peer.address(3), row, 5.0))
    text = shown(peer, "alarm history")
    for words in ("20004", "Cluster communication failure", "expc03", "no answer", "1 min 15 s", "5 s ago", "ann"):
        assert words in text, text


def test_an_alarm_shows_its_cause_once_for_all_peers_and_what_to_do() -> None:
    text = shown(FakePeer.busy(), "alarm list")
    assert "  expc01, expc02, expc03: The TLS verification mode is Permissive." in text
    assert "  → Set the TLS verification mode to Enforce" in text


def test_a_change_says_what_it_did_and_what_is_still_to_do() -> None:
    peer = FakePeer()
    text = shown(peer, "config set", path="protocols.sip_udp", value="Off")
    assert "Saved as r13 (term 1)." in text
    assert "protocols.sip_udp: in force after a restart" in text
    assert "Nothing changed" in shown(peer, "config set", path="protocols.sip_udp", value="Off")
    assert "Nothing was stored (dry run)" in shown(
        peer, "config set", path="protocols.sip_udp", value="On", dry_run=True
    )
    assert "In force" in shown(peer, "config show", path="protocols.sip_udp")


def test_a_set_aside_edit_shows_who_made_it_and_what_it_would_change() -> None:
    peer = FakePeer()
    peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"), user="eve")
    text = shown(peer, "config set-aside")
    assert "by eve from web 192.0.2.7, accepted by expc01, 15 min ago" in text
    assert "zones[London].sip_port" in text


def test_every_command_has_text_for_people_and_json_for_programs() -> None:
    values = {"path": "protocols.h323_mode", "value": "Off", "number": 40049, "revision": "r1"}
    for command in catalogue.COMMANDS:
        given = {one.name: values[one.name] for one in command.parameters if one.required}
        if command.name in ("config add", "config remove"):
            given = (
                {"path": "domains", "value": {"name": "b.example"}}
                if "value" in given
                else {"path": "domains[apolo.local]"}
            )
        peer = FakePeer.busy()
        if command is catalogue.CONFIG_DISMISS:
            peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
            given = {"revision": result(peer, "config set-aside")[0]["revision"]["revision"]}
        if command is catalogue.CONFIG_UNDO:
            given = {"revision": result(peer, "config set", path=values["path"], value="Off")["revision"]}
        said = result(peer, command.name, **given)
        assert json.loads(as_json(said)) == said
        if command is not catalogue.LOG_TAIL:
            assert as_text(command.name, said, 100, False)


def test_results_of_other_commands_are_their_sentence_or_else_their_keys() -> None:
    assert as_text("lab x", [{"peer": 1, "cut": True}], 80, False).splitlines() == ["peer  cut", "1     true"]
    assert as_text("lab x", {"n": 3, "sentence": "Done."}, 80, False).splitlines() == ["Done."]
    assert as_text("lab x", {"n": 3, "cut": True}, 80, False).splitlines() == ["n: 3", "cut: true"]
    assert as_text("lab x", None, 80, False) == ""
    assert as_text("lab x", [1, 2], 80, False) == "[1, 2]"
