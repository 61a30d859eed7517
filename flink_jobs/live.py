"""The second job: validated events to the live results in Postgres. SQL alone. Run by ``flink_jobs.submit``.

The validated topic is written at least once: after a failure it may hold an event again, so the first of each id counts.
"""

from pyflink.table import StatementSet, TableEnvironment

from contracts.settings import Settings, settings
from contracts.tables import LIVE_PURCHASES, LIVE_TABLES, PURCHASE_MINUTE_METRICS, SESSIONS, WEB_MINUTE_METRICS
from contracts.topics import STREAMS
from flink_jobs import LIVE, results, tables
from flink_jobs.environment import environment, first_arrivals


def statements(config: Settings) -> tuple[TableEnvironment, StatementSet]:
    flink = environment(config, LIVE)
    for stream in STREAMS:
        name = stream.event.name
        columns = ", ".join(column.name for column in stream.event.fields)
        flink.execute_sql(tables.validated_source(stream, config))
        first = first_arrivals(tables.validated_source_name(stream), "event_id", columns)
        flink.create_temporary_view(f"{name}_accepted", flink.sql_query(first))
    for table in LIVE_TABLES:
        flink.execute_sql(tables.postgres_sink(table, config))
    days = config.live_retention_days
    queries = {
        SESSIONS: results.sessions(),
        WEB_MINUTE_METRICS: results.web_minute_metrics(days),
        LIVE_PURCHASES: results.purchases(LIVE_PURCHASES.columns),
        PURCHASE_MINUTE_METRICS: results.purchase_minute_metrics(days),
    }
    statement_set = flink.create_statement_set()
    for table, query in queries.items():
        statement_set.add_insert_sql(f"INSERT INTO {table.name}_sink {query}")
    return flink, statement_set


if __name__ == "__main__":
    statements(settings())[1].execute()
