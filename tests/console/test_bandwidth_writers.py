"""Bandwidth in a terminal."""

from __future__ import annotations

from sextet.console.render import as_text


def test_pipes_and_subzones_say_what_is_used_of_what() -> None:
    pipe = {
        "name": "Line", "links": 2, "local_kbps": 100, "cluster_kbps": 950, "total": "1000 kbit/s", "percent": 95,
        "per_call": "Unlimited",
    }  # fmt: skip
    said = as_text("bandwidth pipes", [pipe], 200, colour=True)
    assert "950 kbit/s" in said and "95 %" in said and "\x1b[33m" in said
    assert as_text("bandwidth pipes", [], 200, colour=False) == "There is no such pipe."
    subzone = {
        **pipe,
        "shown": "Default Subzone",
        "registration_policy": "",
        "registrations": 3,
        "calls": 1,
        "percent": -1,
    }
    assert "Default Subzone" in as_text("bandwidth subzones", [subzone], 200, colour=False)


def test_a_check_says_what_would_become_of_the_call_and_on_which_way() -> None:
    answer = {"granted": True, "kbps": 64, "sentence": "The call is connected.", "route": "A -> B", "links": ["l"]}
    assert as_text("bandwidth check", answer, 80, colour=False) == "The call is connected.\nWay: A -> B; links l"
    refused = {**answer, "granted": False, "route": "", "links": []}
    assert as_text("bandwidth check", refused, 80, colour=False) == "The call is connected."


def test_links_name_their_nodes_and_pipes() -> None:
    link = {"name": "l", "node1": "A", "node2": "B", "pipes": ["p", "q"], "local_kbps": 0, "cluster_kbps": 64}
    assert "p, q" in as_text("bandwidth links", [link], 200, colour=False)
