"""Delete the per-minute rows that are older than the live retention; replication takes the deletions on to ClickHouse."""

import psycopg

from contracts.settings import settings
from contracts.tables import RETAINED_TABLES


def delete_expired() -> dict[str, int]:
    """Rows deleted, by table."""
    days = settings().live_retention_days
    with psycopg.connect(settings().postgres_dsn("flink")) as connection:
        return {
            table.qualified: connection.execute(
                f"DELETE FROM {table.qualified} WHERE minute_at < now() - %s * interval '1 day'",  # type: ignore[arg-type]
                (days,),
            ).rowcount
            for table in RETAINED_TABLES
        }


if __name__ == "__main__":
    for name, rows in delete_expired().items():
        print(f"{name}: {rows} rows deleted")
