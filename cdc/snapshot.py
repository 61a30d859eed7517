"""Replicate the tables anew after the replication slot was lost: ``make resnapshot``.

What changed while nobody listened is in no log. A new snapshot brings every row that is there; a row of the warehouse that it
did not bring is a ghost, deleted meanwhile, and is marked as deleted.
"""

import sys
import time

import psycopg
import requests

from cdc.register import ConnectorError, register
from contracts.settings import SettingsError, settings
from contracts.tables import COMMITTED, DELETED, RAW_TABLES, VERSION, RawTable
from contracts.topics import CDC_CONNECTOR, CDC_SLOT, SINK_GROUP
from verify.settle import Tell, UnsettledError, wait_until_read
from verify.stores import warehouse

OFFSETS_SECONDS = 120
# Of the slot's consumer, once it has read the tables and reads the log.
READING_THE_LOG = ("catchup", "streaming")


def snapshot_seconds() -> int:
    """In which all tables are to be read, and in which the sink is to have them."""
    return settings().number("SNAPSHOT_SECONDS", 1800)


def snapshot_again(tell: Tell = lambda _text: None) -> dict[str, int]:
    """Ghost rows by table; ``tell`` hears how far the sink is. ConnectorError where Connect does not do its part in time."""
    began = _wal_position()
    _forget_position()
    register()
    _wait_for_slot()
    tables = [table for table in RAW_TABLES if table.replicated]
    topics = [topic for table in tables for topic in table.topics]
    wait_until_read(SINK_GROUP, topics, time.monotonic() + snapshot_seconds(), tell)
    return {table.qualified: _bury(table, began) for table in tables}


def _wal_position() -> int:
    with psycopg.connect(settings().postgres_dsn("postgres")) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    return int(row[0])  # type: ignore[index]


def _forget_position() -> None:
    """Stop the connector and drop its offsets: a connector without them begins with a snapshot."""
    url = f"{settings().url('CONNECT')}/connectors/{CDC_CONNECTOR}"
    requests.put(f"{url}/stop", timeout=30).raise_for_status()
    deadline = time.monotonic() + OFFSETS_SECONDS
    while not (answer := requests.delete(f"{url}/offsets", timeout=30)).ok:  # refused until its task has ended
        if time.monotonic() > deadline:
            raise ConnectorError(f"connector {CDC_CONNECTOR}: its offsets stay after {OFFSETS_SECONDS} s: {answer.text[:300]}")
        time.sleep(0.5)
    requests.put(f"{url}/resume", timeout=30).raise_for_status()


def _wait_for_slot() -> None:
    """A snapshot has been read when the slot's consumer reads the log. The slot is there before, and for a while it is active:
    as long as transactions that were open keep it from being made."""
    seconds = snapshot_seconds()
    deadline = time.monotonic() + seconds
    with psycopg.connect(settings().postgres_dsn("postgres"), autocommit=True) as connection:
        query = (
            "SELECT 1 FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid"
            " WHERE slot_name = %s AND state = ANY(%s)"
        )
        while not connection.execute(query, (CDC_SLOT, list(READING_THE_LOG))).fetchone():
            if time.monotonic() > deadline:
                reason = f"its snapshot is not read after {seconds} s (SNAPSHOT_SECONDS)"
                raise ConnectorError(f"connector {CDC_CONNECTOR}: {reason}; until it is, ghosts stay")
            time.sleep(0.5)


def _bury(table: RawTable, before: int) -> int:
    """Mark as deleted what was not brought since this WAL position; how many rows."""
    client = warehouse()
    ghosts = f"FROM {table.qualified} FINAL WHERE {VERSION.name} < {before}"
    count = client.query(f"SELECT count() {ghosts}").first_row[0]
    if count:
        kept = ", ".join(column.name for column in table.columns)
        client.command(
            f"INSERT INTO {table.qualified} ({kept}, {VERSION.name}, {DELETED.name}, {COMMITTED.name}) "
            f"SELECT {kept}, {before}, 1, toUnixTimestamp64Milli(now64(3)) {ghosts}"
        )
    return int(count)


def main() -> int:
    try:
        for table, ghosts in snapshot_again(tell=print).items():
            print(f"{table}: {ghosts} rows that were deleted meanwhile")
    except (ConnectorError, UnsettledError, SettingsError, requests.RequestException, psycopg.Error) as error:
        print(f"snapshot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
