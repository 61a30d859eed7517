"""Write what is rendered from the contracts, or check that it is committed: ``python -m contracts.render [--check]``."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from contracts import render_clickhouse, render_connector, render_dbt, render_postgres, render_schema
from contracts.events import PURCHASE_EVENT, WEB_EVENT
from contracts.settings import ROOT

RENDERED: dict[str, Callable[[], str]] = {
    "sql/postgres/1_roles.sql": render_postgres.roles,
    "sql/postgres/2_tables.sql": render_postgres.tables,
    "sql/postgres/3_guards.sql": render_postgres.guards,
    "sql/postgres/4_activity.sql": render_postgres.activity,
    "sql/postgres/5_rights.sql": render_postgres.rights,
    "sql/postgres/6_publication.sql": render_postgres.publication,
    "sql/clickhouse/1_databases.sql": render_clickhouse.databases,
    "sql/clickhouse/2_raw.sql": render_clickhouse.raw_tables,
    "sql/clickhouse/3_ml.sql": render_clickhouse.ml_tables,
    "sql/clickhouse/4_ops.sql": render_clickhouse.ops_tables,
    "cdc/connector.json": render_connector.connector,
    "dbt/models/staging/_sources.yml": render_dbt.sources_yaml,
    "contracts/schemas/web_event.json": partial(render_schema.schema, WEB_EVENT),
    "contracts/schemas/purchase_event.json": partial(render_schema.schema, PURCHASE_EVENT),
}


def stale() -> list[Path]:
    """Rendered files whose committed text is not what the contracts give."""
    return [
        path for name, text in RENDERED.items() if (path := ROOT / name) and (not path.exists() or path.read_text() != text())
    ]


def main() -> int:
    outdated = stale()
    if "--check" in sys.argv[1:]:
        for path in outdated:
            print(f"{path.relative_to(ROOT)} differs from contracts/: run `make render`", file=sys.stderr)
        return 1 if outdated else 0
    for path in outdated:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RENDERED[str(path.relative_to(ROOT))]())
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
