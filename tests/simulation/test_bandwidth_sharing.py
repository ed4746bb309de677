"""Whatever the delays, peers never use more of a limit together than the stated bound; many seeds in virtual time."""

from __future__ import annotations

import pytest

from sextet.call.bandwidth.sharing import room
from tests.support.sharing import LINE, Cluster

pytestmark = pytest.mark.simulation


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


def stormed(seed: int, *, losses: bool = False) -> Cluster:
    """Let peers admit and end calls as fast as they hear of each other, or much faster."""
    count = 2 + seed % 5
    cluster = Cluster(seed, count, limit=1000 + 777 * (seed % 3), delay_s=(0.01, 0.2, 2.0)[seed % 3])
    dice = cluster.dice
    for _ in range(300):
        cluster.run(cluster.now + dice.expovariate(20))
        number = dice.randint(1, count)
        if dice.random() < 0.6:
            wanted = dice.choice((64, 128, 384, 512))
            cluster.ask(number, wanted, least=dice.choice((64, wanted)))
        elif cluster.peers[number].calls:
            cluster.end(number, dice.randrange(len(cluster.peers[number].calls)))
        if losses and dice.random() < 0.002 and sum(peer.alive for peer in cluster.peers.values()) > 2:
            cluster.lose(next(n for n, peer in cluster.peers.items() if peer.alive))
    return cluster


def test_the_bound_holds(seed: int) -> None:
    cluster = stormed(seed)
    count = len(cluster.peers)
    assert cluster.most <= cluster.limit + (count - 1) * cluster.largest


def test_what_everybody_knows_in_the_end_is_what_is_used(seed: int) -> None:
    cluster = stormed(seed, losses=True)
    cluster.settle()
    for peer in cluster.peers.values():
        if peer.alive:
            others = sum(sum(one.calls) for one in cluster.peers.values() if one.alive and one is not peer)
            assert peer.worker.own == sum(peer.calls)
            assert peer.worker.others == others
            assert peer.worker.confirmed == peer.worker.own
            assert peer.book.use()[LINE] == (peer.worker.own, cluster.used)
            assert peer.worker.left(cluster.limit) == cluster.limit - cluster.used


def test_within_their_shares_peers_never_exceed_the_limit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one call beyond the share is all that can exceed it: without it nothing does."""

    def shares_only(limit: int, own: int, others: int, confirmed: int, peers: int) -> int:
        base = max(own, confirmed)
        return min(limit - base - others, (limit - confirmed - others) // peers - max(0, own - confirmed))

    monkeypatch.setattr("tests.support.sharing.room", shares_only)
    cluster = stormed(seed)
    assert cluster.most <= cluster.limit


def test_the_bound_is_reached_by_two_that_take_the_last_place_at_once() -> None:
    cluster = Cluster(1, 2, limit=1000, delay_s=0.1)
    cluster.settle()
    for _ in range(2):
        assert cluster.ask(1, 384, least=384)
        cluster.settle()
    assert not cluster.ask(1, 384, least=384)
    cluster.end(1)
    cluster.settle()
    assert cluster.ask(1, 500, least=500)
    assert cluster.ask(2, 500, least=500)
    assert cluster.used == 384 + 1000
    assert cluster.most <= cluster.limit + cluster.largest
    assert room(1000, 0, 0, 0, 2) == 1000
