"""The one module that talks to Postgres: the shop's own tables."""

from collections.abc import Iterable
from itertools import islice

import psycopg

from contracts.settings import Settings
from contracts.tables import PostgresTable

CHUNK = 5_000


class ShopError(RuntimeError):
    """The shop's database did not take the rows; the message says why."""


def upsert_statement(table: PostgresTable) -> str:
    """One array for each column; a row that is there already and the same is left alone, so that nothing is replicated twice."""
    names = [column.name for column in table.columns]
    arrays = ", ".join(f"%s::{column.type.postgres}[]" for column in table.columns)
    others = [name for name in names if name not in table.key]
    return (
        f"INSERT INTO {table.qualified} AS old ({', '.join(names)}) SELECT * FROM unnest({arrays}) "
        f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)} "
        f"WHERE ({', '.join(f'old.{name}' for name in others)}) "
        f"IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in others)})"
    )


def write_rows(settings: Settings, table: PostgresTable, rows: Iterable[tuple]) -> int:
    """Insert or update; ``rows`` in the order of the table's columns. Returns how many were given."""
    statement, count, left = upsert_statement(table), 0, iter(rows)
    try:
        with psycopg.connect(settings.postgres_dsn("shop"), connect_timeout=15) as connection:
            while chunk := list(islice(left, CHUNK)):
                connection.execute(statement, [list(column) for column in zip(*chunk, strict=True)])
                count += len(chunk)
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ShopError(
            f"rows not written to {table.qualified} in Postgres at {settings.address('POSTGRES')}: {reason}"
        ) from None
    return count
