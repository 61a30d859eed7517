"""Values of a query as tab-separated text."""

import socket

import pytest

from contracts import settings as module
from runner import query
from runner.query import escaped, first_line


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, b"\\N"),
        (b"", b""),
        (b"12.50", b"12.50"),
        (b"a\tb\nc\rd", b"a\\tb\\nc\\rd"),
        (b"\\N", b"\\\\N"),
        ("Zürich".encode(), "Zürich".encode()),
    ],
)
def test_a_field_holds_no_tab_and_no_line_end(value: bytes | None, field: bytes):
    assert escaped(value) == field


def test_an_error_is_one_line():
    assert first_line('\ncolumn "x" does not exist\nLINE 1: select x\n') == 'column "x" does not exist'
    assert first_line("") == "failed without a message"


@pytest.mark.parametrize(
    ("engine", "told"),
    [("CLICKHOUSE", "has sent nothing for 0.2 s$"), ("POSTGRES", "timeout expired$")],
)
def test_a_server_that_says_nothing_ends_the_query(monkeypatch: pytest.MonkeyPatch, engine: str, told: str):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv(f"{engine}_PORT", str(silent.getsockname()[1]))
        for name in ("CLICKHOUSE_BI_PASSWORD", "BI_PASSWORD"):
            monkeypatch.setenv(name, "reads-only")
        # The fewest seconds that libpq knows are two.
        monkeypatch.setattr(query, "CONNECT_SECONDS", 2)
        monkeypatch.setattr(query, "SILENT_SECONDS", 0.2)
        module.settings.cache_clear()
        try:
            with pytest.raises(SystemExit, match=told):
                {"CLICKHOUSE": query.clickhouse, "POSTGRES": query.postgres}[engine]("SELECT 1")
        finally:
            module.settings.cache_clear()
