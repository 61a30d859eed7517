"""ClickHouse DDL: databases, and the tables that the sink fills. Every statement may run again."""

from contracts.ml import ML_TABLES
from contracts.ops import OPS_TABLES
from contracts.tables import (
    COMMITTED,
    DELETED,
    INGESTED,
    LAYER_DATABASES,
    ML_DATABASE,
    OPS_DATABASE,
    RAW_DATABASE,
    RAW_TABLES,
    VERSION,
    ClickHouseTable,
)
from contracts.types import Column


def databases() -> str:
    names = (RAW_DATABASE, *LAYER_DATABASES, ML_DATABASE, OPS_DATABASE)
    return "".join(f"CREATE DATABASE IF NOT EXISTS {name};\n" for name in names)


def data_type(column: Column) -> str:
    kind = column.type.clickhouse
    if not column.nullable:
        return kind
    # Nullable goes inside LowCardinality, outside everything else.
    return kind.replace("(String)", "(Nullable(String))") if kind.startswith("LowCardinality") else f"Nullable({kind})"


def _column(column: Column) -> str:
    doc = column.doc.replace("'", "\\'")
    return f"  {column.name} {data_type(column)} COMMENT '{doc}'"


def table(wanted: ClickHouseTable) -> str:
    """A ReplacingMergeTree over the table's key: a redelivered row replaces itself.

    Of a replica the row with the highest WAL position wins; a deleted row stays as a tombstone that FINAL hides.
    """
    columns = [_column(column) for column in wanted.columns]
    engine = "ReplacingMergeTree"
    if wanted.replicated:
        columns += [_column(column) for column in (VERSION, DELETED, COMMITTED)]
        engine = f"ReplacingMergeTree({VERSION.name}, {DELETED.name})"
    columns.append(f"  {INGESTED} DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'")
    body = ",\n".join(columns)
    partition = f"\nPARTITION BY {wanted.partition_by}" if wanted.partition_by else ""
    doc = wanted.doc.replace("'", "\\'")
    return (
        f"CREATE TABLE IF NOT EXISTS {wanted.qualified} (\n{body}\n)\n"
        f"ENGINE = {engine}{partition}\nORDER BY ({', '.join(wanted.key)})\nCOMMENT '{doc}';\n"
    )


def raw_tables() -> str:
    return "\n".join(table(raw) for raw in RAW_TABLES)


def ml_tables() -> str:
    return "\n".join(table(results) for results in ML_TABLES)


def ops_tables() -> str:
    return "\n".join(table(about) for about in OPS_TABLES)
