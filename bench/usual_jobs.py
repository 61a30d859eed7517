"""The usual way to the same tables: a job for each, which reads and parses the source topics itself, and a flush for each row.

``python -m bench.usual_jobs SINCE SCHEMA``, a Flink by itself: takes the records after SINCE, milliseconds since 1970, to the
tables of the schema, until its input ends. The queries are the live job's own; what is bad is dropped in silence, as Flink's
format for JSON does it.
"""

import sys
from dataclasses import replace

from contracts.settings import Settings, settings
from contracts.tables import LIVE_TABLES, PostgresTable
from contracts.topics import STREAMS, Stream
from flink_jobs import live, results, tables
from flink_jobs.environment import environment, first_arrivals, set_options

# Offsets tell how far it is: they are committed with each checkpoint. Its page would take the cluster's port.
OPTIONS = {"execution.checkpointing.interval": "5 s", "rest.bind-port": "0", "taskmanager.memory.managed.size": "256m"}
# Where the project merges rows for a fifth of a second.
EACH_ROW = {"LIVE_FLUSH_ROWS": "1", "LIVE_FLUSH_MS": "0"}


def connector(stream: Stream, group: str, since: int, config: Settings) -> str:
    return f"""'connector' = 'kafka',
          'topic' = '{stream.source}',
          'properties.bootstrap.servers' = '{config.bootstrap_servers}',
          'properties.group.id' = '{group}',
          'scan.startup.mode' = 'timestamp',
          'scan.startup.timestamp-millis' = '{since}',
          'json.ignore-parse-errors' = 'true'"""


def start(table: PostgresTable, since: int, schema: str, config: Settings) -> None:
    group = f"{schema}-{table.name}"
    flink = environment(config, group)
    set_options(flink, OPTIONS)
    for stream in STREAMS:
        flink.execute_sql(tables.validated(stream, connector(stream, group, since, config)))
        columns = ", ".join(column.name for column in stream.event.fields)
        first = first_arrivals(tables.validated_source_name(stream), "event_id", columns)
        flink.create_temporary_view(results.accepted(stream), flink.sql_query(first))
    target = replace(table, schema=schema)
    flink.execute_sql(tables.postgres_sink(target, Settings({**config.values, **EACH_ROW})))
    query = live.queries(config.live_retention_days)[table]
    flink.execute_sql(f"INSERT INTO {tables.postgres_sink_name(target)} {query}")


if __name__ == "__main__":
    for each in LIVE_TABLES:
        start(each, int(sys.argv[1]), sys.argv[2], settings())
    sys.stdin.read()
