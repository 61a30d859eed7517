"""Changes of the shop's own table on their way to ClickHouse: at a steady rate, and many at once. They are deleted again."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.latency import percentiles
from contracts.settings import settings
from contracts.tables import COMMITTED, CUSTOMERS, DELETED, INGESTED, RAW_DATABASE
from verify.settle import settle
from verify.stores import warehouse

TICK_SECONDS = 0.02
PREFIX = "bench-"


def changes(rate: int, seconds: int, bulk: int) -> dict[str, object]:
    """``rate`` rows a second in a commit each TICK_SECONDS; then ``bulk`` rows in one."""
    settle()
    # ClickHouse may still have the rows of a run before, beside their deletion.
    steady, at_once = (f"{PREFIX}{uuid.uuid4().hex[:8]}-" for _ in range(2))
    with shop() as connection, removed(connection):
        sent = steadily(connection, steady, rate, seconds)
        settle()
        late = delays(steady)
        if len(late) != sent:
            raise RuntimeError(f"{sent:,} rows were inserted and {len(late):,} arrived")
        insert(connection, at_once, 0, bulk)
        settle()
        # From the commit to the last row's arrival.
        passed = max(delays(at_once)) / 1000
    return {
        "rate_rows_per_second": rate,
        "reached_rows_per_second": round(sent / seconds),
        "commit_to_clickhouse_ms": percentiles(late),
        "bulk_rows": bulk,
        "bulk_rows_per_second": round(bulk / passed),
        "command": f"make bench: {rate} rows/s into {CUSTOMERS.qualified} for {seconds} s, then {bulk:,} in one transaction",
    }


def shop() -> psycopg.Connection:
    return psycopg.connect(settings().postgres_dsn("shop"), autocommit=True)


@contextmanager
def removed(connection: psycopg.Connection) -> Iterator[None]:
    """What the block inserted is deleted in the end, in ClickHouse too."""
    try:
        yield
    finally:
        connection.execute(f"DELETE FROM {CUSTOMERS.qualified} WHERE customer_id LIKE '{PREFIX}%'")  # type: ignore[arg-type]
        settle()


def steadily(connection: psycopg.Connection, prefix: str, rate: int, seconds: int) -> int:
    """Rows inserted. A tick that comes late makes up for what it missed."""
    began, sent = time.monotonic(), 0
    while sent < rate * seconds:
        due = min(int((time.monotonic() - began) * rate), rate * seconds)
        if due > sent:
            insert(connection, prefix, sent, due)
            sent = due
        time.sleep(TICK_SECONDS)
    return sent


def insert(connection: psycopg.Connection, prefix: str, first: int, end: int) -> None:
    """Customers like one that is there, under ids of their own."""
    connection.execute(
        f"""INSERT INTO {CUSTOMERS.qualified}
            SELECT (jsonb_populate_record(one, jsonb_build_object('customer_id', %s || number))).*
            FROM (SELECT customers AS one FROM {CUSTOMERS.qualified} AS customers LIMIT 1) AS taken,
                 generate_series(%s::integer, %s::integer - 1) AS number""",  # type: ignore[arg-type]
        (prefix, first, end),
    )


def delays(prefix: str) -> list[float]:
    """Milliseconds from the commit to ClickHouse's insert, of each row."""
    query = f"""SELECT toUnixTimestamp64Milli({INGESTED}) - {COMMITTED.name} FROM {RAW_DATABASE}.{CUSTOMERS.name}
                WHERE startsWith(customer_id, %(prefix)s) AND NOT {DELETED.name}"""
    return [row[0] for row in warehouse().query(query, {"prefix": prefix}).result_rows]
