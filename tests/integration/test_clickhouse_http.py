"""The embedded ClickHouse behind its HTTP interface, judged by the official client, dbt and SQLAlchemy's dialect."""

import datetime as dt
import gzip
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pytest
import requests
import sqlalchemy
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData
from warehouse_stack import own_environment, python

from contracts.settings import ROOT

READY_SECONDS = 300
CONNECTIONS = 4
QUEUE_SECONDS = 1


class Server:
    """The interface as a program: started, killed, reached."""

    def __init__(self, var: Path) -> None:
        limits = {
            "CLICKHOUSE_CONNECTIONS": str(CONNECTIONS),
            "CLICKHOUSE_QUEUE_SECONDS": str(QUEUE_SECONDS),
            # More than the queries take that a stop waits for.
            "CLICKHOUSE_GRACE_SECONDS": "5",
            "CLICKHOUSE_BI_MAX_ROWS": "1000000",
        }
        self.environment = {**own_environment(var), **limits, "TZ": "America/New_York"}
        self.var = var
        self.log = var / "clickhouse.log"
        self.url = f"http://127.0.0.1:{self.environment['CLICKHOUSE_PORT']}"
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        with self.log.open("ab") as output:
            command = [python("clickhouse"), "-m", "clickhouse_http"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT)
        until(lambda: self.process.poll() is not None or self._answers(), "an answer to /ping", READY_SECONDS)
        assert self.process.poll() is None, self.log.read_text()[-2000:]

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=5).text == "Ok.\n"
        except requests.ConnectionError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(READY_SECONDS)

    @property
    def writer(self) -> tuple[str, str]:
        return "pipeline", self.environment["CLICKHOUSE_PASSWORD"]

    @property
    def reader(self) -> tuple[str, str]:
        return "bi", self.environment["CLICKHOUSE_BI_PASSWORD"]

    def client(self, account: tuple[str, str] | None = None, **options: Any) -> Client:
        user, password = account or self.writer
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=int(self.environment["CLICKHOUSE_PORT"]), username=user, password=password, **options
        )

    def post(self, sql: str | bytes, account: tuple[str, str] | None = None, **parameters: Any) -> requests.Response:
        data = sql.encode() if isinstance(sql, str) else sql
        return requests.post(self.url, data=data, params=parameters, auth=account or self.writer, timeout=READY_SECONDS)

    def memory(self) -> int:
        """Resident bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("clickhouse"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client in a database that is empty at the start of each test."""
    with_database = server.client()
    with_database.command("DROP DATABASE IF EXISTS t")
    with_database.command("CREATE DATABASE t")
    with_database.close()
    found = server.client(database="t")
    yield found
    found.close()


def code(response: requests.Response) -> tuple[int, str | None]:
    return response.status_code, response.headers.get("X-ClickHouse-Exception-Code")


def test_ping_and_the_start_page_need_no_password(server: Server) -> None:
    for path in ("/ping", "/"):
        assert requests.get(server.url + path, timeout=10).text == "Ok.\n"
    assert requests.get(server.url + "/nothing", timeout=10).status_code == 404


def test_three_ways_in_and_none_with_a_wrong_password(server: Server) -> None:
    user, password = server.writer
    ways: list[dict[str, Any]] = [
        {"auth": (user, password)},
        {"headers": {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}},
        {"params": {"user": user, "password": password}},
    ]
    for way in ways:
        assert requests.post(server.url, data="SELECT 1", timeout=30, **way).text == "1\n"
    wrong: list[dict[str, Any]] = [{}, {"auth": (user, "x")}, {"auth": ("bi", password)}, {"params": {"user": "default"}}]
    for way in wrong:
        assert code(requests.post(server.url, data="SELECT 1", timeout=30, **way)) == (403, "516")
    with pytest.raises(DatabaseError, match="516"):
        server.client(("pipeline", "wrong"))


@pytest.mark.parametrize("compression", [False, "gzip", "lz4", "zstd"])
def test_rows_of_every_type_come_back_as_they_went(server: Server, client: Client, compression: bool | str) -> None:
    client.command(
        "CREATE TABLE t (i Int64, at DateTime64(3, 'UTC'), m Decimal(18, 4), s LowCardinality(String), n Nullable(Int32),"
        " a Array(String), d Date32, f Float64) ENGINE = MergeTree ORDER BY i"
    )
    at = dt.datetime(2026, 1, 31, 8, 5, 13, 123000)
    sent = [
        (number, at, Decimal("12.3456"), f"größe {number % 7}", None if number % 2 else number, ["x", "'\n"], at.date(), 0.5)
        for number in range(5000)
    ]
    packed = server.client(database="t", compress=compression)
    assert packed.insert("t", sent).written_rows == len(sent)
    result = packed.query("SELECT * FROM t ORDER BY i")
    assert [tuple(row) for row in result.result_rows] == sent
    assert int(result.summary["read_rows"]) == len(sent)
    packed.close()


def test_frames_and_arrow(client: Client) -> None:
    client.command("CREATE TABLE t (i Int64, s String) ENGINE = MergeTree ORDER BY i")
    frame = pd.DataFrame({"i": range(1000), "s": [f"v{number}" for number in range(1000)]})
    client.insert_df("t", frame)
    client.insert_arrow("t", pa.table({"i": [1000, 1001], "s": ["a", "b"]}))
    assert client.query_df("SELECT * FROM t WHERE i < 1000 ORDER BY i").astype({"s": object}).equals(frame.astype({"s": object}))
    assert client.query_arrow("SELECT s FROM t WHERE i >= 1000 ORDER BY i").column("s").to_pylist() == ["a", "b"]


def test_a_condition_goes_before_final_only_where_all_versions_agree(client: Client) -> None:
    """What dbt/profiles.yml relies on: a condition on a key is, one on a value would bring replaced rows back."""
    client.command("CREATE OR REPLACE TABLE versions (k String, x String, v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY k")
    client.command("SYSTEM STOP MERGES versions")
    client.command("INSERT INTO versions SELECT toString(number), 'old', 1 FROM numbers(20000)")
    client.command("INSERT INTO versions SELECT toString(number), 'new', 2 FROM numbers(15000)")
    early = {"optimize_move_to_prewhere_if_final": 1}
    query = "SELECT count() FROM versions FINAL WHERE x = 'old' AND k IN (SELECT toString(number * 10) FROM numbers(2000))"
    assert client.query(query, settings=early).result_rows == [(500,)]
    asked = "EXPLAIN actions = 1 SELECT x FROM versions FINAL WHERE x = 'old' AND k IN ('5', '6')"
    plan = "\n".join(row[0] for row in client.query(asked, settings=early).result_rows)
    moved = re.search("Prewhere filter column: (.*)", plan)
    assert moved and "k IN" in moved[1] and "old" not in moved[1]


def test_parameters_in_the_url_and_in_a_form(server: Server) -> None:
    values = {"a": 41, "b": "x'y\t\\z\n", "c": ["a'", "b"], "d": dt.datetime(2026, 1, 31, 8, 5)}
    for as_form in (False, True):
        client = server.client(form_encode_query_params=as_form)
        row = client.query("SELECT {a:Int32} + 1, {b:String}, {c:Array(String)}, {d:DateTime}", parameters=values).result_rows[0]
        assert row == (42, values["b"], values["c"], values["d"])
        client.close()
    assert server.post("SELECT {x:Identifier} FROM {t:Identifier}", param_x="dummy", param_t="system.one").status_code in (
        404,
        400,
    )
    assert server.post("SELECT {x:Identifier} FROM system.one", param_x="dummy").text == "0\n"


def test_a_table_sent_along(server: Server) -> None:
    data = ExternalData(file_name="m.csv", fmt="CSV", structure=["id Int64", "w String"], data=b"1,one\n2,two\n")
    for account in (server.writer, server.reader):
        client = server.client(account)
        assert client.query("SELECT * FROM m ORDER BY id", external_data=data).result_rows == [(1, "one"), (2, "two")]
        client.close()


def test_formats_headers_and_settings(server: Server) -> None:
    answer = server.post("SELECT number AS n FROM numbers(2)", default_format="JSONEachRow", query_id="my-id", max_threads=1)
    assert answer.text == '{"n":0}\n{"n":1}\n'
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert answer.headers["X-ClickHouse-Query-Id"] == "my-id"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "2"
    assert server.post("SELECT getSetting('max_threads')", max_threads=1).text == "1\n"
    assert (
        server.post("SELECT getSetting('max_block_size')").text
        != server.post("SELECT getSetting('max_block_size')", max_block_size=7).text
    )
    assert server.post("SELECT 1 AS a FORMAT TSVWithNames; -- end").text == "a\n1\n"
    assert "system" in server.post("SHOW DATABASES").text.split()
    assert server.post("EXISTS system.one").text == "1\n"
    assert server.post("SELECT currentDatabase()", database="system").text == "system\n"
    assert "X-ClickHouse-Format" not in server.post("SET max_threads = 1").headers


def test_dates_without_a_zone_are_utc_wherever_the_server_runs(server: Server) -> None:
    assert server.post("SELECT toUnixTimestamp(toDateTime('2026-07-01 00:00:00'))").text == "1782864000\n"


def test_statements_have_the_engines_length_and_no_less(server: Server) -> None:
    assert server.post(f"SELECT length('{'x' * 250_000}')").text == "250000\n"
    assert code(server.post(f"SELECT length('{'x' * 270_000}')")) == (400, "62")
    assert server.post(f"SELECT length('{'x' * 270_000}')", max_query_size=1_000_000).text == "270000\n"


def test_rows_in_the_statement_itself(server: Server, client: Client) -> None:
    client.command("CREATE TABLE t (a Int32, b String) ENGINE = MergeTree ORDER BY a")
    assert server.post("INSERT INTO t.t VALUES (1 + 1, upper('x')), ({p:Int32}, 'y;')", param_p=7).status_code == 200
    assert server.post("INSERT INTO {t:Identifier}.t FORMAT CSV\n9,z", param_t="t").status_code == 200
    assert server.post("INSERT INTO t.t SELECT 10, 'q'").status_code == 200
    # Rows that would get lost are refused.
    assert code(server.post("INSERT INTO t.t SELECT * FROM input('a Int32, b String') FORMAT CSV\n1,2"))[1] == "497"
    assert client.query("SELECT * FROM t ORDER BY a").result_rows == [(2, "X"), (7, "y;"), (9, "z"), (10, "q")]


def test_a_get_reads_only(server: Server) -> None:
    def get(sql: str) -> requests.Response:
        return requests.get(server.url, params={"query": sql}, auth=server.writer, timeout=30)

    assert get("SELECT 1").text == "1\n"
    assert code(get("CREATE DATABASE by_get")) == (500, "164")
    assert "by_get" not in server.post("SHOW DATABASES").text


@pytest.mark.parametrize("accept", ["gzip", "deflate", "zstd", "lz4"])
def test_results_are_compressed_when_asked(server: Server, accept: str) -> None:
    headers = {"Accept-Encoding": accept}
    parameters: dict[str, Any] = {"enable_http_compression": 1}
    sql = "SELECT repeat('x', 100) FROM numbers(30000)"
    with requests.post(
        server.url, sql, params=parameters, headers=headers, auth=server.writer, stream=True, timeout=60
    ) as answer:
        assert answer.headers["Content-Encoding"] == accept
        assert len(answer.raw.read(decode_content=False)) < 300_000
    plain = requests.post(server.url, sql, headers=headers, auth=server.writer, timeout=60)
    assert "Content-Encoding" not in plain.headers and len(plain.content) == 30_000 * 101


def test_rows_in_a_chunked_compressed_body(server: Server, client: Client) -> None:
    client.command("CREATE TABLE t (id Int64, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id")
    lines = b"".join(b'{"id":%d,"at":"2026-01-31T08:05:13.123Z"}\n' % number for number in range(200_000))
    packed = gzip.compress(lines)
    answer = requests.post(
        server.url,
        params={"query": "INSERT INTO t.t FORMAT JSONEachRow", "date_time_input_format": "best_effort"},
        data=(packed[at : at + 50_000] for at in range(0, len(packed), 50_000)),
        headers={"Content-Encoding": "gzip"},
        auth=server.writer,
        timeout=120,
    )
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "200000"
    found = client.query("SELECT count(), max(id), any(toUnixTimestamp64Milli(at)) FROM t").result_rows
    assert found == [(200_000, 199_999, 1769846713123)]
    assert list((server.var / "clickhouse" / "uploads").iterdir()) == []


def test_an_insert_with_a_bad_row_or_a_broken_body_writes_nothing(server: Server, client: Client) -> None:
    client.command("CREATE TABLE t (id Int64) ENGINE = MergeTree ORDER BY id")
    assert code(server.post('INSERT INTO t.t FORMAT JSONEachRow\n{"id":1}\n{"id":"x"}\n')) == (400, "27")
    headers = {"Content-Encoding": "gzip"}
    broken = gzip.compress(b'{"id":1}\n' * 1000)[:-20]
    answer = requests.post(
        server.url,
        broken,
        params={"query": "INSERT INTO t.t FORMAT JSONEachRow"},
        headers=headers,
        auth=server.writer,
        timeout=30,
    )
    assert code(answer)[1] == "271"
    assert client.command("SELECT count() FROM t") == 0


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELEC 1", (400, "62")),
        ("SELECT 1; SELECT 2", (400, "62")),
        ("", (400, "62")),
        ("SELECT * FROM nowhere", (404, "60")),
        ("SELECT * FROM nowhere.nothing", (404, "81")),
        ("SELECT nothing", (404, "47")),
        ("SELECT nofunction(1)", (404, "46")),
        ("SELECT 1 SETTINGS nosuch = 1", (404, "115")),
        ("SELECT throwIf(1)", (500, "395")),
        ("SELECT 1 FORMAT Nonsense", (404, "73")),
        ("CREATE DATABASE system", (500, "82")),
        ("SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_block_size = 1, max_execution_time = 1", (408, "159")),
    ],
)
def test_errors_have_clickhouses_code_and_status(server: Server, sql: str, expected: tuple[int, str]) -> None:
    answer = server.post(sql)
    assert code(answer) == expected, answer.text
    assert answer.text.startswith(f"Code: {expected[1]}. DB::Exception: ")


def test_the_client_sees_the_code(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as raised:
        client.query("SELECT * FROM nothing")
    assert raised.value.code == 60
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")


def test_a_large_result_streams_in_flat_memory(server: Server) -> None:
    rows, before, most, size = 6_000_000, server.memory(), 0, 0
    sql = f"SELECT number, repeat('x', 60) FROM numbers({rows}) FORMAT TSV"
    with requests.post(server.url, sql, auth=server.writer, stream=True, timeout=300) as answer:
        for piece in answer.iter_content(1 << 20):
            size += len(piece)
            most = max(most, server.memory())
    assert size > 400_000_000
    assert most - before < 200_000_000


def test_an_error_in_the_middle_of_a_stream_is_no_short_result(server: Server, client: Client) -> None:
    sql = "SELECT throwIf(number = 2900000, 'in the middle'), number FROM numbers(3000000)"
    with pytest.raises(StreamFailureError, match="in the middle"), client.query_row_block_stream(sql) as stream:
        for _ in stream:
            pass
    with requests.post(server.url, f"{sql} FORMAT TSV", auth=server.writer, stream=True, timeout=60) as answer:
        tag = answer.headers["X-ClickHouse-Exception-Tag"]
        received = b""
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for piece in answer.iter_content(1 << 20):
                received = received[-10_000:] + piece
    assert f"__exception__\r\n{tag}\r\nCode: 395. DB::Exception".encode() in received
    assert received.endswith(f" {tag}\r\n__exception__\r\n".encode())
    # Whoever waits for the end gets the status instead.
    assert code(server.post(sql, wait_end_of_query=1)) == (500, "395")


def test_a_session_keeps_tables_settings_and_database(server: Server, client: Client) -> None:
    own = server.client(session_id="own", database="t")
    own.command("CREATE TEMPORARY TABLE held (a Int32)")
    own.insert("held", [[1], [2]])
    own.command("SET max_block_size = 111")
    assert own.query("SELECT sum(a) FROM held").result_rows == [(3,)]
    assert own.command("SELECT getSetting('max_block_size')") == 111
    # What comes with one request does not stay.
    assert own.query("SELECT getSetting('max_threads')", settings={"max_threads": 1}).result_rows == [(1,)]
    assert own.query("SELECT getSetting('max_threads')").result_rows == [(2,)]
    # What the session is told stays, also where the request said otherwise, and whatever came before it.
    own.query("SELECT 1", settings={"max_threads": 1})
    own.command("SET max_threads = 3", settings={"max_threads": 1})
    assert own.query("SELECT getSetting('max_threads')").result_rows == [(3,)]
    assert code(server.post("SELECT 1", session_id="own", max_threads=1, no_such_setting=1))[1] == "115"
    assert own.query("SELECT getSetting('max_threads'), currentDatabase()").result_rows == [(3, "t")]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM held")
    assert code(server.post("SELECT 1", session_id="unknown", session_check=1)) == (500, "372")
    own.close()


def test_a_session_in_use_is_locked(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.post, "SELECT sleep(3)", session_id="busy")
        until(lambda: "sleep(3)" in server.post("SELECT query FROM system.processes").text, "the first query of the session")
        assert code(server.post("SELECT 1", session_id="busy")) == (500, "373")
        assert slow.result().status_code == 200
    assert server.post("SELECT 1", session_id="busy").text == "1\n"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t.t VALUES (1)",
        "INSERT INTO t.t SELECT 1",
        "CREATE TABLE t.other (a Int8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE other (a Int8)",
        "ALTER TABLE t.t ADD COLUMN b Int8",
        "ALTER TABLE t.t DELETE WHERE 1",
        "DELETE FROM t.t WHERE 1",
        "DROP TABLE t.t",
        "TRUNCATE TABLE t.t",
        "RENAME TABLE t.t TO t.u",
        "OPTIMIZE TABLE t.t",
        "SYSTEM DROP MARK CACHE",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "SET profile = 'writer'",
        "SET max_execution_time = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_memory_usage = 0",
        "SELECT number FROM numbers(1000001) FORMAT Null",
    ],
)
def test_the_reader_only_reads_within_limits(server: Server, client: Client, sql: str) -> None:
    client.command("CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a")
    client.insert("t", [[7]])
    assert code(server.post(sql, server.reader))[1] in ("164", "452", "396")
    # A session does not loosen anything.
    assert code(server.post(sql, server.reader, session_id="reader"))[1] in ("164", "452", "396")
    assert server.post("SELECT * FROM t.t", server.reader).text == "7\n"


def test_the_reader_cannot_lift_its_limits_by_the_url(server: Server) -> None:
    for name, value in (("readonly", 0), ("profile", "writer"), ("max_result_rows", 0), ("max_execution_time", 100_000)):
        assert code(server.post("SELECT 1", server.reader, **{name: value}))[1] in ("164", "452")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('{secret}')",
        "SELECT * FROM file('{secret}', 'LineAsString')",
        "SELECT * FROM `file`('{secret}', 'LineAsString')",
        "DESCRIBE TABLE file('{secret}', 'LineAsString')",
        "SELECT 1 INTO OUTFILE '{secret}.out'",
        "INSERT INTO t.t FROM INFILE '{secret}' FORMAT LineAsString",
        "INSERT INTO FUNCTION file('{secret}.out', 'TSV', 'a Int8') SELECT 1",
        "CREATE TABLE t.f (line String) ENGINE = File(LineAsString, '{secret}')",
        "CREATE DATABASE f ENGINE = Filesystem",
        "CREATE VIEW t.v AS SELECT file('{secret}')",
        "ALTER TABLE t.t ADD COLUMN c String DEFAULT file('{secret}')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/b/x.csv')",
        "SELECT * FROM remote('127.0.0.1', 'system.one')",
        "SELECT * FROM postgresql('127.0.0.1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT * FROM Python(secret)",
        "SELECT * FROM eval('SELECT 1')",
        "CREATE DICTIONARY t.d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DICTIONARY t.d (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE 'x')) LAYOUT(FLAT()) LIFETIME(0)",
        "BACKUP TABLE t.t TO File('{secret}.backup')",
        "SYSTEM SHUTDOWN",
        "CREATE USER other",
        "SET dialect = 'kusto'",
        "SELECT 1; SELECT file('{secret}')",
    ],
)
def test_neither_account_gets_out_of_the_engine(server: Server, client: Client, tmp_path: Path, sql: str) -> None:
    client.command("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
    secret = tmp_path / "secret"
    secret.write_text("treasure\n")
    for account in (server.writer, server.reader):
        for parameters in ({}, {"session_id": f"out-{account[0]}"}):
            answer = server.post(sql.format(secret=secret), account, **parameters)
            assert answer.status_code >= 400 and "treasure" not in answer.text, answer.text
    assert list(tmp_path.iterdir()) == [secret]


@pytest.mark.parametrize(
    "structure",
    [
        "k String) ENGINE = EmbeddedRocksDB(0, '{away}') PRIMARY KEY k --",
        "k String) ENGINE = ExecutablePool('touch {away}', 'TSV') --",
        "k String) ENGINE = File('TSV', '{away}') --",
        "k String) ENGINE = Memory AS SELECT file('/etc/hostname') --",
        "k String) ENGINE = Memory AS SELECT toString(1) --",
        "k String DEFAULT file('/etc/hostname')",
        "k String) ENGINE = Memory; SELECT (1",
    ],
)
@pytest.mark.parametrize("how", ["structure", "types"])
def test_a_table_sent_along_is_no_way_out_of_the_engine(server: Server, tmp_path: Path, structure: str, how: str) -> None:
    told = structure.format(away=tmp_path / "away").removeprefix("k " if how == "types" else "")
    for account in (server.writer, server.reader):
        answer = requests.post(
            server.url,
            params={"query": "SELECT count() FROM m", f"m_{how}": told, "m_format": "TSV"},
            files={"m": ("m", b"")},
            auth=account,
            timeout=READY_SECONDS,
        )
        assert answer.status_code >= 400, answer.text
    assert not list(tmp_path.iterdir())


def test_readers_while_writers_insert(server: Server, client: Client) -> None:
    client.command("CREATE TABLE t (id Int64, v Int64) ENGINE = ReplacingMergeTree(v) ORDER BY id")
    batches, size = 12, 2000

    def write(batch: int) -> None:
        body = b"".join(b'{"id":%d,"v":%d}\n' % (number, batch) for number in range(size))
        assert server.post(b"INSERT INTO t.t FORMAT JSONEachRow\n" + body).status_code == 200

    def read(_: int) -> int:
        answer = server.post("SELECT count() FROM t.t FINAL", server.reader)
        assert answer.status_code == 200, answer.text
        return int(answer.text)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        writing = [pool.submit(write, batch) for batch in range(batches)]
        counts = list(pool.map(read, range(20)))
        for done in writing:
            done.result()
    assert set(counts) <= {0, size}
    assert client.query("SELECT count(), min(v), max(v) FROM t FINAL").result_rows == [(size, batches - 1, batches - 1)]


def test_a_query_beyond_the_places_waits_and_then_is_refused(server: Server) -> None:
    """A place is held by a client that has begun to read a result without end."""
    with ExitStack() as readers:
        for _ in range(CONNECTIONS):
            reading = requests.post(server.url, "SELECT number FROM system.numbers", auth=server.writer, stream=True, timeout=60)
            assert readers.enter_context(reading).status_code == 200
        refused = server.post("SELECT 1")
    assert code(refused) == (500, "202")
    assert refused.elapsed.total_seconds() >= QUEUE_SECONDS
    until(lambda: server.post("SELECT 1").text == "1\n", "a place that is free again")


def test_a_client_that_leaves_takes_its_query_along(server: Server) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%0.987654%' AND query NOT LIKE '%processes%'"
    sql = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 0.987654"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(server.url, sql, auth=server.writer, timeout=2)
    until(lambda: server.post(running).text == "0\n", "the end of the abandoned query")


def test_what_the_cdc_sink_relies_on(server: Server, client: Client) -> None:
    client.command(
        "CREATE TABLE t (id Int64, name Nullable(String), raw String EPHEMERAL, size UInt64 DEFAULT length(raw),"
        " at DateTime64(3, 'UTC'), _lsn Int64, _deleted UInt8) ENGINE = ReplacingMergeTree(_lsn, _deleted) ORDER BY id"
    )
    rows = [
        {"id": 1, "name": "a", "raw": "four", "at": "2026-01-31T08:05:13.123Z", "_lsn": 1, "_deleted": 0},
        {"id": 1, "name": None, "raw": "fives", "at": "2026-01-31T08:05:13.123456+02:00", "_lsn": 3, "_deleted": 0},
        {"id": 1, "name": "stale", "raw": "", "at": "2026-01-31 08:05:13", "_lsn": 2, "_deleted": 0},
        {"id": 2, "name": "gone", "raw": "", "at": "2026-01-31 08:05:13", "_lsn": 1, "_deleted": 0},
        {"id": 2, "name": "gone", "raw": "", "at": "2026-01-31 08:05:13", "_lsn": 2, "_deleted": 1},
    ]
    client.raw_insert(
        "t",
        ["id", "name", "raw", "at", "_lsn", "_deleted"],
        b"\n".join(json.dumps(row).encode() for row in rows),
        settings={"date_time_input_format": "best_effort"},
        fmt="JSONEachRow",
        compression=None,
    )
    at = dt.datetime(2026, 1, 31, 6, 5, 13, 123000)
    assert client.query("SELECT id, name, size, at FROM t FINAL").result_rows == [(1, None, 5, at)]
    client.command("CREATE TABLE u AS t")
    client.command("EXCHANGE TABLES t AND u")
    assert (client.command("SELECT count() FROM t"), client.command("SELECT count() > 0 FROM u")) == (0, 1)


def test_superset_s_dialect(server: Server, client: Client) -> None:
    client.command("CREATE TABLE t (id Int64, name Nullable(String)) ENGINE = MergeTree ORDER BY id")
    client.insert("t", [[1, "a"], [2, None]])
    user, password = server.reader
    address = server.url.removeprefix("http://")
    engine = sqlalchemy.create_engine(f"clickhousedb://{user}:{password}@{address}/t")
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT id, name FROM t ORDER BY id")).fetchall() == [(1, "a"), (2, None)]
        with pytest.raises(Exception, match="readonly mode"):
            connection.execute(sqlalchemy.text("DROP TABLE t"))
    inspector = sqlalchemy.inspect(engine)
    assert "t" in inspector.get_schema_names() and inspector.get_table_names("t") == ["t"]
    assert [column["name"] for column in inspector.get_columns("t", "t")] == ["id", "name"]
    engine.dispose()


DBT_FILES = {
    "dbt_project.yml": "name: tiny\nversion: '1.0'\nprofile: tiny\nmodel-paths: [models]\n",
    "models/base.sql": "{{ config(materialized='table', order_by='id') }} select toInt64(number) as id from numbers(10)",
    "models/total.sql": "{{ config(materialized='view') }} select count() as c from {{ ref('base') }}",
    "models/grown.sql": "{{ config(materialized='incremental', unique_key='id', order_by='id',"
    " incremental_strategy='delete_insert') }}"
    " select toInt64(number) as id, {{ 1 if is_incremental() else 0 }} as run"
    " from numbers({{ '5, 10' if is_incremental() else '10' }})",
    "models/models.yml": "models:\n  - name: base\n    columns: [{name: id, data_tests: [unique, not_null]}]\n",
}


def test_dbt(server: Server, client: Client, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name, text in DBT_FILES.items():
        (tmp_path / name).write_text(text)
    profile = {
        "type": "clickhouse",
        "host": "127.0.0.1",
        "port": int(server.environment["CLICKHOUSE_PORT"]),
        "schema": "t",
        "threads": 2,
    }
    login = {"user": "pipeline", "password": "{{ env_var('CLICKHOUSE_PASSWORD') }}"}
    (tmp_path / "profiles.yml").write_text(json.dumps({"tiny": {"target": "dev", "outputs": {"dev": {**profile, **login}}}}))
    where = ["--project-dir", str(tmp_path), "--profiles-dir", str(tmp_path), "--no-send-anonymous-usage-stats"]
    program = (
        "import sys; from dbt.cli.main import dbtRunner\n"
        "for command in ('debug', 'build', 'build'):\n"
        "    if not dbtRunner().invoke([command, *sys.argv[1:]]).success: sys.exit(f'dbt {command} failed')"
    )
    command = [python("dbt"), "-c", program, *where]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert client.query("SELECT count(), uniqExact(id), max(id), sum(run) FROM grown").result_rows == [(15, 15, 14, 10)]
    assert client.command("SELECT c FROM total") == 10


def test_a_second_process_on_the_same_directory_gives_up(server: Server) -> None:
    command = [python("clickhouse"), "-m", "clickhouse_http"]
    second = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=READY_SECONDS)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1 and f"is served by process {server.process.pid}" in second.stderr


def test_data_outlives_a_kill_and_a_stop(server: Server) -> None:
    client = server.client()
    client.command("DROP TABLE IF EXISTS default.kept")
    client.command("CREATE TABLE default.kept (id Int64) ENGINE = MergeTree ORDER BY id")
    client.insert("kept", [[number] for number in range(1000)])
    server.stop(signal.SIGKILL)
    server.start()
    client.insert("kept", [[number] for number in range(1000, 1500)])
    assert client.query("SELECT count(), sum(id) FROM default.kept").result_rows == [(1500, sum(range(1500)))]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.post, "SELECT count() + sleep(3) FROM default.kept")
        until(lambda: "sleep(3)" in server.post("SELECT query FROM system.processes").text, "a query at work")
        assert server.stop() == 0
        assert running.result().text == "1500\n"
    server.start()
    assert client.command("SELECT count() FROM default.kept") == 1500
    client.close()


def test_a_stop_ends_what_would_run_on(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(server.post, "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 3")
        until(lambda: "sipHash64" in server.post("SELECT query FROM system.processes").text, "the endless query")
        assert server.stop() == 0
        assert code(endless.result()) == (500, "394")
    server.start()
