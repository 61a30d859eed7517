"""Postgres DDL: schemas, tables, indexes, guards, roles' rights, publication. Every statement may run again."""

from contracts.settings import TOOL_ROLES
from contracts.tables import (
    ACTIVITY_DAYS,
    CUSTOMER_ACTIVITY,
    CUSTOMER_DAYS,
    LIVE_TABLES,
    POSTGRES_TABLES,
    REPLICATED_TABLES,
    SHOP_TABLES,
    PostgresTable,
)
from contracts.topics import CDC_HEARTBEAT_TABLE, CDC_PUBLICATION
from contracts.types import Column

# Login roles beside those of the tools; passwords are set from settings, never written here.
SHOP_ROLES = ("shop", "flink", "debezium", "bi")


def roles() -> str:
    """Roles without passwords: they cannot log in until one is set."""
    statements = [
        f"DO $$ BEGIN\n  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN\n"
        f"    CREATE ROLE {role} LOGIN;\n  END IF;\nEND $$;"
        for role in (*SHOP_ROLES, *TOOL_ROLES)
    ]
    statements += ["ALTER ROLE debezium REPLICATION;", "ALTER ROLE bi SET default_transaction_read_only = on;"]
    statements += ["ALTER ROLE bi SET statement_timeout = '60s';", "ALTER ROLE bi CONNECTION LIMIT 20;"]
    return "\n".join(statements) + "\n"


def _column(column: Column) -> str:
    return f"  {column.name} {column.type.postgres}{'' if column.nullable else ' NOT NULL'}"


def _table(table: PostgresTable) -> str:
    lines = [*(_column(column) for column in table.columns), f"  PRIMARY KEY ({', '.join(table.key)})"]
    body = ",\n".join(lines)
    comments = "\n".join(
        f"COMMENT ON COLUMN {table.qualified}.{column.name} IS '{column.doc.replace(chr(39), chr(39) * 2)}';"
        for column in table.columns
    )
    doc = table.doc.replace("'", "''")
    create = f"CREATE TABLE IF NOT EXISTS {table.qualified} (\n{body}\n);"
    indexes = "".join(
        f"CREATE INDEX IF NOT EXISTS {table.name}_{column}_idx ON {table.qualified} ({column});\n" for column in table.indexes
    )
    return f"{create}\n{indexes}COMMENT ON TABLE {table.qualified} IS '{doc}';\n{comments}\n"


def tables() -> str:
    """Schemas, tables and the heartbeat that lets an idle database free its WAL."""
    schemas = "\n".join(f"CREATE SCHEMA IF NOT EXISTS {schema};" for schema in ("shop", "live", "cdc"))
    beat = "id integer PRIMARY KEY,\n  beat_at timestamp with time zone NOT NULL"
    heartbeat = f"CREATE TABLE IF NOT EXISTS {CDC_HEARTBEAT_TABLE} (\n  {beat}\n);\n"
    return f"{schemas}\n\n" + "\n".join(_table(table) for table in POSTGRES_TABLES) + f"\n{heartbeat}"


def activity() -> str:
    """The view of each customer's last days, summed when it is read: no row has to change for a day to pass."""
    counted = [column.name for column in CUSTOMER_DAYS.columns if column.name.endswith("_events")]
    sums = ",\n".join(
        f"  coalesce(sum({name}) FILTER (WHERE day > today - {days}), 0) AS {name}_{days}d"
        for days in ACTIVITY_DAYS
        for name in (*counted, "orders", "value")
    )
    return f"""CREATE OR REPLACE VIEW {CUSTOMER_ACTIVITY} AS
SELECT
  customer_id,
{sums},
  max(last_event_at) AS last_seen_at,
  max(last_purchase_at) AS last_purchase_at,
  sum(orders) AS orders,
  sum(value) AS value
FROM {CUSTOMER_DAYS.qualified}, LATERAL (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS clock
GROUP BY customer_id;
COMMENT ON VIEW {CUSTOMER_ACTIVITY} IS 'One row per customer seen: the last days, today included, and the running value.';
"""


def guards() -> str:
    """One trigger a guarded table: an older state leaves the row as it is."""
    statements = []
    for table in LIVE_TABLES:
        name = f"{table.name}_guard"
        statements.append(
            f"CREATE OR REPLACE FUNCTION live.{name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            f"BEGIN\n  IF NEW.{table.guard} < OLD.{table.guard} THEN\n    RETURN NULL;\n  END IF;\n  RETURN NEW;\nEND $$;\n"
            f"CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE ON {table.qualified}\n"
            f"  FOR EACH ROW EXECUTE FUNCTION live.{name}();\n"
        )
    return "\n".join(statements)


def rights() -> str:
    """Least privilege: each role reaches its own tables only."""
    replicated = ", ".join(table.qualified for table in REPLICATED_TABLES)
    public = "\n".join(
        f"GRANT SELECT ({', '.join(column.name for column in table.replicated)}) ON {table.qualified} TO bi;"
        for table in POSTGRES_TABLES
    )
    return f"""REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA shop TO shop, debezium, bi;
GRANT USAGE ON SCHEMA live TO flink, debezium, bi;
GRANT USAGE ON SCHEMA cdc TO debezium;
GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(table.qualified for table in SHOP_TABLES)} TO shop;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA live TO flink;
GRANT SELECT ON {replicated} TO debezium;
GRANT SELECT, INSERT, UPDATE ON {CDC_HEARTBEAT_TABLE} TO debezium;
{public}
GRANT SELECT ON {CUSTOMER_ACTIVITY} TO bi;
"""


def publication() -> str:
    """The tables Debezium reads; the heartbeat is in it, so that its changes move the slot along."""
    tables_list = ", ".join([*(table.qualified for table in REPLICATED_TABLES), CDC_HEARTBEAT_TABLE])
    return f"""DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = '{CDC_PUBLICATION}') THEN
    CREATE PUBLICATION {CDC_PUBLICATION};
  END IF;
END $$;
ALTER PUBLICATION {CDC_PUBLICATION} SET TABLE {tables_list};
"""
