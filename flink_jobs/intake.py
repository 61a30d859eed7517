"""The job's first half: every record is judged once, and the first of each event id passes.

In: the source topics, as bytes. Out: the validated topics and the dead letters, as the bytes that the verdict holds; and what
passed, of which ``live`` makes the results.
"""

from datetime import timedelta

from pyflink.table import StreamTableEnvironment

from contracts.events import SOURCE_POSITION
from contracts.settings import Settings
from contracts.topics import Stream
from flink_jobs import crossing, tables
from flink_jobs.environment import plan_view
from flink_jobs.judge import function_name, judge

# Inside the TaskManager: worker processes would talk to it through ports open on every interface.
THREADED = {"python.execution-mode": "thread"}


def judged(stream: Stream) -> str:
    """The view of a stream's verdicts."""
    return f"{stream.event.name}_judged"


def passed(stream: Stream) -> str:
    """The view of a stream's valid events, the first of each id: each one's fields, cut, and its payload."""
    return f"{stream.event.name}_passed"


def judge_records(config: Settings, flink: StreamTableEnvironment, stream: Stream) -> None:
    tolerance = timedelta(hours=config.clock_tolerance_hours)
    flink.create_temporary_system_function(function_name(stream.event), judge(stream, tolerance))
    flink.execute_sql(tables.source(stream, config))
    position = [crossing.first_position(stream, column) for column in SOURCE_POSITION]
    record = crossing.framed("raw_value", "raw_key", position)
    verdicts = f"{stream.event.name}_verdicts"
    # By itself: merged into the view that takes it apart, the function would be called for each part.
    plan_view(flink, verdicts, f"SELECT {function_name(stream.event)}({record}) AS verdict FROM {tables.source_name(stream)}")
    plan_view(flink, judged(stream), f"SELECT {crossing.OF_VERDICT} FROM {verdicts}")


def pass_first(flink: StreamTableEnvironment, stream: Stream) -> None:
    """Ranked on arrival, the first of each event id is insert-only, unless mini-batches are on (docs/decisions/0002)."""
    query = f"""
        SELECT {crossing.CUT} AS packed, payload FROM (
          SELECT fields, payload, ROW_NUMBER() OVER (PARTITION BY event_hash ORDER BY arrived ASC) AS arrival
          FROM (SELECT *, {crossing.EVENT_HASH} AS event_hash, PROCTIME() AS arrived
                FROM {judged(stream)} WHERE NOT {crossing.IS_DEAD})
        ) WHERE arrival = 1"""
    plan_view(flink, passed(stream), query)


def outputs(config: Settings, flink: StreamTableEnvironment, stream: Stream) -> list[str]:
    """The statements that feed the stream's two topics."""
    flink.execute_sql(tables.validated_sink(stream, config))
    flink.execute_sql(tables.dead_letter_sink(stream, config))
    return [
        f"INSERT INTO {tables.validated_sink_name(stream)} SELECT {crossing.key_of(stream)}, payload FROM {passed(stream)}",
        f"INSERT INTO {tables.dead_letter_sink_name(stream)} SELECT payload FROM {judged(stream)} WHERE {crossing.IS_DEAD}",
    ]
