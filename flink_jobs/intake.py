"""The first job: every record is judged once, and the first of each event id passes. Submitted by ``flink_jobs.submit``.

In: the source topics, as bytes. Out: the validated topics and the dead letters, as the bytes that the verdict holds.
"""

from datetime import timedelta

from pyflink.table import StatementSet, StreamTableEnvironment

from contracts.events import SOURCE_POSITION
from contracts.settings import Settings
from contracts.topics import STREAMS, Stream
from flink_jobs import tables
from flink_jobs.environment import first_arrivals, set_options
from flink_jobs.judge import function_name, judge
from flink_jobs.verdict import DEAD

# Inside the TaskManager: worker processes would talk to it through ports open on every interface.
_DEAD = f"X'{DEAD.hex()}'"
THREADED = {"python.execution-mode": "thread"}


def judged(stream: Stream) -> str:
    """One row per record: its verdict beside its key. A record that is tried again keeps the position it had first."""
    first = "COALESCE(CAST(CAST(headers['{0}'] AS STRING) AS {1}), {0})"
    position = ", ".join(first.format(column.name, column.type.flink) for column in SOURCE_POSITION)
    verdict = f"{function_name(stream.event)}(raw_value, raw_key, {position})"
    return f"SELECT {verdict} AS verdict, raw_key, arrived FROM {tables.source_name(stream)}"


def accepted(stream: Stream) -> str:
    """One row per valid record: its key, the hash of its event id, its payload."""
    return f"""
        SELECT raw_key, verdict.event_hash AS event_hash, verdict.payload AS payload, arrived
        FROM {stream.event.name}_judged WHERE verdict.event_hash <> {_DEAD}"""


def dead(stream: Stream) -> str:
    return f"SELECT verdict.payload FROM {stream.event.name}_judged WHERE verdict.event_hash = {_DEAD}"


def statements(config: Settings, flink: StreamTableEnvironment) -> StatementSet:
    tolerance = timedelta(hours=config.clock_tolerance_hours)
    set_options(flink, THREADED)
    statement_set = flink.create_statement_set()
    for stream in STREAMS:
        name = stream.event.name
        flink.create_temporary_system_function(function_name(stream.event), judge(stream, tolerance))
        for table in (
            tables.source(stream, config),
            tables.validated_sink(stream, config),
            tables.dead_letter_sink(stream, config),
        ):
            flink.execute_sql(table)
        flink.create_temporary_view(f"{name}_judged", flink.sql_query(judged(stream)))
        flink.create_temporary_view(f"{name}_accepted", flink.sql_query(accepted(stream)))
        passed = first_arrivals(f"{name}_accepted", "event_hash", "raw_key, payload")
        statement_set.add_insert_sql(f"INSERT INTO {tables.validated_sink_name(stream)} {passed}")
        statement_set.add_insert_sql(f"INSERT INTO {tables.dead_letter_sink_name(stream)} {dead(stream)}")
    return statement_set
