"""I1, I4, I7: what the ledger says was sent, against what was accepted or set aside. DuckDB joins them, out of core."""

import base64
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

from contracts.settings import settings
from contracts.tables import ACCEPTED, RAW_DEAD_LETTERS, RAW_TABLES
from contracts.topics import STREAMS, Stream
from verify.result import SHOWN, Result
from verify.stores import warehouse

# Dead letters whose bytes are compared with the source topic.
INSPECTED = 300


def records(stream: Stream) -> int:
    """Records in the stream's topic."""
    consumer = Consumer({"bootstrap.servers": settings().address("KAFKA"), "group.id": "verify"})
    try:
        partitions = consumer.list_topics(stream.source, 10).topics[stream.source].partitions
        marks = [consumer.get_watermark_offsets(TopicPartition(stream.source, number), timeout=10) for number in partitions]
        return sum(high - low for low, high in marks)
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
    query = f"SELECT source_topic, source_partition, source_offset, raw_value, reason FROM {RAW_DEAD_LETTERS.qualified} FINAL"
    rows = (
        warehouse()
        .query(f"{query} WHERE source_topic IN {tuple(stream.source for stream in STREAMS)} LIMIT {INSPECTED}")
        .result_rows
    )
    result.figures["inspected"] = len(rows)
    for (topic, partition, offset, raw, reason), value in zip(rows, _values([row[:3] for row in rows]), strict=True):
        if (None if raw is None else base64.b64decode(raw)) != value:
            result.differ(f"{topic}/{partition}/{offset}: the dead letter has other bytes than the record")
        if not reason:
            result.differ(f"{topic}/{partition}/{offset}: no reason")
    return result


def _values(positions: list[tuple[str, int, int]]) -> Iterator[bytes | None]:
    # One record a position: nothing is fetched ahead, nothing waits for more.
    options = {"queued.min.messages": 1, "fetch.wait.max.ms": 10, "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": settings().address("KAFKA"), "group.id": "verify", **options})
    try:
        for topic, partition, offset in positions:
            consumer.assign([TopicPartition(topic, partition, offset)])
            message = consumer.poll(10)
            if message is None or message.error() or message.offset() != offset:
                raise RuntimeError(
                    f"{topic}/{partition}/{offset} cannot be read: {message.error() if message else 'no answer in 10 s'}"
                )
            yield message.value()
    finally:
        consumer.close()
