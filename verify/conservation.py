"""I1, I4, I7: what the ledger says was sent, against what was accepted or set aside. DuckDB joins them, out of core."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from contracts.settings import settings
from contracts.tables import ACCEPTED, RAW_DEAD_LETTERS, RAW_TABLES
from contracts.topics import STREAMS, Stream
from verify.result import SHOWN, Result
from verify.stores import warehouse

# Records of each partition whose dead letters are held against them.
INSPECTED = 200_000
ANSWER_SECONDS = 20


def records(stream: Stream) -> int:
    """Records in the stream's topic."""
    return sum(high - low for low, high in _marks(stream.source).values())


def _marks(topic: str) -> dict[int, tuple[int, int]]:
    """Partition to the offset of its first record and the one after its last."""
    consumer = Consumer(settings().kafka_client | {"group.id": "verify"})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        return {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in partitions}
    finally:
        consumer.close()


def conservation(ledger: Path) -> Result:
    """I1: distinct sent = accepted ∪ dead-lettered, disjoint; and every record of the source topics is one of
    accepted, dead-lettered or a duplicate. A dead letter that was accepted when tried again counts as accepted."""
    result = Result("I1", "sent = accepted + dead-lettered + duplicates")
    database = _loaded(ledger)
    for stream in STREAMS:
        _count(database, stream, result)
        _compare(database, stream, result)
    return result


def _loaded(ledger: Path) -> duckdb.DuckDBPyConnection:
    """Tables sent(topic, event_id, reason, md5), accepted(topic, event_id, revived), dead(topic, source, reason, md5, revived).

    An accepted event and a dead letter that lay at one position of the source topic are one record: it was revived.
    """
    database = duckdb.connect(
        config={"memory_limit": "1GB", "threads": 2, "temp_directory": str(settings().var / "tmp" / "verify")}
    )
    files = sorted(str(file) for file in ledger.glob("*.parquet"))
    if files:
        database.execute(
            "CREATE TABLE sent AS SELECT topic::text AS topic, event_id, reason::text AS reason, md5 FROM read_parquet(?)",
            [files],
        )
    else:
        database.execute("CREATE TABLE sent (topic text, event_id text, reason text, md5 text)")
    database.execute("CREATE TABLE accepted (topic text, event_id text, revived boolean)")
    database.execute("CREATE TABLE dead (topic text, source text, reason text, md5 text, revived boolean)")
    for stream, table in ACCEPTED.items():
        dead = f"{RAW_DEAD_LETTERS.qualified} FINAL WHERE stream = '{stream.event.name}'"
        topic, position = f"'{stream.source}'", "(source_partition, source_offset)"
        revived = f"{position} IN (SELECT source_partition, source_offset FROM {dead} AND source_topic = {topic})"
        _fill(database, "accepted", f"SELECT {topic} AS topic, event_id, {revived} AS revived FROM {table.qualified} FINAL")
        revived = f"source_topic = {topic} AND {position} IN (SELECT source_partition, source_offset FROM {table.qualified})"
        md5 = "lower(hex(MD5(base64Decode(ifNull(raw_value, '')))))"
        letters = f"SELECT {topic} AS topic, toString(source_topic) AS source, toString(reason) AS reason, {md5} AS md5"
        _fill(database, "dead", f"{letters}, {revived} AS revived FROM {dead}")
    return database


def _fill(database: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    with warehouse().query_arrow_stream(query, use_strings=True) as batches:
        for batch in batches:
            found = pa.table(batch) if isinstance(batch, pa.RecordBatch) else batch  # noqa: F841  (DuckDB reads it by name)
            database.execute(f"INSERT INTO {table} SELECT * FROM found")


def _one(database: duckdb.DuckDBPyConnection, query: str, *values: object) -> int:
    row = database.execute(query, list(values)).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _count(database: duckdb.DuckDBPyConnection, stream: Stream, result: Result) -> None:
    """The arithmetic of one stream: its duplicates are the records that are neither accepted nor dead."""
    topic = stream.source
    in_topic = records(stream)
    accepted = _one(database, "SELECT count(*) FROM accepted WHERE topic = ?", topic)
    dead = _one(database, "SELECT count(*) FROM dead WHERE topic = ? AND source = ? AND NOT revived", topic, topic)
    revived = _one(database, "SELECT count(*) FROM dead WHERE topic = ? AND revived", topic)
    elsewhere = _one(database, "SELECT count(*) FROM dead WHERE topic = ? AND source <> ?", topic, topic)
    sent = _one(database, "SELECT count(*) FROM sent WHERE topic = ?", topic)
    good = "SELECT count(*) - count(DISTINCT event_id) FROM sent WHERE topic = ? AND reason IS NULL"
    duplicates = in_topic - accepted - dead
    result.figures |= {
        f"{topic}: in topic": in_topic, f"{topic}: in ledger": sent, f"{topic}: accepted": accepted,
        f"{topic}: dead-lettered": dead + elsewhere, f"{topic}: duplicates": duplicates,
        f"{topic}: accepted when tried again": revived,
    }  # fmt: skip
    if duplicates < 0:
        result.differ(f"{topic}: {accepted} accepted and {dead} dead-lettered of {in_topic} records")
    elif sent and (expected := _one(database, good, topic)) != duplicates:
        result.differ(f"{topic}: {duplicates} records are neither accepted nor dead, the ledger has {expected} duplicates")


def _compare(database: duckdb.DuckDBPyConnection, stream: Stream, result: Result) -> None:
    """Both directions, by event id for good records and by reason and bytes for bad ones."""
    topic = stream.source
    good = f"SELECT event_id FROM sent WHERE topic = '{topic}' AND reason IS NULL"
    accepted = f"SELECT event_id FROM accepted WHERE topic = '{topic}'"
    # A line of a file is one dead letter however often the file is replayed.
    bad = f"""SELECT reason || ' ' || md5 FROM sent WHERE topic = '{topic}' AND reason IS NOT NULL UNION ALL
              SELECT reason || ' ' || md5
              FROM (SELECT DISTINCT event_id, reason, md5 FROM sent WHERE topic = '{stream.dead_letters}')"""
    dead = f"SELECT reason || ' ' || md5 FROM dead WHERE topic = '{topic}'"
    for what, query in (
        ("sent but not accepted", f"{good} EXCEPT {accepted}"),
        ("accepted but not in the ledger", f"{accepted} AND NOT revived EXCEPT {good}"),
        ("bad but not dead-lettered", f"({bad}) EXCEPT ALL {dead}"),
        ("dead-lettered but not in the ledger", f"{dead} EXCEPT ALL ({bad})"),
    ):
        count = _one(database, f"SELECT count(*) FROM ({query})")
        if count:
            samples = [row[0] for row in database.execute(f"SELECT * FROM ({query}) LIMIT {SHOWN}").fetchall()]
            result.differ(f"{topic}: {count} {what}: {', '.join(map(str, samples))}", count)


def redelivery() -> Result:
    """I4: redelivered rows may wait in the raw tables; FINAL, which everybody reads, has none."""
    result = Result("I4", "redelivered rows: some in raw, none in what people read")
    client = warehouse()
    for table in RAW_TABLES:
        key = ", ".join(table.key)
        query = f"SELECT (SELECT count() FROM {table.qualified}), count(), uniqExact({key}) FROM {table.qualified} FINAL"
        stored, read, distinct = client.query(query).first_row
        result.figures[f"{table.name}: rows not merged yet"] = stored - read
        if read != distinct:
            result.differ(f"{table.qualified}: {read} rows for {distinct} keys", read - distinct)
    for table in ACCEPTED.values():
        ids, rows = client.query(f"SELECT uniqExact(event_id), count() FROM {table.qualified} FINAL").first_row
        if ids != rows:
            result.differ(f"{table.qualified}: {rows} rows for {ids} event ids", rows - ids)
    return result


def dead_letters() -> Result:
    """I7: a dead letter has a reason and the very bytes that lie at its source position."""
    result = Result("I7", "dead letters carry their reason and raw bytes")
    for stream in STREAMS:
        digests = _source_digests(stream)
        result.figures[f"{stream.source}: inspected"] = len(digests)
        for (partition, offset), (reason, letter, source) in digests.items():
            if letter != source:
                result.differ(f"{stream.source}/{partition}/{offset}: the dead letter has other bytes than the record")
            if not reason:
                result.differ(f"{stream.source}/{partition}/{offset}: no reason")
    return result


def _source_digests(stream: Stream) -> dict[tuple[int, int], tuple[str, str | None, str | None]]:
    """(partition, offset) to reason, MD5 of the dead letter's bytes and MD5 of the record's, None where there are no bytes.

    The newest INSPECTED records of each partition are read once, in order: a fetch for each letter takes 150 ms.
    """
    starts = {number: max(low, high - INSPECTED) for number, (low, high) in _marks(stream.source).items()}
    newest = " OR ".join(f"source_partition = {number} AND source_offset >= {offset}" for number, offset in starts.items())
    query = f"""SELECT source_partition, source_offset, toString(reason), lower(hex(MD5(base64Decode(raw_value))))
                FROM {RAW_DEAD_LETTERS.qualified} FINAL WHERE source_topic = '{stream.source}' AND ({newest})"""
    letters = {(partition, offset): rest for partition, offset, *rest in warehouse().query(query).result_rows}
    digests = {}
    for message in _records(stream.source, starts):
        position = (message.partition(), message.offset())
        if position in letters:
            reason, letter = letters[position]
            value = message.value()
            digests[position] = (reason, letter, None if value is None else hashlib.md5(value).hexdigest())
    return digests


def _records(topic: str, starts: dict[int, int]) -> Iterator[Message]:
    """The topic's records from these offsets up to what it holds now."""
    options = {"group.id": "verify", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(settings().kafka_client | options)
    try:
        reading = set(starts)
        consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
        answered = time.monotonic()
        while reading:
            # A short wait: consume() gives back less than it was asked for only when its time is over.
            messages = consumer.consume(5_000, timeout=0.2)
            if messages:
                answered = time.monotonic()
            elif time.monotonic() - answered > ANSWER_SECONDS:
                raise RuntimeError(f"{topic}: no answer in {ANSWER_SECONDS} s from partitions {sorted(reading)}")
            for message in messages:
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    reading.discard(message.partition())
                else:
                    raise RuntimeError(f"{topic}/{message.partition()} cannot be read: {message.error()}")
    finally:
        consumer.close()
