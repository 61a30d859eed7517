"""Every query of the live charts runs in Postgres with the rights that Superset has there; writing is refused. The watch and
the checks read as the same role."""

import os
import signal
from collections.abc import Iterator

import psycopg
import pytest
from chart_queries import chart_queries
from lake_stack import Lake
from warehouse_stack import own_environment

from contracts.settings import Settings
from contracts.topics import CDC_SLOT
from runner import processes
from tests.ports import free_offset
from verify import settle, stores
from verify.slot import slot
from watch import readings

QUERIES = list(chart_queries("live"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Of a Postgres with a few rows of today."""
    var = tmp_path_factory.mktemp("live") / "var"
    inherited = {name: value for name, value in own_environment(var).items() if not name.endswith(("_PORT", "_URL"))}
    stack = Lake({**inherited, "PORT_OFFSET": str(free_offset()), "ENV_FILE": str(var.parent / ".env")}, var)
    try:
        up = stack.runner("runner", "up", "postgres_schema")
        assert up.returncode == 0, up.stdout + up.stderr
        settings = Settings(stack.environment)
        with psycopg.connect(settings.postgres_dsn("flink", settings.postgres_database), autocommit=True) as flink:
            fill(flink)
        yield settings
    finally:
        stack.runner("runner.stop", "--remove-data")
        for pid in processes.marked(var):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def shop(live: Settings) -> Iterator[psycopg.Connection]:
    """Superset's connection."""
    with psycopg.connect(live.postgres_dsn("bi", live.postgres_database), autocommit=True) as connection:
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
def as_bi(live: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects has the password of the role bi and no other."""
    others = {name for name in live.values if name.endswith("_PASSWORD")} - {"BI_PASSWORD"}
    own = Settings({name: value for name, value in live.values.items() if name not in others})
    monkeypatch.setattr(stores, "settings", lambda: own)


@pytest.mark.usefixtures("as_bi")
def test_the_watch_and_what_waits_for_the_slot_read_as_the_same_role(live: Settings) -> None:
    with psycopg.connect(live.postgres_dsn("postgres", live.postgres_database), autocommit=True) as superuser:
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
