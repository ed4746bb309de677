"""What parts a lab's cluster: lists that differ, a cut network, two primaries, two clusters."""

from __future__ import annotations

from sextet.lab.bench import Bench, Fault
from sextet.lab.faults.settings import setting
from sextet.lab.plan import CLUSTER_NAME

LIST = "clustering.peer_{}_address"


async def _two_names(bench: Bench) -> None:
    await bench.set(3, "clustering.peer_4_address", bench.address(1))


async def _part_ways(bench: Bench) -> None:
    """Let the primary accept an edit that nobody hears of, while another peer becomes the primary."""
    for other in (2, 3):
        await bench.do("cut", peer=1, other=other)
    await bench.set(1, "protocols.standard_refresh_maximum", 61)
    await bench.run(2, "cluster promote")
    await bench.set(3, "clustering.configuration_primary", 2)
    await bench.do("heal")


async def _settle(bench: Bench) -> None:
    """Deal with the edit, and give the lab back the primary that it had."""
    await bench.set(1, "clustering.configuration_primary", 2)
    for proposal in await bench.run(1, "config set-aside"):
        await bench.run(1, "config dismiss", revision=proposal["revision"]["revision"])
    await bench.run(1, "cluster promote")
    for other in (2, 3):
        await bench.set(other, "clustering.configuration_primary", 1)


async def _away_from_the_list(bench: Bench) -> None:
    await bench.set(3, LIST.format(3), "expc09.apolo.local")


async def _two_clusters(bench: Bench) -> None:
    """Let peer 3 begin again as a new system that is the first of a cluster of its own, and lists peer 1 in it."""
    host = bench.name(3).partition(".")[0]
    await bench.run(3, "clusterdb-destroy-and-purge-data", system=host)

    async def alone() -> bool:
        return bool((await bench.run(3, "cluster status"))["database"] == "Single peer")

    await bench.until("peer 3 stands alone", alone)
    await bench.set(3, "clustering.cluster_name", CLUSTER_NAME)
    await bench.set(3, LIST.format(1), bench.name(3))
    await bench.set(3, LIST.format(2), bench.name(1))


async def _one_cluster(bench: Bench) -> None:
    """Take peer 3 out of the primary's list and add it again, as any new peer, with the list that the others have."""
    await bench.set(1, LIST.format(3), "")
    await bench.set(1, LIST.format(3), bench.name(3))
    for number in (2, 1, 3):  # in this order no list has a gap or a peer twice
        await bench.set(3, LIST.format(number), bench.name(number))
    await bench.whole()
    await bench.do("restart", peer=3)  # it began with the SIP transports of a new system, and has to restart for ours
    await bench.whole()


_NAME = setting(3, "clustering.cluster_name", "", CLUSTER_NAME)
_PRIMARY = setting(3, "clustering.configuration_primary", 2, 1)
_NOBODY = setting(3, LIST.format(4), "nobody.apolo.local", "")

CUT = Fault(
    what="The network between peer 1 and peer 2 is cut",
    alarms=((20004, 1), (20006, 1), (20016, 2)),
    breaks=lambda bench: bench.do("cut", peer=1, other=2),
    mends=lambda bench: bench.do("heal"),
)
NO_NAME = Fault(
    what="Peer 3 has no cluster name, unlike the primary",
    alarms=((20019, 3), (20012, 3)),
    breaks=_NAME[0],
    mends=_NAME[1],
)
OTHER_PRIMARY = Fault(
    what="Peer 3 names another configuration primary", alarms=((20017, 3),), breaks=_PRIMARY[0], mends=_PRIMARY[1]
)
UNKNOWN_NAME = Fault(
    what="Peer 3 lists a name that does not resolve", alarms=((20005, 3),), breaks=_NOBODY[0], mends=_NOBODY[1]
)
LISTED_TWICE = Fault(
    what="Peer 3 lists the same system twice",
    alarms=((20003, 3),),
    breaks=_two_names,
    mends=lambda bench: bench.set(3, LIST.format(4), ""),
)
NOT_LISTED = Fault(
    what="Peer 3 is not in its own list",
    alarms=((20015, 3),),
    breaks=_away_from_the_list,
    mends=lambda bench: bench.set(3, LIST.format(3), bench.name(3)),
)
TWO_PRIMARIES = Fault(
    what="An edit of a cut-off primary, while another peer became the primary",
    alarms=((20011, 1),),
    breaks=_part_ways,
    mends=_settle,
)
TWO_CLUSTERS = Fault(
    what="Peer 3 begins again as a new system, in a cluster of its own",
    alarms=((20024, 1), (20024, 3), (40005, 3)),
    breaks=_two_clusters,
    mends=_one_cluster,
)
