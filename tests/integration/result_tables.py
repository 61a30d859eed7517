"""The job's own queries over events from a file: ``python -m tests.integration.result_tables PREFIX``, a Flink by itself.

Each line of the input names a table, the events of both streams in their order of arrival, and a folder for them; each line of
the output that begins with the prefix is the table as it stands in the end. Only Kafka and the place of Python differ from the
job: records are judged beforehand, and Flink begins with their verdicts.
"""

import gc
import json
import sys
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

from pyflink.table import StreamTableEnvironment

from contracts.settings import settings
from contracts.tables import LIVE_TABLES, PostgresTable
from contracts.topics import STREAMS, Stream
from flink_jobs import crossing, intake, live
from flink_jobs.environment import environment, set_options
from flink_jobs.verdict import verdict_of
from tests.framing import frame


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


def rows(table: PostgresTable, arrived: dict[str, list[dict]], folder: Path) -> list[list[str]]:
    """The newest row of each key, every value as text, ordered by key."""
    flink = environment(settings())
    for stream in STREAMS:
        judged(flink, stream, arrived[stream.event.name], folder)
        intake.pass_first(flink, stream)
        live.accept(flink, stream)
    set_options(flink, live.batched(settings(), table.gathered))
    names = [column.name for column in table.columns]
    newest: dict[tuple[str, ...], list[str]] = {}
    with flink.sql_query(live.queries(settings().live_retention_days)[table]).execute().collect() as changes:
        for change in changes:
            row = [str(value) for value in change]
            key = tuple(row[names.index(name)] for name in table.key)
            if "DELETE" in str(change.get_row_kind()):
                newest.pop(key, None)
            else:
                newest[key] = row
    return [newest[key] for key in sorted(newest)]


if __name__ == "__main__":
    known = {table.name: table for table in LIVE_TABLES}
    for line in sys.stdin:
        asked = json.loads(line)
        # In this thread: see environment().
        gc.collect()
        print(sys.argv[1] + json.dumps(rows(known[asked["table"]], asked["arrived"], Path(asked["folder"]))), flush=True)
