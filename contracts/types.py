"""Logical column types and what each engine calls them."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """A logical type; its value holds the engine's names: (Postgres, ClickHouse, Flink, JSON Schema)."""

    TEXT = ("text", "String", "STRING", "string")
    LABEL = ("text", "LowCardinality(String)", "STRING", "string")  # few distinct values
    INTEGER = ("integer", "Int32", "INT", "integer")
    BIGINT = ("bigint", "Int64", "BIGINT", "integer")
    FLAG = ("boolean", "UInt8", "BOOLEAN", "boolean")
    DOUBLE = ("double precision", "Float64", "DOUBLE", "number")
    # Four decimals: line totals computed from unit prices may have more than two.
    MONEY = ("numeric(18, 4)", "Decimal(18, 4)", "DECIMAL(18, 4)", "number")
    TIMESTAMP = ("timestamp(3) with time zone", "DateTime64(3, 'UTC')", "TIMESTAMP_LTZ(3)", "string")
    DATE = ("date", "Date32", "DATE", "string")

    @property
    def postgres(self) -> str:
        return self.value[0]

    @property
    def clickhouse(self) -> str:
        return self.value[1]

    @property
    def flink(self) -> str:
        return self.value[2]

    @property
    def json_schema(self) -> str:
        return self.value[3]


@dataclass(frozen=True)
class Column:
    """One column of a table or one field of an event.

    ``pii`` columns stay in the shop's own database: they are not replicated.
    """

    name: str
    type: Type
    doc: str
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pii: bool = False
