"""Wait until nothing moves: only then can two hops be compared."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from confluent_kafka import Consumer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from contracts.settings import settings
from contracts.tables import RAW_TABLES
from contracts.topics import CDC_SLOT, FLINK_GROUP, SINK_GROUP, STREAMS
from flink_jobs.submit import checkpoint
from verify.stores import shop

DEADLINE_SECONDS = 300
# Offsets are committed with a checkpoint. Who waits asks for one when the job has sent nothing on for so long,
QUIET_SECONDS = 1
# and again so late: a source without records commits when its poll of 10 s returns (FLINK-40367, not in connector 5.0.0).
ASK_AGAIN_SECONDS = 12
Tell = Callable[[str], None]
SOURCE_TOPICS = [topic for stream in STREAMS for topic in (stream.source, stream.retried)]
VERDICT_TOPICS = [topic for stream in STREAMS for topic in (stream.validated, stream.dead_letters)]


class UnsettledError(RuntimeError):
    """Something still moves after the deadline; the message says what lags by how much."""


# First and next offset of each partition.
Marks = dict[tuple[str, int], tuple[int, int]]


def lag(group: str, topics: list[str]) -> int:
    """Records between a group's committed offsets and the ends of its topics."""
    with _member(group) as consumer:
        return _behind_marks(consumer, _marks(topics))


def wait_until_read(group: str, topics: list[str], deadline: float, tell: Tell, ask: Callable[[], None] = lambda: None) -> None:
    """Until the group has committed what its topics hold now, whatever comes after. ``ask`` urges it to commit, now and then."""
    with _member(group) as consumer:
        marks = _marks(topics)

        def behind() -> int:
            ask()
            return _behind_marks(consumer, marks)

        _wait(f"the consumer group {group}", "records", behind, deadline, tell)


@contextmanager
def _member(group: str) -> Iterator[Consumer]:
    """A consumer that asks for the group's offsets and never joins it."""
    consumer = Consumer(settings().kafka_client | {"group.id": group, "enable.auto.commit": False})
    try:
        yield consumer
    finally:
        consumer.close()


@cache
def _admin() -> AdminClient:
    return AdminClient(settings().kafka_client)


def _marks(topics: list[str]) -> Marks:
    """Asked of all partitions at once: who waits asks every second, of brokers that have other work."""
    described = _admin().describe_topics(TopicCollection(topics), request_timeout=10).items()
    places = [(topic, partition.id) for topic, found in described for partition in found.result().partitions]
    first, following = (_offsets(places, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
    return {place: (first[place], following[place]) for place in places}


def _offsets(places: list[tuple[str, int]], which: OffsetSpec) -> dict[tuple[str, int], int]:
    asked = _admin().list_offsets({TopicPartition(*place): which for place in places}, request_timeout=10)
    return {(place.topic, place.partition): found.result().offset for place, found in asked.items()}


def _behind_marks(consumer: Consumer, marks: Marks) -> int:
    behind = 0
    for position in consumer.committed([TopicPartition(*place) for place in marks], timeout=10):
        low, high = marks[position.topic, position.partition]
        behind += max(high - max(position.offset, low), 0)
    return behind


def flink_lag() -> int:
    """Records that the job has not finished with: it commits offsets when all before them is written."""
    return lag(FLINK_GROUP, SOURCE_TOPICS)


def sink_lag() -> int:
    return lag(SINK_GROUP, [topic for table in RAW_TABLES for topic in table.topics])


def settle(deadline_seconds: float = DEADLINE_SECONDS, tell: Tell = print) -> None:
    """Hop by hop, in the order of the journey; UnsettledError after the deadline."""
    deadline = time.monotonic() + deadline_seconds
    wait_for_flink(deadline, tell)
    with shop() as connection:
        target = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]  # type: ignore[index]
    _wait("Debezium", "bytes of WAL", lambda: _behind(target), deadline, tell)
    _wait("the ClickHouse sink", "records", sink_lag, deadline, tell)


def wait_for_flink(deadline: float, tell: Tell) -> None:
    """Until the job has finished with every record, telling how fast it goes."""
    began = time.monotonic()
    ask = Ask()
    with _member(FLINK_GROUP) as consumer:
        first = told = _behind_marks(consumer, _marks(SOURCE_TOPICS))
        while (behind := _behind_marks(consumer, _marks(SOURCE_TOPICS))) > 0:
            now = time.monotonic()
            if now > deadline:
                raise UnsettledError(f"Flink is still {behind:,} records behind; see {settings().url('FLINK')}")
            if behind != told:
                rate = max(first - behind, 0) / max(now - began, 1)
                tell(f"Flink: {behind:>10,} records to go, {rate:,.0f} a second")
                told = behind
            if ask.is_due(sum(following for _, following in _marks(VERDICT_TOPICS).values()), now):
                checkpoint()
            time.sleep(1)


class Ask:
    """When to ask for a checkpoint: once it has gone quiet, for one that comes earlier leaves records out and costs the job."""

    def __init__(self) -> None:
        self.sent, self.at = -1, 0.0

    def is_due(self, sent: int, now: float) -> bool:
        """``sent`` is what the job has sent on in all, ``now`` in seconds."""
        if sent != self.sent:
            self.sent, self.at = sent, now + QUIET_SECONDS
            return False
        if now < self.at:
            return False
        self.at = now + ASK_AGAIN_SECONDS
        return True


def _behind(target: str) -> int:
    with shop() as connection:
        # A slot that is still being made has confirmed nothing.
        behind = "greatest(pg_wal_lsn_diff(%s::pg_lsn, coalesce(confirmed_flush_lsn, '0/0')), 0)"
        query = f"SELECT {behind} FROM pg_replication_slots WHERE slot_name = %s"
        row = connection.execute(query, (target, CDC_SLOT)).fetchone()
        if row is None:
            raise UnsettledError(f"replication slot {CDC_SLOT} is gone")
        return int(row[0])


def _wait(who: str, unit: str, measure: Callable[[], int], deadline: float, tell: Tell) -> None:
    told = 0
    while (behind := measure()) > 0:
        if time.monotonic() > deadline:
            raise UnsettledError(f"{who} is still {behind} {unit} behind; is something sending events?")
        if behind != told:
            tell(f"waiting for {who}: {behind:,} {unit} behind")
        told = behind
        time.sleep(1)
