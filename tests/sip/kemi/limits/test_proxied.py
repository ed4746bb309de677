"""Registrations that are carried to other systems, against a KSR with behaviour: what they count for, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.capacity import PROXIED, PROXIED_HERE, RMS
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.protocols import PROXY_KNOWN
from sextet.sip.kemi.agent import Agent
from tests.sip.kemi.test_script import CONFIG, ZONE, Bench

FULL = (503, "Service Unavailable")
INSIDE = replace(ZONE, peers=ZONE.peers[:1])
OUT = SearchRule(name="Out", target="Other", mode="Alias pattern match", pattern="@other.test", pattern_type="Suffix")


class Edge(Bench):
    """A peer that carries what is not registered here to the zone Other, and may carry so many."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self.ksr.htables["ctl"]["sharers"] = 1
        self.agent = Agent(self.ksr, run_dir, self.script._reporter)
        self.limit({PROXIED_HERE: 2, PROXIED: 3})

    def limit(self, limits: dict[str, int]) -> None:
        self.limits = limits
        protocols = replace(CONFIG.protocols, registration_proxy_mode=PROXY_KNOWN)
        self.follow(replace(CONFIG, zones=(INSIDE,), search_rules=(OUT,), protocols=protocols))

    def carry(self, user: str, expires: str = "60", contact: str | None = None) -> None:
        """Take a REGISTER from outside."""
        contact = f"<sip:{user}@192.0.2.9>" if contact is None else contact
        self.ksr.request("REGISTER", "sip:other.test", to=f"sip:{user}@other.test", Contact=contact, Expires=expires)
        assert self.script.carry(None) == 1

    def answered(self, expires: str = "60", contact: str = "") -> None:
        """Let the registrar accept it, with these contacts."""
        user = self.ksr.values["$tu"].removeprefix("sip:").partition("@")[0]
        header = contact or f"<sip:{user}@192.0.2.9>;expires={expires}"
        self.ksr.values |= {"$(hdr(Contact)[*])": header if expires != "0" else "", "$hdr(Expires)": None}
        assert self.script.granted(None) == 1

    def refused(self, status: int = 403) -> None:
        """Let the registrar refuse it."""
        self.ksr.status = status
        assert self.script.failed(None) == 1

    @property
    def counted(self) -> tuple[int, int]:
        use = self.ksr.htables["use"]
        return use.get(PROXIED_HERE, 0), use.get(PROXIED, 0)

    def pulse(self) -> int:
        self.agent._counted_at_s = 0.0
        return int(self.agent.pulse({})["carried"])


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    assert not made.ksr.htables["count"].get("faults"), made.ksr.logged
    before = made.counted
    made.agent._reconcile(0.0)
    assert made.counted == before, "what is made anew from the calls leaves it alone"
    assert not made.ksr.htables["count"].get("unbalanced")


def test_a_registration_counts_from_its_first_request_until_it_leaves(edge: Edge) -> None:
    edge.carry("bob")
    assert edge.counted == (1, 1)
    assert edge.pulse() == 0, "it is none yet"
    edge.answered()
    assert (edge.counted, edge.pulse()) == ((1, 1), 1)
    edge.carry("bob")
    edge.answered()
    assert edge.counted == (1, 1), "a refresh is the same one"
    edge.carry("bob", expires="0")
    edge.answered("0")
    assert (edge.counted, edge.pulse()) == ((0, 0), 0)


def test_one_that_is_refused_counts_no_longer_and_a_refresh_that_is_does(edge: Edge) -> None:
    edge.carry("bob")
    edge.refused()
    assert edge.counted == (0, 0)
    edge.carry("bob")
    edge.answered()
    edge.carry("bob")
    edge.refused(401)
    assert edge.counted == (1, 1)


def test_one_whose_zone_cannot_be_reached_counts_no_longer(edge: Edge) -> None:
    edge.ksr.unreachable = {"sip:192.0.2.71:5061;transport=tls"}
    edge.carry("bob")
    assert edge.ksr.replies[-1][0] == 480
    assert edge.counted == (0, 0)


def test_who_only_asks_what_is_registered_changes_nothing(edge: Edge) -> None:
    edge.carry("bob")
    edge.answered()
    edge.carry("bob", contact="")
    edge.answered(contact="<sip:bob@192.0.2.9>;expires=30")
    assert edge.counted == (1, 1)
    edge.carry("bob", expires="0", contact="*")
    edge.answered("0")
    assert edge.counted == (0, 0)


def test_no_two_that_are_on_their_way_take_the_last_place(edge: Edge) -> None:
    for user in ("bob", "carol"):
        edge.carry(user)
    relayed = len(edge.ksr.relayed)
    edge.carry("dave")
    assert edge.ksr.replies[-1] == FULL
    assert edge.ksr.reply_headers[-2:] == [
        "Retry-After: 60", 'Reason: SIP;cause=503;text="Proxied registration capacity limit reached"',
    ]  # fmt: skip
    assert len(edge.ksr.relayed) == relayed, "nobody inside is asked"
    edge.carry("carol")
    assert len(edge.ksr.relayed) == relayed + 1, "who is on his way goes on"


@pytest.mark.parametrize(("others", "full"), [(1, False), (2, True)])
def test_what_other_peers_carry_counts_in_the_limit_of_the_cluster(edge: Edge, others: int, full: bool) -> None:
    edge.carry("bob")
    edge.answered()
    edge.agent.share({"views": {PROXIED: (others, 1, 9)}, "sharers": 2})
    edge.carry("carol")
    assert (edge.ksr.replies[-1:] == [FULL]) is full
    edge.carry("bob")
    assert edge.ksr.replies[-1:] == [FULL] * full, "a refresh is never refused for that"


def test_an_endpoint_outside_that_is_registered_inside_calls_without_a_licence_and_a_stranger_does_not(
    edge: Edge,
) -> None:
    edge.limit({RMS: 0})
    edge.carry("bob")
    edge.answered()
    rows = (
        ("bob", "x", "192.0.2.9:5060;udp", False),
        ("carol", "x", "192.0.2.9:5060;udp", True),
        ("bob", "x", "192.0.2.10:5060;udp", True),  # says to be bob
        ("carol", "911", "192.0.2.9:5060;udp", False),  # a call for help needs none (facts 8.1)
    )
    for user, dialled, source, refused in rows:
        replies = len(edge.ksr.replies)
        edge.invite(
            f"{dialled}@other.test", source=source, **{"$fu": f"sip:{user}@other.test", "$ci": f"{user} {source}"}
        )
        assert edge.ksr.replies[replies:] == ([(480, "Temporarily Unavailable")] if refused else []), (user, dialled)


def test_what_expires_leaves_the_ledger_with_the_next_count_and_is_told(edge: Edge) -> None:
    edge.carry("bob")
    edge.answered()
    edge.ksr.htables["carried"].clear()  # as Kamailio does when the time is over
    assert edge.pulse() == 0
    assert edge.counted == (0, 0)
    assert edge.told[-1]["use"] == {PROXIED_HERE: 0, PROXIED: 0}


def test_without_a_limit_nobody_is_told_and_with_one_again_those_that_are_there_count(edge: Edge) -> None:
    edge.limit({})
    edge.carry("bob")
    edge.answered()
    assert edge.counted == (0, 0)
    assert [event["kind"] for event in edge.told] == []
    edge.limit({PROXIED: 1})
    assert edge.pulse() == 1
    assert edge.counted == (0, 1)
    edge.carry("carol")
    assert edge.ksr.replies[-1] == FULL
