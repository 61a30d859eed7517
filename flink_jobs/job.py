"""The job: sources in, results out. Run by ``flink run -py`` (see ``flink_jobs.submit``)."""

from pyflink.table import EnvironmentSettings, StatementSet, TableEnvironment

from contracts.settings import Settings, settings
from contracts.tables import LIVE_PURCHASES, LIVE_TABLES, PURCHASE_MINUTE_METRICS, SESSIONS, WEB_MINUTE_METRICS
from contracts.topics import STREAMS
from flink_jobs import JOB_NAME, results, tables
from flink_jobs.judge import judge


def options(config: Settings) -> dict[str, str]:
    """The job's own options; the cluster's are in ``flink-conf.yaml``."""
    # One day beyond the retention: a figure that may still change keeps its state, and duplicates are known as long.
    state_days = config.live_retention_days + 1
    return {
        "pipeline.name": JOB_NAME,
        "parallelism.default": str(config.parallelism),
        "table.local-time-zone": "UTC",
        "table.exec.state.ttl": f"{state_days} d",
        # With mini-batches the planner takes keep-first for an updating stream, which the validated topic cannot hold.
        "table.exec.mini-batch.enabled": "false",
        # Two subtasks must not hold one key: parallel upserts would deadlock in Postgres.
        "table.exec.sink.keyed-shuffle": "FORCE",
        "table.exec.sink.upsert-materialize": "NONE",
        "python.fn-execution.bundle.size": str(config.number("FLINK_PYTHON_BUNDLE", 10000)),
        "python.fn-execution.bundle.time": "100",
        "python.fn-execution.arrow.batch.size": str(config.number("FLINK_PYTHON_BUNDLE", 10000)),
    }


def declare(environment: TableEnvironment, config: Settings) -> None:
    """Sources, views and sinks by name; nothing runs yet."""
    for stream in STREAMS:
        event = stream.event
        environment.create_temporary_system_function(f"judge_{event.name}", judge(event))
        environment.execute_sql(tables.source(stream, config))
        environment.execute_sql(tables.validated_sink(stream, config))
        environment.execute_sql(tables.dead_letter_sink(stream, config))
        environment.create_temporary_view(f"{event.name}_judged", environment.sql_query(results.judged(event)))
        environment.create_temporary_view(f"{event.name}_accepted", environment.sql_query(results.accepted(event)))
    for table in LIVE_TABLES:
        environment.execute_sql(tables.postgres_sink(table, config))


def statements(environment: TableEnvironment, config: Settings) -> StatementSet:
    """Every result into its sink, as one job, so that validation and deduplication happen once."""
    days = config.live_retention_days
    statement_set = environment.create_statement_set()

    def insert(sink: str, query: str) -> None:
        statement_set.add_insert_sql(f"INSERT INTO {sink} {query}")

    for stream in STREAMS:
        event = stream.event
        columns = ", ".join(column.name for column in tables.validated_columns(stream))
        insert(f"{event.name}_validated", f"SELECT {columns} FROM {event.name}_accepted")
        insert(f"{event.name}_dead_letters", results.dead_letters(event, stream.source))
    insert(f"{SESSIONS.name}_sink", results.sessions())
    insert(f"{WEB_MINUTE_METRICS.name}_sink", results.web_minute_metrics(days))
    insert(f"{LIVE_PURCHASES.name}_sink", results.purchases(LIVE_PURCHASES.columns))
    insert(f"{PURCHASE_MINUTE_METRICS.name}_sink", results.purchase_minute_metrics(days))
    return statement_set


def environment_for(config: Settings) -> TableEnvironment:
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for name, value in options(config).items():
        environment.get_config().set(name, value)
    declare(environment, config)
    return environment


if __name__ == "__main__":
    statements(environment_for(settings()), settings()).execute()
