"""The job's second half: what passed to the live results in Postgres. SQL alone."""

from pyflink.table import StreamTableEnvironment

from contracts.settings import Settings
from contracts.tables import (
    CUSTOMER_DAYS,
    LIVE_PURCHASES,
    PURCHASE_MINUTE_METRICS,
    SESSIONS,
    WEB_MINUTE_METRICS,
    PostgresTable,
)
from contracts.topics import Stream
from flink_jobs import crossing, intake, results, tables
from flink_jobs.environment import plan_view


def batched(config: Settings, gathered: bool) -> dict[str, str]:
    """Updates of a key within the latency become one, before they reach the state and Postgres."""
    if gathered:
        milliseconds, rows = config.number("LIVE_GATHER_MS", 3000), config.number("LIVE_GATHER_ROWS", 50_000)
    else:
        milliseconds, rows = config.number("LIVE_BATCH_MS", 200), config.number("LIVE_BATCH_ROWS", 20_000)
    return {
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{milliseconds} ms",
        "table.exec.mini-batch.size": str(rows),
    }


def accept(flink: StreamTableEnvironment, stream: Stream) -> None:
    """The view of a stream's accepted events as columns. Converted once, however many results read them."""
    plan_view(flink, results.accepted(stream), f"SELECT {crossing.unpacked(stream)} FROM {intake.passed(stream)}")


def queries(retention_days: int) -> dict[PostgresTable, str]:
    """What each table of results is fed from."""
    return {
        SESSIONS: results.sessions(),
        WEB_MINUTE_METRICS: results.web_minute_metrics(retention_days),
        LIVE_PURCHASES: results.purchases(LIVE_PURCHASES.columns),
        PURCHASE_MINUTE_METRICS: results.purchase_minute_metrics(retention_days),
        CUSTOMER_DAYS: results.customer_days(),
    }


def outputs(config: Settings, flink: StreamTableEnvironment, gathered: bool) -> list[str]:
    """The statements that feed the live tables that are gathered, or those that are not."""
    wanted = {table: query for table, query in queries(config.live_retention_days).items() if table.gathered == gathered}
    for table in wanted:
        flink.execute_sql(tables.postgres_sink(table, config))
    return [f"INSERT INTO {tables.postgres_sink_name(table)} {query}" for table, query in wanted.items()]
