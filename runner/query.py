"""Read-only queries from the shell: ``python -m runner.query clickhouse|postgres "SQL"``; tab-separated, no header."""

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.request

from contracts.settings import SettingsError, settings


def clickhouse(query: str) -> None:
    """Stream the server's own TabSeparated as the read-only user."""
    s = settings()
    request = urllib.request.Request(f"{s.url('CLICKHOUSE')}/?default_format=TabSeparated", data=query.encode())
    request.add_header("X-ClickHouse-User", s.clickhouse_bi.user)
    request.add_header("X-ClickHouse-Key", s.clickhouse_bi.password)
    try:
        with urllib.request.urlopen(request) as answer:
            shutil.copyfileobj(answer, sys.stdout.buffer)
    except urllib.error.HTTPError as error:
        sys.exit(first_line(error.read().decode(errors="replace")))
    except urllib.error.URLError as error:
        sys.exit(f"ClickHouse does not answer on {s.url('CLICKHOUSE')}: {error.reason}")


def postgres(query: str) -> None:
    """Stream rows from a read-only transaction of the read-only role; NULL is an empty field."""
    import psycopg

    account, s = settings().postgres_account("bi"), settings()
    try:
        with psycopg.connect(s.postgres_dsn(account.user), options="-c default_transaction_read_only=on") as connection:
            connection.read_only = True
            with connection.cursor() as cursor:
                for row in cursor.stream(query.encode()):  # type: ignore[arg-type]
                    print(*("" if value is None else value for value in row), sep="\t")
    except psycopg.ProgrammingError as error:
        if "the last operation didn't produce a result" not in str(error):
            sys.exit(first_line(str(error)))
    except psycopg.Error as error:
        sys.exit(first_line(str(error)))


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
