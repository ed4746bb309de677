"""What sextetd has the agent do, on the fake of Kamailio."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.sip.kemi.agent import Agent
from tests.sip.kemi.test_script import Bench


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    bench = Bench(tmp_path)
    return Agent(bench.ksr, tmp_path, bench.script._reporter)


def test_a_complete_list_of_owners_replaces_what_was_known_when_it_ends(agent: Agent) -> None:
    known = agent._ksr.htables["owner"]
    agent.owners({"set": {"a@x": "2", "b@x": "2", "c@x": "3"}})
    agent.owners({"begin": True, "set": {"a@x": "3"}})
    assert known == {"a@x": "3", "b@x": "2", "c@x": "3"}, "calls go on while it is told"
    agent.owners({"set": {"d@x": "2"}})
    agent.owners({"set": {"e@x": "2"}, "end": True})
    assert known == {"a@x": "3", "d@x": "2", "e@x": "2"}


def test_an_alias_that_is_gone_is_known_nowhere(agent: Agent) -> None:
    agent.owners({"set": {"a@x": "2", "b@x": "2"}})
    agent.owners({"gone": ["a@x"]})
    assert agent._ksr.htables["owner"] == {"b@x": "2"}
