"""The job's own queries over events from a file: ``python -m tests.integration.result_tables PREFIX``, a Flink by itself.

Each line of the input holds the events of both streams in their order of arrival, and an empty folder to work in; each line of
the output that begins with the prefix, every live table as it stands in the end. Only Kafka, Postgres and the place of Python
differ from the job: records are judged beforehand, Flink begins with their verdicts and writes every change to files.
"""

import gc
import json
import sys
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from contracts.settings import settings
from contracts.tables import LIVE_TABLES, PostgresTable
from contracts.topics import STREAMS, Stream
from flink_jobs import crossing, intake, live
from flink_jobs.environment import environment, plan_inserts, set_options
from flink_jobs.verdict import verdict_of
from tests.framing import frame

Rows = list[list[str]]


def verdicts(stream: Stream, events: list[dict]) -> str:
    """A line for each event, the parts of its verdict in base64, as Flink's JSON has bytes."""
    judge = verdict_of(stream, timedelta(hours=24))
    frames = (frame(json.dumps(event).encode(), event["customer_id"].encode(), 0, place) for place, event in enumerate(events))
    rows = ({"verdict": [b64encode(part).decode() for part in judge(each)]} for each in frames)
    return "".join(json.dumps(row) + "\n" for row in rows)


def judged(flink: StreamTableEnvironment, stream: Stream, events: list[dict], folder: Path) -> None:
    """The table that stands where the job has the view of its verdicts."""
    file = folder / f"{stream.event.name}.json"
    file.write_text(verdicts(stream, events))
    flink.execute_sql(f"""
        CREATE TABLE {stream.event.name}_verdicts (verdict ARRAY<BYTES>)
        WITH ('connector' = 'filesystem', 'path' = '{file.as_uri()}', 'format' = 'json')""")
    flink.create_temporary_view(
        intake.judged(stream), flink.sql_query(f"SELECT {crossing.OF_VERDICT} FROM {stream.event.name}_verdicts")
    )


def changes_to(flink: StreamTableEnvironment, table: PostgresTable, query: str, folder: Path) -> str:
    """The statement that writes every change of a table to files, its values as text."""
    names = [f"`{column.name}`" for column in table.columns]
    flink.execute_sql(f"""
        CREATE TABLE {table.name}_changes ({", ".join(f"{name} STRING" for name in names)})
        WITH ('connector' = 'filesystem', 'path' = '{(folder / table.name).as_uri()}', 'format' = 'debezium-json')""")
    texts = ", ".join(f"CAST({name} AS STRING)" for name in names)
    return f"INSERT INTO {table.name}_changes SELECT {texts} FROM ({query}) AS results ({', '.join(names)})"


def newest(table: PostgresTable, folder: Path) -> Rows:
    """The newest row of each key, ordered by key. All changes of a key are in one file, in their order."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for file in sorted((folder / table.name).glob("part-*")):
        for line in file.read_text().splitlines():
            change = json.loads(line)
            row = change["after"] or change["before"]
            key = tuple(row[name] for name in table.key)
            rows.pop(key, None)
            if change["after"]:
                rows[key] = [row[column.name] for column in table.columns]
    return [rows[key] for key in sorted(rows)]


def results(arrived: dict[str, list[dict]], folder: Path) -> dict[str, Rows]:
    """Every live table by its name, after one job."""
    flink = environment(settings())
    for stream in STREAMS:
        judged(flink, stream, arrived[stream.event.name], folder)
        intake.pass_first(flink, stream)
        live.accept(flink, stream)
    queries = live.queries(settings().live_retention_days)
    for gathered in (False, True):
        set_options(flink, live.batched(settings(), gathered))
        wanted = {table: query for table, query in queries.items() if table.gathered == gathered}
        plan_inserts(flink, [changes_to(flink, table, query, folder) for table, query in wanted.items()])
    StreamExecutionEnvironment(flink._get_j_env()).execute()
    return {table.name: newest(table, folder) for table in LIVE_TABLES}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        # In this thread: see environment().
        gc.collect()
        print(sys.argv[1] + json.dumps(results(asked["arrived"], Path(asked["folder"]))), flush=True)
