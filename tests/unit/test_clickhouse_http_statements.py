"""Where an INSERT's data begins, and where a result's format is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickhouse_http.statements import insert_with_data, query, tokens


@pytest.mark.parametrize(
    ("text", "target", "settings", "name", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", "INSERT INTO t", "", "CSV", b"1,2"),
        (b"insert into db.t (a, b) format JSONEachRow {}", "insert into db.t (a, b)", "", "JSONEachRow", b"{}"),
        (b"INSERT INTO t VALUES (1), (2)", "INSERT INTO t", "", "Values", b" (1), (2)"),
        (b"INSERT INTO t SETTINGS x = 1 FORMAT TSV\r\n1", "INSERT INTO t", " SETTINGS x = 1", "TSV", b"1"),
        (
            b'INSERT INTO `a``b`."c d" (`format`) FORMAT Native\n\x02\x03',
            'INSERT INTO `a``b`."c d" (`format`)',
            "",
            "Native",
            b"\x02\x03",
        ),
        (
            b"-- FORMAT\nINSERT /* VALUES */ INTO t FORMAT RowBinary \n\n\x00",
            "-- FORMAT\nINSERT /* VALUES */ INTO t",
            "",
            "RowBinary",
            b"\n\x00",
        ),
        (b"INSERT INTO format VALUES (1)", "INSERT INTO format", "", "Values", b" (1)"),
        (
            b"INSERT INTO TABLE FUNCTION null('a Int8') FORMAT CSV\n1",
            "INSERT INTO TABLE FUNCTION null('a Int8')",
            "",
            "CSV",
            b"1",
        ),
        (b"INSERT INTO t FORMAT CSV", "INSERT INTO t", "", "CSV", b""),
    ],
)
def test_an_insert_is_cut_before_its_data(text: bytes, target: str, settings: str, name: str, data: bytes) -> None:
    found = insert_with_data(text)
    assert found is not None
    assert (found.target, found.settings, found.format, text[found.data_start :]) == (target, settings, name, data)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH x AS (SELECT 1) SELECT 1",
        b"INSERT INTO t",
    ]
    + [b"INSERT INTO t (a) FROM INFILE '/x' FORMAT CSV", b"WITH 1 AS x INSERT INTO t SELECT x", b"CREATE TABLE t (a Int8)"],
)
def test_other_statements_carry_no_data(text: bytes) -> None:
    assert insert_with_data(text) is None


@pytest.mark.parametrize(
    ("text", "kind", "body", "name", "rest"),
    [
        ("SELECT 1", "SELECT", "SELECT 1", "", ""),
        ("SELECT 1\n FORMAT Native", "SELECT", "SELECT 1", "Native", ""),
        ("select 1 format CSV settings a = 1;  ", "SELECT", "select 1", "CSV", " settings a = 1"),
        ("SELECT 1 -- FORMAT CSV", "SELECT", "SELECT 1", "", ""),
        ("SELECT 'x FORMAT CSV'", "SELECT", "SELECT 'x FORMAT CSV'", "", ""),
        ("SELECT format('{}', 1)", "SELECT", "SELECT format('{}', 1)", "", ""),
        ("SELECT format FROM t", "SELECT", "SELECT format FROM t", "", ""),
        ("SELECT $q$; FORMAT CSV$q$ FORMAT TSV", "SELECT", "SELECT $q$; FORMAT CSV$q$", "TSV", ""),
        ("(SELECT ';')", "(", "(SELECT ';')", "", ""),
        ("SHOW TABLES; -- end", "SHOW", "SHOW TABLES", "", ""),
        ("SELECT 'größe' FORMAT JSON", "SELECT", "SELECT 'größe'", "JSON", ""),
        ("", "", "", "", ""),
    ],
)
def test_a_query_is_cut_before_its_format(text: str, kind: str, body: str, name: str, rest: str) -> None:
    found = query(text)
    assert (found.kind, found.body, found.format, found.rest) == (kind, body, name, rest)


def test_the_result_goes_where_it_is_sent_in_the_format_asked_for() -> None:
    assert query("SELECT 1").into("/p", "TSV") == "SELECT 1\nINTO OUTFILE '/p' TRUNCATE COMPRESSION 'none' FORMAT TSV"
    assert query("SELECT 1 FORMAT CSV SETTINGS a=1").into("/p", "TSV").endswith("FORMAT CSV SETTINGS a=1")


@given(st.binary(max_size=200))
def test_tokens_cover_the_text_in_order(text: bytes) -> None:
    position = 0
    for token in tokens(text):
        assert token.start >= position
        assert text[token.start : token.end] == token.text
        position = token.end


@given(st.text(alphabet="ab'\\`\";-/*#$ \n", max_size=40))
def test_what_stands_in_a_string_ends_nothing(inner: str) -> None:
    quoted = inner.replace("\\", "\\\\").replace("'", "\\'")
    assert query(f"SELECT '{quoted}' AS x; ").body == f"SELECT '{quoted}' AS x"
