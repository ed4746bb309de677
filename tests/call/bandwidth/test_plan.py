"""The way of a call through subzones, links and zones, and what it counts for; also against a slow reference."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from sextet.call.bandwidth.plan import Plan, Route, of_config
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, Link, Pipe
from sextet.model.settings.local_zone import (
    CLUSTER_SUBZONE,
    DEFAULT_SUBZONE,
    TRAVERSAL_SUBZONE,
    DefaultSubzone,
    Subzone,
    TraversalSubzone,
)
from sextet.model.settings.zones import DEFAULT_ZONE, Zone
from tests.support.tables import linked

D, T, C, Z = DEFAULT_SUBZONE, TRAVERSAL_SUBZONE, CLUSTER_SUBZONE, DEFAULT_ZONE


SITES = linked(Root(subzones=(Subzone(name="A"), Subzone(name="B")), zones=(Zone(name="London"),)))


def route(config: Root, here: str, there: str, traversal: bool = False) -> Route:
    found = of_config(config).route(here, there, traversal)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("here", "there", "traversal", "nodes"),
    [
        (D, D, False, (D,)),
        (D, C, False, (D, C)),
        (C, D, False, (C, D)),
        (D, Z, False, (D, Z)),
        ("A", "A", False, ("A",)),
        ("A", D, False, ("A", D)),
        ("A", "B", False, ("A", D, "B")),
        ("A", C, False, ("A", D, C)),
        ("A", "London", False, ("A", D, "London")),
        ("London", C, False, ("London", D, C)),
        ("London", Z, False, ("London", D, Z)),
        (D, D, True, (D, T, D)),
        ("A", "A", True, ("A", T, "A")),
        ("A", "B", True, ("A", T, "B")),
        ("A", Z, True, ("A", T, Z)),
    ],
)
def test_the_ways_of_a_usual_configuration(here: str, there: str, traversal: bool, nodes: tuple[str, ...]) -> None:
    assert route(SITES, here, there, traversal).nodes == nodes


def test_a_way_is_shown_in_the_words_of_the_original() -> None:
    assert route(SITES, "London", C).shown == "London -> Default Subzone -> Cluster Subzone"
    assert route(SITES, D, D, True).shown == "Default Subzone -> Traversal Subzone -> Default Subzone"


def test_a_call_counts_for_its_ends_links_and_pipes_but_not_for_subzones_it_passes() -> None:
    links = [
        replace(link, pipe1="Line", pipe2="Site" if link.node1 == "A" else "")
        if D in (link.node1, link.node2)
        else link
        for link in SITES.links
    ]
    config = replace(SITES, links=tuple(links), pipes=(Pipe(name="Line"), Pipe(name="Site")))
    assert dict(route(config, "A", "B").counts) == {
        "subzone/A": 1,
        "subzone/B": 1,
        "link/SubZone001ToDefaultSZ": 1,
        "link/SubZone002ToDefaultSZ": 1,
        "pipe/Line": 2,  # crossed twice: the traffic goes over it twice
        "pipe/Site": 1,
    }
    assert dict(route(config, D, "London").counts) == {
        "subzone/DefaultSubZone": 1,
        "zone/London": 1,
        "link/Zone001ToDefaultSZ": 1,
        "pipe/Line": 1,
    }


def test_a_call_within_a_subzone_counts_once_and_as_a_traversal_call_twice() -> None:
    assert dict(route(SITES, "A", "A").counts) == {"subzone/A": 1}
    assert dict(route(SITES, "A", "A", True).counts) == {
        "subzone/A": 2,
        "subzone/TraversalSubZone": 1,
        "link/SubZone001ToTraversalSZ": 2,
    }


def test_without_its_link_there_is_no_way() -> None:
    without = replace(SITES, links=tuple(link for link in SITES.links if link.name != "DefaultSZtoDefaultZ"))
    plan = of_config(without)
    assert plan.route(D, Z) is None, "the Traversal Subzone is no way for a call that is none"
    assert plan.route(D, Z, True) is not None
    assert of_config(replace(SITES, links=())).route(D, D) is not None
    assert of_config(replace(SITES, links=())).route("A", D) is None
    assert plan.route("Nowhere", "Nowhere") is None
    assert plan.route(D, "Nowhere") is None


def test_of_two_ways_of_one_length_the_link_that_stands_first_decides() -> None:
    zone = (Zone(name="Far"),)
    links = (
        Link(name="d2", node1=D, node2="B"),
        Link(name="d1", node1=D, node2="A"),
        Link(name="a", node1="A", node2="Far"),
        Link(name="b", node1="Far", node2="B"),
        Link(name="again", node1=D, node2="B"),
    )
    config = replace(SITES, links=links, zones=zone)
    assert route(config, D, "Far").links == ("d2", "b")
    assert route(config, D, "B").links == ("d2",)
    assert route(config, "Far", D).links == ("a", "d1"), "seen from who calls"


@pytest.mark.parametrize(
    ("here", "there", "traversal", "kbps", "whose"),
    [
        ("A", "A", False, 300, "the subzone A"),
        ("A", D, False, 200, "the subzone A"),
        (D, D, False, 100, "the Default Subzone"),
        (D, Z, False, 50, "pipe Line"),
        ("B", D, True, 40, "the Traversal Subzone"),
    ],
)
def test_the_lowest_limit_of_one_call_wins(here: str, there: str, traversal: bool, kbps: int, whose: str) -> None:
    site = Subzone(name="A", inter_mode="Limited", inter_limit=200, intra_mode="Limited", intra_limit=300)
    links = tuple(replace(link, pipe2="Line") if link.name == "DefaultSZtoDefaultZ" else link for link in SITES.links)
    config = replace(
        SITES,
        links=links,
        subzones=(site, Subzone(name="B")),
        default_subzone=DefaultSubzone(intra_mode="Limited", intra_limit=100),
        traversal_subzone=TraversalSubzone(per_call_mode="Limited", per_call_limit=40),
        pipes=(Pipe(name="Line", per_call_mode="Limited", per_call_limit=50),),
    )
    cap = route(config, here, there, traversal).cap
    assert cap is not None
    assert (cap.kbps, cap.whose) == (kbps, whose)
    assert route(config, "B", "B").cap is None


def test_no_bandwidth_is_a_limit_of_nothing_and_unlimited_none() -> None:
    pipe = Pipe(name="Line", total_mode="No bandwidth", total_limit=700)
    plan = of_config(replace(SITES, pipes=(pipe, Pipe(name="Free", total_limit=5))))
    assert plan.totals == {"pipe/Line": 0}


# The reference: every simple path, by hand.


def all_paths(config: Root, here: str, there: str) -> Iterator[list[tuple[int, str]]]:
    inner = {D, *(row.name for row in config.subzones)}

    def walk(node: str, seen: frozenset[str], way: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
        if node == there:
            yield way
            return
        if node != here and node not in inner:
            return
        for place, link in enumerate(config.links):
            for one, other in ((link.node1, link.node2), (link.node2, link.node1)):
                if one == node and other not in seen:
                    yield from walk(other, seen | {other}, [*way, (place, other)])

    yield from walk(here, frozenset((here,)), [])


def reference(config: Root, here: str, there: str, traversal: bool) -> tuple[str, ...] | None:
    legs = [(here, T), (T, there)] if traversal else [(here, there)]
    chosen: list[int] = []
    for one, other in legs:
        paths = sorted(all_paths(config, one, other), key=lambda way: (len(way), [place for place, _ in way]))
        if not paths:
            return None
        chosen += [place for place, _ in paths[0]]
    return tuple(config.links[place].name for place in chosen)


def drawn(seed: int) -> tuple[Root, Sequence[str]]:
    dice = random.Random(seed)
    subzones = [f"S{n}" for n in range(dice.randint(0, 4))]
    zones = [f"Z{n}" for n in range(dice.randint(0, 3))]
    nodes = [D, T, C, Z, *subzones, *zones]
    links = []
    for n in range(dice.randint(0, 9)):
        one, other = dice.sample(nodes, 2)
        links.append(Link(name=f"l{n}", node1=one, node2=other))
    root = Root(
        links=tuple(links),
        subzones=tuple(Subzone(name=name) for name in subzones),
        zones=tuple(Zone(name=name) for name in zones),
    )
    return root, nodes


@pytest.mark.parametrize("seed", range(60))
def test_every_way_is_the_one_that_the_slow_reference_finds(seed: int) -> None:
    config, nodes = drawn(seed)
    plan: Plan = of_config(config)
    for here in nodes:
        for there in nodes:
            for traversal in (False, True):
                found = plan.route(here, there, traversal)
                expected = reference(config, here, there, traversal)
                assert (found.links if found else None) == expected, (here, there, traversal)


def test_ten_thousand_pairs_of_a_large_system_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sextet.call.bandwidth.plan.ROUTES_MAX", 4)
    plan = of_config(SITES)
    for here in (D, "A", "B", "London", Z):
        for there in (D, "A"):
            assert plan.route(here, there) == of_config(SITES).route(here, there)
            assert len(plan.routes) <= 4


def test_the_links_of_a_new_system_are_the_original_s() -> None:
    assert of_config(Root()).route(D, Z) is not None
    assert [link.name for link in DEFAULT_LINKS] == [link.name for link in Root().links]
