"""The live tables in Postgres: every chart's query runs with the rights that Superset has there, the watch and the checks read
as the same role, an older state changes nothing, and what is too old goes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from chart_queries import chart_queries
from lake_stack import Lake, running_lake

from contracts.settings import Settings
from contracts.tables import LIVE_TABLES, RETAINED_TABLES, PostgresTable
from contracts.topics import CDC_SLOT
from contracts.types import Type
from runner import retention
from verify import settle, stores
from verify.slot import slot
from watch import readings

QUERIES = list(chart_queries("live"))
THEN = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("live") / "var", "postgres_schema") as running:
        yield running


@pytest.fixture(scope="module")
def flink(lake: Lake) -> Iterator[psycopg.Connection]:
    """The connection of the one who writes."""
    with psycopg.connect(lake.settings.postgres_dsn("flink"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def shop(lake: Lake, flink: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Superset's connection to a few rows of today."""
    fill(flink)
    with psycopg.connect(lake.settings.postgres_dsn("bi"), autocommit=True) as connection:
        yield connection


def fill(flink: psycopg.Connection) -> None:
    labels = "'mobile', 'DE', 'email'"
    flink.execute(f"""INSERT INTO live.sessions SELECT 's' || n, 'c', now(), now(), 1, 1, 1, 0, 1, 1, n, 10, 0, {labels}
        FROM generate_series(0, 4) n""")
    flink.execute("INSERT INTO live.web_minute_metrics SELECT date_trunc('minute', now()), 'view', 'DE', 'mobile', 3, 2, now()")
    flink.execute("""INSERT INTO live.purchase_minute_metrics
        SELECT date_trunc('minute', day), 'DE', 'toys', 1, 1, 2, 20, 5, 0, 1, day
        FROM generate_series(now() - interval '2 days', now(), interval '1 day') day""")
    flink.execute(f"""INSERT INTO live.purchases VALUES
        ('p', 'c', 's1', 'placed', now(), 'x', 'toys', 'b', 2, 20, 5, 'EUR', {labels}, now())""")


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.chart)
def test_a_chart_has_rows(shop: psycopg.Connection, query) -> None:
    rows = shop.execute(query.sql).fetchall()
    assert rows and any(value is not None for value in rows[0])


def test_today_is_told_from_yesterday(shop: psycopg.Connection) -> None:
    """Two days ago is neither."""
    (query,) = (query for query in QUERIES if query.chart == "Revenue today against yesterday")
    assert {(row[1], row[2]) for row in shop.execute(query.sql).fetchall()} == {("today", 15), ("yesterday", 15)}


def test_superset_cannot_write(shop: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        shop.execute("DELETE FROM live.sessions")
    shop.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.execute("DELETE FROM live.sessions")


@pytest.fixture
def as_bi(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects has the password of the role bi and no other."""
    others = {name for name in lake.settings.values if name.endswith("_PASSWORD")} - {"BI_PASSWORD"}
    own = Settings({name: value for name, value in lake.settings.values.items() if name not in others})
    monkeypatch.setattr(stores, "settings", lambda: own)


@pytest.mark.usefixtures("as_bi")
def test_the_watch_and_what_waits_for_the_slot_read_as_the_same_role(lake: Lake) -> None:
    with psycopg.connect(lake.settings.postgres_dsn("postgres"), autocommit=True) as superuser:
        superuser.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (CDC_SLOT,))
    found = {(each.name, *each.labels.values()) for each in readings.postgres()}
    assert found == {
        ("slot_active",), ("slot_retained_bytes",),
        ("freshness_seconds", "Postgres, web"), ("freshness_seconds", "Postgres, purchases"),
    }  # fmt: skip
    assert slot().differences == [f"slot {CDC_SLOT}: no consumer"]
    with stores.shop() as connection:
        target = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
    assert settle._behind(target) >= 0


@pytest.mark.usefixtures("as_bi")
def test_a_check_may_take_longer_than_a_person_s_query(shop: psycopg.Connection) -> None:
    assert shop.execute("SHOW statement_timeout").fetchone() == ("1min",)
    with stores.shop() as checker, stores.shop(query_seconds=5) as watcher:
        assert [each.execute("SHOW statement_timeout").fetchone()[0] for each in (checker, watcher)] == ["1h", "5s"]
        assert checker.execute("SHOW transaction_read_only").fetchone() == ("on",)


def state(table: PostgresTable, number: int) -> dict[str, object]:
    """Row ``number`` of one key: all else that it holds grows with the number."""
    values = {
        Type.TEXT: str(number), Type.LABEL: str(number), Type.INTEGER: number, Type.BIGINT: number, Type.MONEY: number,
        Type.TIMESTAMP: THEN + timedelta(minutes=number), Type.DATE: THEN.date() + timedelta(days=number),
    }  # fmt: skip
    same = {Type.TEXT: "of-a-test", Type.LABEL: "of-a-test", Type.TIMESTAMP: THEN, Type.DATE: THEN.date()}
    return {column.name: (same if column.name in table.key else values)[column.type] for column in table.columns}


def upsert(flink: psycopg.Connection, table: PostgresTable, row: dict[str, object]) -> None:
    """As the JDBC sink writes."""
    values = ", ".join(f"%({name})s" for name in row)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in row if name not in table.key)
    flink.execute(
        f"INSERT INTO {table.qualified} ({', '.join(row)}) VALUES ({values})"
        f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changes}",
        row,
    )


def held(flink: psycopg.Connection, table: PostgresTable, row: dict[str, object]) -> dict[str, object]:
    """The row of the same key."""
    key = " AND ".join(f"{name} = %({name})s" for name in table.key)
    (found,) = flink.execute(f"SELECT {', '.join(row)} FROM {table.qualified} WHERE {key}", row).fetchall()
    return dict(zip(row, found, strict=True))


@pytest.mark.parametrize("table", LIVE_TABLES, ids=lambda table: table.name)
def test_a_newer_state_replaces_the_row_and_an_older_one_leaves_it(flink: psycopg.Connection, table: PostgresTable) -> None:
    older, row, newer = (state(table, number) for number in (1, 2, 3))
    equal = {**state(table, 4), table.guard: newer[table.guard]}
    with flink.transaction(force_rollback=True):
        for written, expected in ((row, row), (newer, newer), (older, newer), (equal, equal)):
            upsert(flink, table, written)
            assert held(flink, table, written) == expected


def test_minutes_beyond_the_retention_are_deleted(lake: Lake, flink: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "settings", lambda: lake.settings)
    limit = datetime.now(UTC).replace(microsecond=0) - timedelta(days=lake.settings.live_retention_days)
    young, old = limit + timedelta(hours=1), limit - timedelta(minutes=1)
    for table in RETAINED_TABLES:
        for minute in (young, old, old - timedelta(days=9)):
            upsert(flink, table, state(table, 1) | {"minute_at": minute})
    assert retention.delete_expired() == {table.qualified: 2 for table in RETAINED_TABLES}
    for table in RETAINED_TABLES:
        oldest = flink.execute(f"SELECT min(minute_at) FROM {table.qualified}").fetchone()
        assert oldest == (young,)
