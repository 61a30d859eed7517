"""The job's second half: what passed to the live results in Postgres. SQL alone."""

from pyflink.table import StreamTableEnvironment

from contracts.settings import Settings
from contracts.tables import (
    CUSTOMER_DAYS,
    LIVE_PURCHASES,
    LIVE_TABLES,
    PURCHASE_MINUTE_METRICS,
    SESSIONS,
    WEB_MINUTE_METRICS,
    PostgresTable,
)
from contracts.topics import Stream
from flink_jobs import fields, intake, results, tables
from flink_jobs.environment import plan_view


def batched(config: Settings) -> dict[str, str]:
    """Updates of a key within the latency become one, before they reach the state and Postgres."""
    return {
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{config.number('LIVE_BATCH_MS', 200)} ms",
        "table.exec.mini-batch.size": str(config.number("LIVE_BATCH_ROWS", 20_000)),
    }


def accept(flink: StreamTableEnvironment, stream: Stream) -> None:
    """The view of a stream's accepted events as columns. Cut and converted once, however many results read them."""
    packed = f"{stream.event.name}_packed"
    plan_view(flink, packed, f"SELECT {fields.CUT} AS packed FROM {intake.passed(stream)}")
    plan_view(flink, results.accepted(stream), f"SELECT {fields.unpacked(stream)} FROM {packed}")


def queries(retention_days: int) -> dict[PostgresTable, str]:
    """What each table of results is fed from."""
    return {
        SESSIONS: results.sessions(),
        WEB_MINUTE_METRICS: results.web_minute_metrics(retention_days),
        LIVE_PURCHASES: results.purchases(LIVE_PURCHASES.columns),
        PURCHASE_MINUTE_METRICS: results.purchase_minute_metrics(retention_days),
        CUSTOMER_DAYS: results.customer_days(),
    }


def outputs(config: Settings, flink: StreamTableEnvironment) -> list[str]:
    """The statements that feed the live tables."""
    for table in LIVE_TABLES:
        flink.execute_sql(tables.postgres_sink(table, config))
    return [
        f"INSERT INTO {tables.postgres_sink_name(table)} {query}" for table, query in queries(config.live_retention_days).items()
    ]
