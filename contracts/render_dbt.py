"""dbt's description of the tables it reads: ``dbt/models/staging/_sources.yml``."""

import json
from collections.abc import Sequence

from contracts.ml import SOURCES
from contracts.ops import OPS_TABLES
from contracts.render_clickhouse import data_type
from contracts.tables import (
    COMMITTED,
    DELETED,
    EVENT_TABLES,
    INGESTED,
    ML_DATABASE,
    OPS_DATABASE,
    RAW_DATABASE,
    RAW_DEAD_LETTERS,
    RAW_TABLES,
    VERSION,
    ClickHouseTable,
)

HEADER = "# Rendered from contracts/ by `make render`.\n"
# Events arrive all the time; a quiet day of registrations is no fault, and dead letters are best absent.
FRESHNESS_HOURS = 24


def _text(value: str) -> str:
    """A YAML scalar that needs no thought about quoting: a JSON string."""
    return json.dumps(value, ensure_ascii=False)


def _column(name: str, kind: str, doc: str) -> list[str]:
    return [f"          - name: {name}", f"            data_type: {_text(kind)}", f"            description: {_text(doc)}"]


def _freshness(table: ClickHouseTable) -> list[str]:
    if table not in EVENT_TABLES or table is RAW_DEAD_LETTERS:
        return []
    return [
        "        config:",
        f"          loaded_at_field: {INGESTED}",
        "          freshness:",
        f"            warn_after: {{count: {FRESHNESS_HOURS}, period: hour}}",
    ]


def _table(table: ClickHouseTable) -> list[str]:
    doc = f"{table.doc} Key: {', '.join(table.key)}."
    lines = [f"      - name: {table.name}", f"        description: {_text(doc)}"]
    lines += [*_freshness(table), "        columns:"]
    for column in (*table.columns, *((VERSION, DELETED, COMMITTED) if table.replicated else ())):
        lines += _column(column.name, data_type(column), column.doc)
    return [*lines, *_column(INGESTED, "DateTime64(3, 'UTC')", "When ClickHouse took the row.")]


def _source(database: str, doc: str, tables: Sequence[ClickHouseTable]) -> list[str]:
    lines = [f"  - name: {database}", f"    schema: {database}", f"    description: {_text(doc)}", "    tables:"]
    return lines + [line for table in tables for line in _table(table)]


def sources_yaml() -> str:
    lines = ["version: 2", "", "sources:"]
    lines += _source(RAW_DATABASE, "Events and replicated tables as they arrived. Read with FINAL.", RAW_TABLES)
    lines += _source(ML_DATABASE, "Results of the models, by run. Read with FINAL.", SOURCES)
    lines += _source(OPS_DATABASE, "Builds of the warehouse, as dbt/build.py keeps them. Read with FINAL.", OPS_TABLES)
    return HEADER + "\n".join(lines) + "\n"
