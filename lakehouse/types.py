"""How a ClickHouse column becomes a column of an Iceberg table.

Iceberg has no unsigned or small integers, no enumerations, and timestamps of microseconds: the SELECT converts.
"""

import re
from dataclasses import dataclass

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

MAX_DECIMAL_DIGITS = 38

# ClickHouse type -> (Iceberg type, type to cast to in the SELECT).
_SCALARS: dict[str, tuple[IcebergType, str]] = {
    "Bool": (BooleanType(), "Bool"),
    **dict.fromkeys(("Int8", "Int16", "Int32", "UInt8", "UInt16"), (IntegerType(), "Int32")),
    **dict.fromkeys(("Int64", "UInt32", "UInt64"), (LongType(), "Int64")),
    "Float32": (FloatType(), "Float32"),
    "Float64": (DoubleType(), "Float64"),
    **dict.fromkeys(("String", "UUID"), (StringType(), "String")),
    **dict.fromkeys(("Date", "Date32"), (DateType(), "Date32")),
}
_WRAPPER = re.compile(r"(Nullable|LowCardinality)\((.*)\)")
_DECIMAL = re.compile(r"Decimal\((\d+), *(\d+)\)")
_TIMESTAMP = re.compile(r"DateTime(64)?(\(.*\))?")
_LABEL = re.compile(r"(FixedString|Enum8|Enum16)\(.*\)", re.DOTALL)


@dataclass(frozen=True)
class LakeColumn:
    """A column on its way: ``expression`` selects it from ClickHouse in the type that the lake gives it."""

    name: str
    type: IcebergType
    expression: str


def quoted(name: str) -> str:
    """A ClickHouse identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def lake_column(name: str, clickhouse_type: str) -> LakeColumn:
    """ValueError where Iceberg has nothing that holds the type."""
    bare, nullable = _unwrapped(clickhouse_type)
    iceberg, target = _scalar(bare)
    # An unsigned number beyond the signed range is an error, not a negative number.
    convert = "accurateCast" if isinstance(iceberg, IntegerType | LongType) else "CAST"
    cast_to = (f"Nullable({target})" if nullable else target).replace("'", "\\'")
    return LakeColumn(name, iceberg, f"{convert}({quoted(name)}, '{cast_to}') AS {quoted(name)}")


def lake_schema(columns: tuple[LakeColumn, ...]) -> Schema:
    """Every column may be null, so that a mart may grow one."""
    return Schema(
        *(NestedField(number, column.name, column.type, required=False) for number, column in enumerate(columns, start=1))
    )


def _unwrapped(clickhouse_type: str) -> tuple[str, bool]:
    nullable = False
    while match := _WRAPPER.fullmatch(clickhouse_type):
        nullable |= match[1] == "Nullable"
        clickhouse_type = match[2]
    return clickhouse_type, nullable


def _scalar(bare: str) -> tuple[IcebergType, str]:
    if bare in _SCALARS:
        return _SCALARS[bare]
    if match := _DECIMAL.fullmatch(bare):
        digits, scale = int(match[1]), int(match[2])
        if digits <= MAX_DECIMAL_DIGITS:
            return DecimalType(digits, scale), bare
    if _TIMESTAMP.fullmatch(bare):
        return TimestamptzType(), "DateTime64(6, 'UTC')"
    if _LABEL.fullmatch(bare):
        return StringType(), "String"
    raise ValueError(f"type {bare} has no counterpart in Iceberg")
