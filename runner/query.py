"""Read-only queries from the shell: ``python -m runner.query clickhouse|postgres "SQL"``; tab-separated, no header."""

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.request
from urllib.parse import quote

from contracts.settings import SettingsError, settings

CONNECT_SECONDS = 10
# A query of minutes is fine; a server that says nothing for so long is not.
SILENT_SECONDS = 600


def clickhouse(query: str) -> None:
    """Stream the server's own TabSeparated as the read-only user."""
    s = settings()
    request = urllib.request.Request(f"{s.url('CLICKHOUSE')}/?default_format=TabSeparated", data=query.encode())
    request.add_header("X-ClickHouse-User", s.clickhouse_bi.user)
    request.add_header("X-ClickHouse-Key", s.clickhouse_bi.password)
    try:
        with urllib.request.urlopen(request, timeout=SILENT_SECONDS) as answer:
            shutil.copyfileobj(answer, sys.stdout.buffer)
    except urllib.error.HTTPError as error:
        sys.exit(first_line(error.read().decode(errors="replace")))
    except urllib.error.URLError as error:
        sys.exit(f"ClickHouse does not answer on {s.url('CLICKHOUSE')}: {error.reason}")
    except TimeoutError:
        sys.exit(f"ClickHouse on {s.url('CLICKHOUSE')} has sent nothing for {SILENT_SECONDS} s")


def postgres(query: str) -> None:
    """Stream rows as the read-only role, in transactions that may only read; values as ``COPY`` would write them.

    Through libpq itself: the server's own text of each value, and one statement only.
    """
    from psycopg import pq

    options = quote(f"-c default_transaction_read_only=on -c statement_timeout={SILENT_SECONDS}s")
    address = f"{settings().postgres_dsn('bi')}?options={options}&connect_timeout={CONNECT_SECONDS}"
    connection = pq.PGconn.connect(address.encode())
    if connection.status != pq.ConnStatus.OK:
        sys.exit(first_line(connection.get_error_message()))
    connection.send_query_params(query.encode(), None)
    connection.set_single_row_mode()
    while result := connection.get_result():
        if result.status == pq.ExecStatus.FATAL_ERROR:
            sys.exit(first_line(result.get_error_message()))
        for row in range(result.ntuples):
            fields = (escaped(result.get_value(row, column)) for column in range(result.nfields))
            sys.stdout.buffer.write(b"\t".join(fields) + b"\n")


def escaped(value: bytes | None) -> bytes:
    """A field that holds no tab or line end, as both engines' tab-separated formats write it."""
    if value is None:
        return b"\\N"
    for character, code in ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r")):
        value = value.replace(character, code)
    return value


def first_line(text: str) -> str:
    return (text.strip().splitlines() or ["failed without a message"])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=("clickhouse", "postgres"))
    parser.add_argument("query")
    arguments = parser.parse_args()
    if not arguments.query.strip():
        sys.exit('give a query: make sql Q="SELECT 1"')
    try:
        {"clickhouse": clickhouse, "postgres": postgres}[arguments.engine](arguments.query)
    except SettingsError as error:
        sys.exit(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
