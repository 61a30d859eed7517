"""The live job's own queries over events from a file: ``python -m tests.integration.result_tables PREFIX``, a Flink by itself.

Each line of the input names a table, the events of both streams in their order of arrival, and a folder for them; each line of
the output that begins with the prefix is the table as it stands in the end.
"""

import json
import sys
from pathlib import Path

from contracts.settings import settings
from contracts.tables import LIVE_TABLES, PostgresTable
from contracts.topics import STREAMS
from flink_jobs import LIVE, live, tables
from flink_jobs.environment import environment, set_options


def rows(table: PostgresTable, arrived: dict[str, list[dict]], folder: Path) -> list[list[str]]:
    """The newest row of each key, every value as text, ordered by key."""
    flink = environment(settings(), LIVE)
    for stream in STREAMS:
        file = folder / f"{stream.event.name}.json"
        file.write_text("".join(f"{json.dumps(event)}\n" for event in arrived[stream.event.name]))
        flink.execute_sql(tables.validated(stream, f"'connector' = 'filesystem', 'path' = '{file.as_uri()}'"))
        live.accept(flink, stream)
    set_options(flink, live.batched(settings()))
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
        print(sys.argv[1] + json.dumps(rows(known[asked["table"]], asked["arrived"], Path(asked["folder"]))), flush=True)
