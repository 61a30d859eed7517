"""Who comes in, what is refused, which status an error has."""

import base64

import pytest

from clickhouse_http import guard
from clickhouse_http.accounts import Accounts, Caller, credentials
from clickhouse_http.compression import Decoder, Encoder, choose
from clickhouse_http.config import config
from clickhouse_http.errors import ServerError
from clickhouse_http.profiles import READER, WRITER
from clickhouse_http.request import Request
from clickhouse_http.sessions import Sessions, session_seconds
from contracts.settings import Settings

KNOWN = config(Settings({"CLICKHOUSE_PASSWORD": "write-1", "CLICKHOUSE_BI_PASSWORD": "read-1"}))
PIPELINE, BI = Caller("pipeline", WRITER), Caller("bi", READER)
TABLE_FUNCTIONS = frozenset(("NUMBERS", "URL", "FILE", "PYTHON", "EVAL", "S3", "VALUES", "EXECUTABLE"))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "parameters"),
    [
        ({"authorization": basic("pipeline", "write-1")}, {}),
        ({"x-clickhouse-user": "pipeline", "x-clickhouse-key": "write-1"}, {}),
        ({}, {"user": "pipeline", "password": "write-1"}),
    ],
)
def test_three_ways_in(headers: dict[str, str], parameters: dict[str, str]) -> None:
    assert Accounts(KNOWN).caller(*credentials(headers, parameters)) == PIPELINE


def test_the_reader_reads() -> None:
    assert Accounts(KNOWN).caller("bi", "read-1") == BI


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("pipeline", "read-1"),
        ("bi", "write-1"),
        ("pipeline", ""),
        ("default", ""),
        ("", ""),
        ("pipeliné", "write-1"),
        ("Pipeline", "write-1"),
    ],
)
def test_wrong_credentials_are_refused_without_telling_which(user: str, password: str) -> None:
    with pytest.raises(ServerError, match="password is incorrect, or there is no user with such name") as refused:
        Accounts(KNOWN).caller(user, password)
    assert (refused.value.code, refused.value.status) == (516, 403)


@pytest.mark.parametrize("header", ["Bearer x", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), ""])
def test_an_unreadable_authorization_is_refused(header: str) -> None:
    with pytest.raises(ServerError) as refused:
        credentials({"authorization": header}, {})
    assert refused.value.code == 516


def test_two_ways_at_once_are_refused() -> None:
    with pytest.raises(ServerError, match="simultaneously"):
        credentials({"authorization": basic("a", "b")}, {"user": "a"})


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT file('/etc/passwd')",
        "SELECT * FROM url('http://h/', 'CSV')",
        "SELECT * FROM `Python`(x)",
        "SELECT * FROM eval('SELECT 1')",
        "DESCRIBE TABLE file('/etc/passwd')",
        "SELECT 1 INTO OUTFILE '/x'",
        "INSERT INTO t FROM INFILE '/x' FORMAT CSV",
        "INSERT INTO FUNCTION url('h', 'CSV')",
        "CREATE TABLE a.t AS url('h')",
        "CREATE TABLE t (`a` Int8) ENGINE = File(TSV)",
        "CREATE TABLE t (`a` Int8) ENGINE = URL",
        "CREATE DATABASE d ENGINE = Filesystem",
        "DROP DATABASE default",
        "CREATE VIEW v AS SELECT file('x')",
        "SELECT * FROM executable('x', 'TSV', 'a Int8')",
    ],
)
def test_what_neither_account_may_say(statement: str) -> None:
    with pytest.raises(ServerError) as refused:
        guard.check(statement, PIPELINE, False, TABLE_FUNCTIONS)
    assert (refused.value.code, refused.value.status) == (497, 403)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'file(x)', url FROM numbers(3)",
        "INSERT INTO url (a, b) FORMAT CSV",
        "INSERT INTO raw.file (a) FORMAT CSV",
        "CREATE TABLE raw.url (`a` Int8) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE IF NOT EXISTS s3 (`a` Int8) ENGINE = Memory",
        "CREATE TABLE t (`a` Int8) ENGINE = ReplacingMergeTree(_lsn, _deleted) ORDER BY a",
        "SELECT * FROM system.tables WHERE engine = x",
        "DROP DATABASE raw",
        "EXCHANGE TABLES a AND b",
        "SELECT count() FROM t WHERE outfile IN ('x')",
    ],
)
def test_what_only_looks_forbidden(statement: str) -> None:
    guard.check(statement, PIPELINE, False, TABLE_FUNCTIONS)


@pytest.mark.parametrize("tail", ["ENGINE = EmbeddedRocksDB(0, '/x') PRIMARY KEY k", "ENGINE = ExecutablePool('x', TSV)"])
def test_a_table_sent_along_stays_in_memory(tail: str) -> None:
    columns = "CREATE TEMPORARY TABLE `m` (`k` String DEFAULT 'ENGINE = Memory)', `n` Decimal(9, 2))"
    guard.check_external(f"{columns} ENGINE = Memory", TABLE_FUNCTIONS)
    for more in (tail, "ENGINE = Memory AS SELECT 1", "AS SELECT 1", "ENGINE = Memory SETTINGS max_rows_to_keep = 1"):
        with pytest.raises(ServerError, match="list of columns") as refused:
            guard.check_external(f"{columns} {more}", TABLE_FUNCTIONS)
        assert refused.value.code == 497
    with pytest.raises(ServerError, match="Function file"):
        guard.check_external("CREATE TEMPORARY TABLE `m` (`k` String DEFAULT file('/x')) ENGINE = Memory", TABLE_FUNCTIONS)


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO t FORMAT CSV", "CREATE TABLE t (a Int8)", "DROP TABLE t", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1"],
)
def test_neither_the_reader_nor_a_get_may_write(statement: str) -> None:
    for caller, get in ((BI, False), (PIPELINE, True)):
        with pytest.raises(ServerError) as refused:
            guard.check(statement, caller, get, TABLE_FUNCTIONS)
        assert refused.value.code == 164


@pytest.mark.parametrize(
    "statement", ["GRANT ALL ON *.* TO x", "SET ROLE ALL", "BACKUP TABLE t TO File('x')", "EXECUTE AS bi SELECT 1"]
)
def test_what_the_embedded_engine_does_not_do(statement: str) -> None:
    with pytest.raises(ServerError) as refused:
        guard.check(statement, PIPELINE, False, TABLE_FUNCTIONS)
    assert refused.value.code == 344


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (62, 400),
        (60, 404),
        (81, 404),
        (47, 404),
        (115, 404),
        (516, 403),
        (497, 403),
        (194, 401),
        (48, 501),
        (159, 408),
        (164, 500),
        (202, 500),
        (373, 500),
        (27, 400),
        (999999, 500),
    ],
)
def test_an_error_has_the_servers_status(code: int, status: int) -> None:
    assert ServerError(code, "x").status == status


def test_the_engines_error_keeps_its_code_and_text() -> None:
    error = ServerError.of_engine("Streaming failed: Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE)")
    assert error.code == 60
    assert (
        error.text("26.9")
        == "Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 26.9 (official build))\n"
    )
    assert ServerError.of_engine("no code at all").code == 1002


def test_an_own_error_names_itself() -> None:
    assert (
        ServerError(202, "Too many").text("1")
        == "Code: 202. DB::Exception: Too many (TOO_MANY_SIMULTANEOUS_QUERIES) (version 1 (official build))\n"
    )


def request(query_string: bytes, *headers: tuple[bytes, bytes]) -> Request:
    return Request.of({"method": "POST", "path": "/", "headers": list(headers), "query_string": query_string})


def test_parameters_settings_and_what_is_reserved() -> None:
    asked = request(
        b"query=select+1&database=raw&param_x=%27a%27&max_threads=1&session_id=s&default_format=CSV&wait_end_of_query=1&user=u"
    )
    assert asked.settings == {"max_threads": "1"}
    assert asked.query_parameters == {"x": "'a'"}
    assert (asked.database, asked.default_format, asked.flag("wait_end_of_query"), asked.flag("compress")) == (
        "raw",
        "CSV",
        True,
        False,
    )


@pytest.mark.parametrize("text", [b"a+b=1", b"x%27=1", b"1%3D1=1", b"%C3%A9=1"])
def test_a_setting_is_a_name(text: bytes) -> None:
    with pytest.raises(ServerError, match="no name of a setting"):
        _ = request(text).settings


def test_names_that_end_up_in_sql_are_names() -> None:
    with pytest.raises(ServerError, match="Unknown format"):
        _ = request(b"default_format=CSV%20SETTINGS%20readonly=0").default_format
    with pytest.raises(ServerError, match="no name of a query parameter"):
        _ = request(b"param_a%20b=1").query_parameters


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd", ""])
def test_what_was_encoded_in_pieces_is_decoded_in_pieces(encoding: str) -> None:
    data = b"some rows\n" * 50_000
    encoder, decoder = Encoder(encoding), Decoder(encoding)
    packed = b"".join(encoder.feed(data[at : at + 70_000]) for at in range(0, len(data), 70_000)) + encoder.finish()
    assert b"".join(decoder.feed(packed[at : at + 1000]) for at in range(0, len(packed), 1000)) + decoder.finish() == data
    assert encoding == "" or len(packed) < len(data) / 10


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_a_body_that_breaks_off_is_an_error(encoding: str) -> None:
    encoder = Encoder(encoding)
    packed = encoder.feed(bytes(range(256)) * 100) + encoder.finish()
    decoder = Decoder(encoding)
    decoder.feed(packed[: len(packed) // 2])
    with pytest.raises(ServerError, match="Cannot decompress"):
        decoder.finish()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_garbage_is_an_error(encoding: str) -> None:
    with pytest.raises(ServerError) as refused:
        Decoder(encoding).feed(b"certainly not compressed at all")
    assert refused.value.code == 271


def test_an_unknown_encoding_is_refused_and_a_known_one_chosen() -> None:
    with pytest.raises(ServerError, match="Unknown compression method"):
        Decoder("snappy")
    assert [choose(text) for text in ("br, zstd;q=0.5", "gzip", "identity", "", "gzip;q=0, lz4")] == [
        "zstd",
        "gzip",
        "",
        "",
        "lz4",
    ]


class FakeConnection:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_session_is_locked_released_and_forgotten() -> None:
    now = [0.0]
    sessions = Sessions(lambda profile: FakeConnection(), clock=lambda: now[0])  # type: ignore[arg-type]
    first = sessions.acquire(PIPELINE, "s", "10", check=False)
    with pytest.raises(ServerError) as locked:
        sessions.acquire(PIPELINE, "s", "10", check=False)
    assert locked.value.code == 373
    assert sessions.acquire(BI, "s", "", check=False) is not first
    sessions.release(first)
    assert sessions.acquire(PIPELINE, "s", "10", check=True) is first
    sessions.release(first)
    now[0] = 11.0
    with pytest.raises(ServerError) as gone:
        sessions.acquire(PIPELINE, "s", "10", check=True)
    assert gone.value.code == 372
    assert first.connection.closed


@pytest.mark.parametrize("text", ["-1", "x", "3601", "1.5"])
def test_a_session_timeout_has_limits(text: str) -> None:
    with pytest.raises(ServerError) as refused:
        session_seconds(text)
    assert refused.value.code == 374
