"""The second job: validated events to the live results in Postgres. SQL alone. Submitted by ``flink_jobs.submit``.

The validated topic is written at least once: after a failure it may hold an event again, so the first of each id counts.
"""

from pyflink.java_gateway import get_gateway
from pyflink.table import StatementSet, StreamTableEnvironment, Table

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
from contracts.topics import PURCHASES, STREAMS, WEB, Stream
from flink_jobs import results, tables
from flink_jobs.environment import first_arrivals, set_options

# What no result shows is not even parsed.
UNREAD = {WEB: {"schema_version", "product_id", "category", "brand"}, PURCHASES: {"schema_version"}}


def batched(config: Settings) -> dict[str, str]:
    """Updates of a key within the latency become one, before they reach the state and Postgres."""
    return {
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{config.number('LIVE_BATCH_MS', 200)} ms",
        "table.exec.mini-batch.size": str(config.number("LIVE_BATCH_ROWS", 20_000)),
    }


def accept(flink: StreamTableEnvironment, stream: Stream) -> None:
    """The view of a stream's accepted events, over the table of its validated ones.

    It is planned by itself, before mini-batches are on: the planner takes keep-first under them for an updating stream, and
    every aggregate behind it would have to be able to take events back (docs/decisions/0002).
    """
    columns = ", ".join(column.name for column in stream.event.fields if column.name not in UNREAD[stream])
    first = flink.sql_query(first_arrivals(tables.validated_source_name(stream), "event_id", columns))
    flink.create_temporary_view(results.accepted(stream), planned(flink, first))


def planned(flink: StreamTableEnvironment, table: Table) -> Table:
    """The table with its plan fixed under the options of now. Its rows pass in Flink's own binary form, unconverted."""
    internal = get_gateway().jvm.Class.forName("org.apache.flink.table.data.RowData")
    rows = table._j_table.getResolvedSchema().toPhysicalRowDataType().bridgedTo(internal)
    return Table(flink._j_tenv.fromDataStream(flink._j_tenv.toDataStream(table._j_table, rows)), flink)


def queries(retention_days: int) -> dict[PostgresTable, str]:
    """What each table of results is fed from."""
    return {
        SESSIONS: results.sessions(),
        WEB_MINUTE_METRICS: results.web_minute_metrics(retention_days),
        LIVE_PURCHASES: results.purchases(LIVE_PURCHASES.columns),
        PURCHASE_MINUTE_METRICS: results.purchase_minute_metrics(retention_days),
        CUSTOMER_DAYS: results.customer_days(),
    }


def statements(config: Settings, flink: StreamTableEnvironment) -> StatementSet:
    for stream in STREAMS:
        flink.execute_sql(tables.validated_source(stream, config))
        accept(flink, stream)
    set_options(flink, batched(config))
    for table in LIVE_TABLES:
        flink.execute_sql(tables.postgres_sink(table, config))
    statement_set = flink.create_statement_set()
    for table, query in queries(config.live_retention_days).items():
        statement_set.add_insert_sql(f"INSERT INTO {tables.postgres_sink_name(table)} {query}")
    return statement_set
