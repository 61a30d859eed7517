"""One row, one text, the same in Postgres and in ClickHouse; and the comparison of two ordered streams of them.

Times are milliseconds since 1970, money is in ten-thousandths, a missing value is a control character, and another one lies
between two values. A text may hold them as well: then a difference shows the whole rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.types import Column, Type

MISSING = "\x02"
SEPARATOR = "\x01"


def postgres_text(column: Column) -> str:
    name = column.name
    match column.type:
        case Type.TIMESTAMP:
            value = f"(extract(epoch FROM {name}) * 1000)::bigint::text"
        case Type.MONEY:
            value = f"({name} * 10000)::bigint::text"
        case _:
            value = f"{name}::text"
    return f"coalesce({value}, '{MISSING}')"


def clickhouse_text(column: Column) -> str:
    name = column.name
    match column.type:
        case Type.TIMESTAMP:
            value = f"toString(toUnixTimestamp64Milli({name}))"
        case Type.MONEY:
            value = f"toString(toInt64({name} * 10000))"
        case _:
            value = f"toString({name})"
    return f"ifNull({value}, '{MISSING}')"


def postgres_query(source: str, key: tuple[str, ...], columns: tuple[Column, ...], where: str = "true") -> str:
    """Rows (key, text) in the order of the key's bytes."""
    return _query(source, key, columns, where, postgres_text, "||", 'COLLATE "C"')


def clickhouse_query(source: str, key: tuple[str, ...], columns: tuple[Column, ...], where: str = "true") -> str:
    return _query(source, key, columns, where, clickhouse_text, "||", "")


def _query(source, key, columns, where, text, plus, collate) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    glue = f" {plus} '{SEPARATOR}' {plus} "
    by_name = {column.name: column for column in columns}
    key_text = glue.join(text(by_name[name]) for name in key)
    row_text = glue.join(text(column) for column in columns)
    return f"SELECT {key_text} AS row_key, {row_text} AS row_text FROM {source} WHERE {where} ORDER BY ({key_text}) {collate}"


@dataclass(frozen=True)
class Difference:
    key: str
    left: str | None
    right: str | None

    def describe(self, left: str, right: str, names: tuple[str, ...]) -> str:
        key = self.key.replace(SEPARATOR, " ")
        if self.right is None:
            return f"{key}: only in {left}"
        if self.left is None:
            return f"{key}: only in {right}"
        lefts, rights = self.left.split(SEPARATOR), self.right.split(SEPARATOR)
        if not len(names) == len(lefts) == len(rights):
            return f"{key}: {self.left!r} in {left}, {self.right!r} in {right}"
        pairs = zip(names, lefts, rights, strict=True)
        return f"{key}: " + ", ".join(f"{name} {a!r} in {left}, {b!r} in {right}" for name, a, b in pairs if a != b)


Row = tuple[str, str]


def compare(left: Iterable[Row], right: Iterable[Row]) -> Iterator[Difference | None]:
    """Merge two streams ordered by the bytes of their keys: None for each equal pair, a Difference for anything else.

    Holds one row of each side, so memory does not depend on their length.
    """
    lefts, rights = iter(left), iter(right)
    a, b = next(lefts, None), next(rights, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0].encode() < b[0].encode()):
            assert a is not None
            yield Difference(a[0], a[1], None)
            a = next(lefts, None)
        elif a is None or b[0].encode() < a[0].encode():
            yield Difference(b[0], None, b[1])
            b = next(rights, None)
        else:
            yield None if a[1] == b[1] else Difference(a[0], a[1], b[1])
            a, b = next(lefts, None), next(rights, None)
