"""Records per hop, counted where they lie: what was sent, accepted, set aside, and what each store holds of it."""

import duckdb

from contracts.ml import SEGMENT_PROFILES
from contracts.settings import settings
from contracts.tables import CUSTOMERS, LIVE_PURCHASES, MARTS_DATABASE, RAW_DATABASE, SESSIONS, PostgresTable
from contracts.topics import PURCHASES, WEB
from verify.lake import inspect
from verify.result import Result
from verify.stores import shop, warehouse

HOPS = ("sent", "accepted", "dead-lettered", "duplicates", "Postgres", "ClickHouse", "marts", "Iceberg")
Counts = dict[str, dict[str, int]]


def hops(conservation: Result, run_id: str) -> Counts:
    """Counts by what is counted, then by hop; a hop that a thing does not pass is absent."""
    lake = {name: found["rows"] for name, found in inspect(run_id).items()}
    return {
        "web events": _stream(conservation, WEB.source) | {
            "Postgres": _shop(f"SELECT coalesce(sum(events), 0) FROM {SESSIONS.qualified}")
            + _raw("web_events", "session_id IS NULL"),
            "ClickHouse": _raw("web_events"),
            "marts": _mart("sum(events)", "fct_sessions"),
        },
        "purchase states": _stream(conservation, PURCHASES.source) | {"ClickHouse": _raw("purchase_events")},
        "purchases": _stored(LIVE_PURCHASES, "fct_purchases", lake),
        "sessions": _stored(SESSIONS, "fct_sessions", lake),
        "customers": {"sent": planted_customers()} | _stored(CUSTOMERS, "dim_customers", lake),
    }  # fmt: skip


def planted_customers() -> int:
    """Customers that the simulator made."""
    file = settings().truth / "customers.parquet"
    return int(duckdb.sql(f"SELECT count(*) FROM '{file}'").fetchall()[0][0]) if file.exists() else 0


def segments(run_id: str) -> list[dict[str, object]]:
    """Segments of a run, the most valuable first."""
    columns = "segment, segment_name, customers, share, meaning"
    query = f"SELECT {columns} FROM {SEGMENT_PROFILES.qualified} FINAL WHERE run_id = %(run)s ORDER BY segment"
    return list(warehouse().query(query, {"run": run_id}).named_results())


def _stream(conservation: Result, topic: str) -> dict[str, int]:
    figures = conservation.figures
    names = {"sent": "in topic", "accepted": "accepted", "dead-lettered": "dead-lettered", "duplicates": "duplicates"}
    return {hop: int(figures[f"{topic}: {name}"]) for hop, name in names.items()}


def _stored(table: PostgresTable, mart: str, lake: dict[str, int]) -> dict[str, int]:
    return {
        "Postgres": _shop(f"SELECT count(*) FROM {table.qualified}"),
        "ClickHouse": _raw(table.name),
        "marts": _mart("count()", mart),
        "Iceberg": lake[f"marts.{mart}"],
    }


def _shop(query: str) -> int:
    with shop("postgres") as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        return int(row[0]) if row else 0


def _raw(table: str, where: str = "true") -> int:
    return int(warehouse().query(f"SELECT count() FROM {RAW_DATABASE}.{table} FINAL WHERE {where}").first_row[0])


def _mart(measure: str, mart: str) -> int:
    return int(warehouse().query(f"SELECT {measure} FROM {MARTS_DATABASE}.{mart}").first_row[0])
