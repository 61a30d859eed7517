"""What Flink's SQL makes of a record is what Python takes apart, and the other way round, whatever the bytes."""

import subprocess
from base64 import b64decode

from contracts.settings import ROOT
from flink_jobs.crossing import unframed
from runner.tools import python

# A line of the file is a record's value and its key; one of them is none of both.
NOTHING = b"nothing"
LINES = [b"{}", b" ", b"a b  c ", b"\xff\xfe\x00\x80", b"\xed\xa0\x80", "ä€😀".encode(), NOTHING]
FRAME = """
import sys
from base64 import b64encode
from contracts.settings import settings
from flink_jobs.crossing import framed
from flink_jobs.environment import environment

path, nothing = sys.argv[1:]
flink = environment(settings())
flink.execute_sql(f"CREATE TABLE lines (line STRING) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'raw')")
line = f"NULLIF(line, '{nothing}')"
query = f"SELECT {framed(line, line, ['CAST(3 AS STRING)', 'CAST(77 AS STRING)'])} FROM lines"
with flink.sql_query(query).execute().collect() as rows:
    for row in rows:
        print("frame: " + b64encode(row[0]).decode())
"""


def test_a_record_crosses_whatever_its_bytes(flink_alone, tmp_path):
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join(LINES) + b"\n")
    command = [python("flink"), "-c", FRAME, file.as_uri(), NOTHING.decode()]
    done = subprocess.run(command, cwd=ROOT, env=flink_alone, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [unframed(b64decode(line.split()[1])) for line in done.stdout.splitlines() if line.startswith("frame: ")]
    expected = [(None, None, 3, 77) if line == NOTHING else (line, line, 3, 77) for line in LINES]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


POSITIONS = """
from contracts.events import SOURCE_POSITION
from contracts.settings import settings
from contracts.topics import WEB
from flink_jobs.crossing import first_position
from flink_jobs.environment import environment

flink = environment(settings())
texts = ", ".join(first_position(WEB, column) for column in SOURCE_POSITION)
held = "MAP['source_partition', X'{0}', 'source_offset', X'{1}']"
numbers, others = held.format("33", "3939"), held.format("782079", "ff")
rows = (
    f"(VALUES (1, '{WEB.retried}', {numbers}), (2, '{WEB.retried}', {others}), (3, '{WEB.source}', {numbers}))"
    " AS given(id, source_topic, headers)"
)
taken = f"SELECT *, CAST(0 AS INT) AS source_partition, CAST(7 AS BIGINT) AS source_offset FROM {rows}"
with flink.sql_query(f"SELECT id, {texts} FROM ({taken})").execute().collect() as found:
    for row in found:
        print("position:", *row)
"""


def test_a_header_is_the_position_where_a_record_is_tried_again_and_holds_a_number(flink_alone):
    """Headers are anybody's: on the source topic one could take a dead letter's place, and the job would fail for ever on one
    that holds no number."""
    done = subprocess.run(
        [python("flink"), "-c", POSITIONS], cwd=ROOT, env=flink_alone, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("position:")) == [
        "position: 1 3 99",
        "position: 2 0 7",
        "position: 3 0 7",
    ]
