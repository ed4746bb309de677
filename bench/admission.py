"""How long does the admission of one call take: reading its offer, finding its way and deciding, and lowering it?

Pure: the same code as inside Kamailio's workers, in one process, by this process's CPU time. What shared memory costs
beside it shows in the measure `calls`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from bench.report import Figure, median
from sextet.call import membership
from sextet.call.bandwidth.decision import decide
from sextet.call.bandwidth.plan import Plan, of_config
from sextet.call.bandwidth.sharing import room
from sextet.call.pattern import NO_VARIABLES
from sextet.call.sdp import capped, read
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, LINKS_MAX, PIPES_MAX, Link, Pipe
from sextet.model.settings.local_zone import DEFAULT_SUBZONE, RULES_MAX, SUBZONES_MAX, MembershipRule, Subzone

ROUNDS, CALLS = 5, 2000
AIM_US = 100.0  # as for the search: together far below what Kamailio itself needs for a call
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:1920\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 96 9 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=sendrecv\r\nm=video 40002 RTP/AVP 97 98\r\nb=TIAS:1856000\r\na=rtpmap:97 H264/90000\r\n"
    "a=fmtp:97 profile-level-id=42801f;max-mbps=108000\r\na=rtpmap:98 H263/90000\r\na=sendrecv\r\n"
)


def measure() -> list[Figure]:
    """Measure one call with as much configured as there can be."""
    config = _config()
    plan, dice = of_config(config), random.Random(1)
    rules = membership.of_config(config.membership_rules, NO_VARIABLES)
    pairs = [(f"Site {dice.randrange(SUBZONES_MAX)}", f"Site {dice.randrange(SUBZONES_MAX)}") for _ in range(CALLS)]
    ips = [f"10.{dice.randrange(12)}.{dice.randrange(256)}.9" for _ in range(CALLS)]
    for pair in pairs:
        plan.route(*pair)  # the first call between two nodes finds the way, all others remember it
    parts: dict[str, Callable[[int], object]] = {
        "reading an offer": lambda _: read(OFFER),
        "lowering an offer": lambda _: capped(OFFER, 512),
        "the subzone of a device": lambda n: rules.subzone_of(ips[n], "bob@apolo.local"),
        "deciding": lambda n: _decide(plan, *pairs[n]),
    }
    figures = [_figure(name, [_microseconds(part) for _ in range(ROUNDS)]) for name, part in parts.items()]
    whole = sum(figure.value for figure in figures)
    return [*figures, Figure(measure="admission", name="all of it", value=whole, unit="µs", at_most=AIM_US)]


def _decide(plan: Plan, here: str, there: str) -> object:
    route = plan.route(here, there)
    assert route is not None
    return decide(plan, route, 1920, 64, lambda element, limit: room(limit, 512, 300, 512, 4))


def _figure(name: str, samples: list[float]) -> Figure:
    return Figure(measure="admission", name=name, value=median(samples), unit="µs", samples=samples)


def _microseconds(part: Callable[[int], object]) -> float:
    began = time.process_time()
    for number in range(CALLS):
        part(number)
    return (time.process_time() - began) / CALLS * 1_000_000


def _config() -> Root:
    sites = [f"Site {n}" for n in range(SUBZONES_MAX)]
    links = [
        Link(name=f"l{n}", node1=site, node2=DEFAULT_SUBZONE, pipe1=f"p{n}", pipe2=f"p{(n + 1) % PIPES_MAX}")
        for n, site in enumerate(sites)
    ]
    dice = random.Random(2)
    while len(links) < LINKS_MAX - len(DEFAULT_LINKS):
        one, other = dice.sample(sites, 2)
        links.append(Link(name=f"l{len(links)}", node1=one, node2=other))
    return Root(
        subzones=tuple(Subzone(name=site, total_mode="Limited") for site in sites),
        membership_rules=tuple(
            MembershipRule(
                name=f"r{n}", subnet_address=f"10.{n // 256}.{n % 256}.0", subnet_prefix=24, priority=n % 7 + 1,
                subzone=sites[n % SUBZONES_MAX],
            )
            for n in range(RULES_MAX)
        ),
        links=(*DEFAULT_LINKS, *links),
        pipes=tuple(Pipe(name=f"p{n}", total_mode="Limited", per_call_mode="Limited") for n in range(PIPES_MAX)),
    )  # fmt: skip
