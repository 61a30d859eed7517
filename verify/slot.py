"""I8: the WAL that the replication slot keeps is bounded."""

from contracts.settings import settings
from contracts.topics import CDC_SLOT
from verify.result import Result
from verify.stores import shop

LIMIT_MB = 512


def slot() -> Result:
    result = Result("I8", "WAL kept for replication is bounded")
    limit = settings().number("SLOT_LIMIT_MB", LIMIT_MB)
    with shop() as connection:
        kept = "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) / 1048576"
        query = f"SELECT active, wal_status, {kept} FROM pg_replication_slots WHERE slot_name = %s"
        row = connection.execute(query, (CDC_SLOT,)).fetchone()
    if row is None:
        result.differ(f"slot {CDC_SLOT} is gone")
        return result
    active, status, kept = row[0], row[1], round(float(row[2]), 1)
    result.figures |= {"MB kept": kept, "limit MB": limit}
    if not active:
        result.differ(f"slot {CDC_SLOT}: no consumer")
    if status not in ("reserved", "extended"):
        result.differ(f"slot {CDC_SLOT}: WAL is {status}")
    if kept > limit:
        result.differ(f"slot {CDC_SLOT}: {kept} MB of WAL kept, more than {limit}")
    return result
