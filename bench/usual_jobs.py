"""The usual way to the same tables: a job for each, which reads and parses the source topics itself, and a flush for each row.

``python -m bench.usual_jobs SINCE SCHEMA``, a Flink by itself: takes the records after SINCE, milliseconds since 1970, to the
tables of the schema, until its input ends. The queries are the project's own; what is bad is dropped in silence, as Flink's
format for JSON does it.
"""

import sys
from dataclasses import replace

from contracts.settings import Settings, settings
from contracts.tables import LIVE_TABLES, PostgresTable
from contracts.topics import STREAMS, Stream
from flink_jobs import live, results, tables
from flink_jobs.environment import environment, set_options

# Its page would take the cluster's port.
OPTIONS = {"rest.bind-port": "0", "taskmanager.memory.managed.size": "256m"}
# Where the project merges rows for a fifth of a second.
EACH_ROW = {"LIVE_FLUSH_ROWS": "1", "LIVE_FLUSH_MS": "0"}


def source(stream: Stream, group: str, since: int, config: Settings) -> str:
    columns = ", ".join(f"{column.name} {column.type.flink}" for column in stream.event.fields)
    return f"""
        CREATE TABLE {tables.source_name(stream)} ({columns}) WITH (
          'connector' = 'kafka',
          'topic' = '{stream.source}',
          'properties.bootstrap.servers' = '{config.bootstrap_servers}',
          'properties.group.id' = '{group}',
          'scan.startup.mode' = 'timestamp',
          'scan.startup.timestamp-millis' = '{since}',
          'format' = 'json',
          'json.timestamp-format.standard' = 'ISO-8601',
          'json.ignore-parse-errors' = 'true'
        )"""


def first_of_each_id(stream: Stream) -> str:
    columns = ", ".join(column.name for column in stream.event.fields)
    return f"""
        SELECT {columns} FROM (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY arrived) AS arrival
          FROM (SELECT *, PROCTIME() AS arrived FROM {tables.source_name(stream)} WHERE event_id IS NOT NULL)
        ) WHERE arrival = 1"""


def start(table: PostgresTable, since: int, schema: str, config: Settings) -> None:
    flink = environment(config)
    set_options(flink, OPTIONS)
    for stream in STREAMS:
        flink.execute_sql(source(stream, f"{schema}-{table.name}", since, config))
        flink.create_temporary_view(results.accepted(stream), flink.sql_query(first_of_each_id(stream)))
    target = replace(table, schema=schema)
    flink.execute_sql(tables.postgres_sink(target, Settings({**config.values, **EACH_ROW})))
    query = live.queries(config.live_retention_days)[table]
    flink.execute_sql(f"INSERT INTO {tables.postgres_sink_name(target)} {query}")


if __name__ == "__main__":
    for each in LIVE_TABLES:
        start(each, int(sys.argv[1]), sys.argv[2], settings())
    sys.stdin.read()
