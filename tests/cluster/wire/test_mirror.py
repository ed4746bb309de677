"""Is a mirror the same as its owner's rows, whatever happened in between?"""

from __future__ import annotations

import random

from sextet.cluster.wire.mirror import (
    BEAT,
    EPOCH,
    SUM,
    Beaten,
    Broken,
    Changed,
    Checksum,
    Delivery,
    Effect,
    Mirror,
    Synchronised,
)
from tests.support.memory_bucket import MemoryBucket, MemoryConsumer


def owner(rows: int = 3) -> MemoryBucket:
    bucket = MemoryBucket()
    for n in range(rows):
        bucket.put(f"row.{n}", b"%d" % n)
    bucket.put(EPOCH, bucket.info.epoch.encode())
    return bucket


def attach(mirror: Mirror, bucket: MemoryBucket, now: float = 0.0) -> tuple[MemoryConsumer, list[Effect]]:
    consumer = bucket.consume(mirror.attach(bucket.info, now))
    return consumer, [*mirror.expect(consumer.expected), *pull(mirror, consumer)]


def pull(mirror: Mirror, consumer: MemoryConsumer) -> list[Effect]:
    return [effect for delivery in consumer.next() for effect in mirror.deliver(delivery)]


def test_a_snapshot_brings_every_row() -> None:
    mirror, bucket = Mirror(), owner()
    _, effects = attach(mirror, bucket)
    assert effects == [Changed("row.0", b"0"), Changed("row.1", b"1"), Changed("row.2", b"2"), Synchronised()]
    assert mirror.synchronised and not mirror.stale


def test_after_a_cut_exactly_the_changed_rows_come() -> None:
    mirror, bucket = Mirror(), owner()
    attach(mirror, bucket)
    mirror.detach(10.0)
    assert mirror.stale and len(mirror.rows) == 3
    bucket.put("row.1", b"new")
    bucket.drop("row.2")
    _, effects = attach(mirror, bucket, 20.0)
    assert effects == [Changed("row.1", b"new"), Changed("row.2", None), Synchronised()]


def test_a_resume_without_news_is_synchronised_at_once() -> None:
    mirror, bucket = Mirror(), owner()
    attach(mirror, bucket)
    mirror.detach(10.0)
    assert attach(mirror, bucket, 11.0)[1] == [Synchronised()]


def test_a_mirror_that_was_away_for_long_takes_a_snapshot_and_drops_what_is_gone() -> None:
    mirror, bucket = Mirror(), owner()
    attach(mirror, bucket)
    mirror.detach(10.0)
    bucket.purge(bucket.drop("row.2"))
    _, effects = attach(mirror, bucket, 311.0)
    assert effects == [Changed("row.2", None), Synchronised()]


def test_a_lost_store_removes_nothing_before_the_owner_has_published_all() -> None:
    mirror, bucket = Mirror(), owner()
    attach(mirror, bucket)
    mirror.detach(10.0)
    bucket.lose()
    consumer, effects = attach(mirror, bucket, 11.0)
    assert effects == [] and not mirror.synchronised
    bucket.put("row.0", b"0")
    assert pull(mirror, consumer) == [] and len(mirror.rows) == 3
    bucket.put(EPOCH, bucket.info.epoch.encode())
    assert pull(mirror, consumer) == [Changed("row.1", None), Changed("row.2", None), Synchronised()]


def test_the_epoch_of_an_older_store_does_not_count() -> None:
    mirror, bucket = Mirror(), owner()
    bucket.put(EPOCH, b"of another store")
    assert attach(mirror, bucket)[1][-1] != Synchronised()


def test_a_gap_breaks_the_link_and_the_rows_are_fetched_again() -> None:
    mirror, bucket = Mirror(), owner()
    consumer, _ = attach(mirror, bucket)
    bucket.put("row.0", b"a")
    consumer.next()
    bucket.put("row.1", b"b")
    assert pull(mirror, consumer) == [Broken("sequence gap: row 6 came after 4")]
    mirror.detach(1.0)
    assert attach(mirror, bucket, 2.0)[1] == [Changed("row.0", b"a"), Changed("row.1", b"b"), Synchronised()]


def test_a_heartbeat_tells_of_rows_that_never_came() -> None:
    mirror, bucket = Mirror(), owner()
    consumer, _ = attach(mirror, bucket)
    assert mirror.heartbeat(consumer.sent) == []
    assert mirror.heartbeat(consumer.sent + 1) == [Broken("sequence gap: 5 rows were sent, 4 came")]


def test_a_snapshot_that_was_cut_off_is_begun_again() -> None:
    mirror, bucket = Mirror(), owner()
    consumer = bucket.consume(mirror.attach(bucket.info, 0.0))
    mirror.expect(consumer.expected)
    for delivery in consumer.next(2):
        mirror.deliver(delivery)
    mirror.detach(1.0)
    assert mirror.attach(bucket.info, 2.0) is None


def test_a_copy_that_differs_is_noticed_and_fetched_again() -> None:
    mirror, bucket = Mirror(), owner(1)
    consumer, _ = attach(mirror, bucket)
    truth = Checksum()
    truth.change("row.0", None, b"something else")
    bucket.put(SUM, truth.row(1))
    assert pull(mirror, consumer) == [Broken("the copy differs from the peer's rows: 1 rows here", differs=True)]
    mirror.detach(1.0)
    assert mirror.attach(bucket.info, 2.0) is None


def test_a_copy_that_agrees_is_left_alone_and_so_is_one_that_is_behind() -> None:
    mirror, bucket = Mirror(), owner(1)
    consumer, _ = attach(mirror, bucket)
    truth = Checksum()
    truth.change("row.0", None, b"0")
    bucket.put(SUM, truth.row(1))
    assert pull(mirror, consumer) == []
    bucket.put(SUM, truth.row(1))
    bucket.put("row.0", b"newer")
    assert pull(mirror, consumer) == [Changed("row.0", b"newer")]


def test_only_a_fresh_beat_counts() -> None:
    mirror, bucket = Mirror(), owner()
    bucket.put(BEAT, b"1")
    consumer, effects = attach(mirror, bucket)
    assert Beaten() not in effects
    bucket.put(BEAT, b"2")
    assert pull(mirror, consumer) == [Beaten()]


def test_rows_of_a_peer_that_stays_away_are_forgotten_but_not_its_configuration() -> None:
    mirror, bucket = Mirror(), owner()
    bucket.put("config", b"c")
    attach(mirror, bucket)
    mirror.detach(10.0)
    assert mirror.forget(900.0, keep=("config",)) == []
    assert len(mirror.forget(910.0, keep=("config",))) == 3
    assert dict(mirror.rows) == {"config": b"c"}
    assert len([effect for effect in attach(mirror, bucket, 911.0)[1] if isinstance(effect, Changed)]) == 3


def test_garbage_in_a_sum_is_a_difference_and_not_an_error() -> None:
    for garbage in (b"", b"[]", b"{}", b"\xff", b'{"count": 1, "hash": 2, "sequence": "x"}'):
        mirror, bucket = Mirror(), owner(1)
        consumer, _ = attach(mirror, bucket)
        bucket.put(SUM, garbage)
        assert [effect.differs for effect in pull(mirror, consumer) if isinstance(effect, Broken)] == [True]


def test_any_play_of_changes_cuts_and_losses_ends_in_the_same_rows() -> None:
    for seed in range(200):
        dice, truth, mirror, bucket, now = random.Random(seed), dict[str, bytes](), Mirror(), MemoryBucket(), 0.0
        bucket.put(EPOCH, bucket.info.epoch.encode())
        consumer, _ = attach(mirror, bucket)
        for _ in range(60):
            now += dice.random() * 20
            key = f"row.{dice.randrange(8)}"
            match dice.randrange(6):
                case 0 | 1:
                    truth[key] = b"%d" % dice.randrange(5)
                    bucket.put(key, truth[key])
                case 2:
                    truth.pop(key, None)
                    bucket.drop(key)
                case 3:
                    for delivery in consumer.next(dice.randrange(4)):
                        mirror.deliver(delivery)
                case 4:
                    mirror.detach(now)
                    consumer = bucket.consume(mirror.attach(bucket.info, now + dice.random() * 400))
                    mirror.expect(consumer.expected)
                case 5 if dice.random() < 0.3:
                    bucket.lose()
                    for name, value in truth.items():
                        bucket.put(name, value)
                    bucket.put(EPOCH, bucket.info.epoch.encode())
                    mirror.detach(now)
                    consumer = bucket.consume(mirror.attach(bucket.info, now))
                    mirror.expect(consumer.expected)
        pull(mirror, consumer)
        assert (dict(mirror.rows), mirror.synchronised) == (truth, True), f"seed {seed}"


def test_deliveries_of_one_row_count_once() -> None:
    mirror = Mirror()
    mirror.attach(MemoryBucket().info, 0.0)
    assert mirror.deliver(Delivery(consumer_sequence=1, sequence=7, key="a", value=b"1", pending=0)) == [
        Changed("a", b"1")
    ]
    assert mirror.deliver(Delivery(consumer_sequence=1, sequence=7, key="a", value=b"1", pending=0)) == [
        Broken("sequence gap: row 1 came after 1")
    ]
