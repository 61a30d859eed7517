"""dbt's marts over a random history in a real ClickHouse equal an independent computation, at a past cutoff and today."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import expected_marts as expected
import pytest
from clickhouse_connect.driver.client import Client
from shop_history import DAY, PURCHASE_CONSTANTS, RAW_CONSTANTS, START, History, history
from warehouse_stack import Warehouse, python

from contracts.settings import ROOT

PAST = date(2024, 4, 20)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = {"event_time", "registered_at", "purchased_at", "updated_at"}


def insert(client: Client, table: str, records: Sequence[dict]) -> None:
    columns = list(records[0])
    rows = [
        [EPOCH + timedelta(milliseconds=value) if name in TIMES else value for name, value in record.items()]
        for record in records
    ]
    client.insert(table, rows, column_names=columns)


def load(client: Client, shop: History) -> None:
    """As the sink writes: in no order, a part of it twice; a deleted customer leaves a tombstone behind."""
    web = [{**asdict(event), **RAW_CONSTANTS} for event in shop.web_events]
    states = [{**asdict(event), **PURCHASE_CONSTANTS} for event in shop.purchase_events]
    for table, records in (("raw.web_events", web), ("raw.purchase_events", states)):
        insert(client, table, records)
        insert(client, table, records[::7])
    customers = [{**asdict(customer), "updated_at": customer.registered_at} for customer in shop.customers]
    insert(client, "raw.customers", [{**row, "_lsn": 10, "_deleted": 0} for row in customers])
    insert(
        client, "raw.customers", [{**row, "_lsn": 20, "_deleted": 1} for row in customers if row["customer_id"] in shop.deleted]
    )
    newest = [asdict(purchase.newest) for purchase in expected.purchases(shop, START + 10_000 * DAY)]
    replica = [{name: value for name, value in row.items() if name not in ("event_id", "event_time")} for row in newest]
    insert(
        client,
        "raw.purchases",
        [
            {**row, "updated_at": state["event_time"], "currency": PURCHASE_CONSTANTS["currency"], "_lsn": 1, "_deleted": 0}
            for row, state in zip(replica, newest, strict=True)
        ],
    )


def build(warehouse: Warehouse, *arguments: str) -> SimpleNamespace:
    done = warehouse.run([python("dbt"), str(ROOT / "dbt" / "build.py"), *arguments])
    return SimpleNamespace(code=done.returncode, text=done.stdout + done.stderr)


@pytest.fixture(scope="module")
def shop() -> History:
    return history(seed=20240101)


@pytest.fixture(scope="module", params=[PAST.isoformat(), ""], ids=["past", "present"])
def built(request: pytest.FixtureRequest, warehouse: Warehouse, shop: History) -> SimpleNamespace:
    """The marts as of a day, with what they are compared to: sessions and purchases by the independent road."""
    client = warehouse.client()
    if not request.param:
        assert client.query("SELECT count() FROM marts.build_info").first_row == (1,), "the present is built over the past"
    else:
        load(client, shop)
    result = build(warehouse, "--as-of", request.param)
    assert result.code == 0, result.text
    as_of = PAST if request.param else client.query("SELECT as_of_day FROM marts.build_info").first_row[0]
    cutoff = int(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp() * 1000) + DAY
    return SimpleNamespace(
        client=client,
        as_of=as_of,
        asked=request.param,
        cutoff=cutoff,
        sessions=expected.sessions(shop, cutoff),
        purchases=expected.purchases(shop, cutoff),
        text=result.text,
    )


def rows(client: Client, select: str) -> list[tuple]:
    return sorted((tuple(row) for row in client.query(select).result_rows), key=repr)


def milliseconds(*columns: str) -> str:
    return ", ".join(f"toUnixTimestamp64Milli({column})" for column in columns)


def test_history_holds_the_edges(built: SimpleNamespace) -> None:
    assert len(built.sessions) > 300
    assert len(built.purchases) > 80
    assert any(purchase.refunded for purchase in built.purchases)
    gaps = {
        later.event_time - earlier.event_time
        for session in built.sessions
        for earlier, later in zip(session.events, session.events[1:], strict=False)
    }
    assert {0, 30 * 60_000} <= gaps


def test_sessions(built: SimpleNamespace) -> None:
    select = f"""SELECT customer_id, session_number, {milliseconds("started_at", "ended_at")}, events, views, carts, removals,
        checkouts, purchases, funnel_step, cart_value, abandoned_value, device, country, channel FROM marts.fct_sessions"""
    assert rows(built.client, select) == sorted(normal(expected.fct_sessions(built.sessions)), key=repr)


def test_purchases(built: SimpleNamespace) -> None:
    select = f"""SELECT purchase_id, customer_id, status, {milliseconds("purchased_at", "updated_at")}, category, quantity,
        amount, discount, refund, net_amount FROM marts.fct_purchases"""
    assert rows(built.client, select) == sorted(normal(expected.fct_purchases(built.purchases)), key=repr)


def test_funnel(built: SimpleNamespace) -> None:
    select = """SELECT day, device, country, channel, sessions, viewed, carted, checked_out, purchased, reached_view,
        reached_cart, reached_checkout, reached_purchase FROM marts.funnel_daily"""
    assert rows(built.client, select) == sorted(expected.funnel_daily(built.sessions), key=repr)


def test_events_daily(built: SimpleNamespace) -> None:
    select = "SELECT day, event_type, country, device, channel, events, customers FROM marts.fct_web_events_daily"
    assert rows(built.client, select) == sorted(expected.events_daily(built.sessions), key=repr)


def test_revenue(built: SimpleNamespace) -> None:
    select = "SELECT day, country, category, purchases, units, gross, discounts, refunds, net FROM marts.revenue_daily"
    assert rows(built.client, select) == sorted(normal(expected.revenue_daily(built.purchases)), key=repr)


def test_clv_summary(built: SimpleNamespace) -> None:
    found = {
        row[0]: tuple(row[1:])
        for row in rows(built.client, "SELECT customer_id, frequency, recency, T, monetary_value FROM marts.clv_summary")
    }
    assert found == expected.clv_summary(built.purchases, built.as_of)


def test_customers(built: SimpleNamespace, shop: History) -> None:
    select = f"""SELECT customer_id, is_registered, {milliseconds("registered_at")}, country, channel, device,
        {milliseconds("first_purchase_at", "last_purchase_at")}, purchases, net_revenue, sessions, {milliseconds("last_seen_at")}
        FROM marts.dim_customers"""
    found = rows(built.client, select)
    assert found == sorted(normal(expected.dim_customers(shop, built.sessions, built.purchases, built.cutoff)), key=repr)
    assert not shop.deleted & {row[0] for row in found}
    assert "stranger" in {row[0] for row in found}


def test_features(built: SimpleNamespace, shop: History) -> None:
    """All that is known at the cutoff; the history goes on after the first of them, and none of it shows."""
    found = {row["customer_id"]: row for row in built.client.query("SELECT * FROM marts.customer_features").named_results()}
    wanted = expected.customer_features(shop, built.sessions, built.purchases, built.as_of, built.cutoff)
    assert found == {row["customer_id"]: row for row in wanted}


def test_layers_reconcile(built: SimpleNamespace) -> None:
    counts = rows(built.client, "SELECT entity, rows, amount FROM marts.layer_counts")
    assert len({entity for entity, _, _ in counts}) == 6
    for entity in {entity for entity, _, _ in counts}:
        assert len({row[1] for row in counts if row[0] == entity}) == 1, entity
        assert len({row[2] for row in counts if row[0] == entity and row[2] is not None}) <= 1, entity


def test_build_says_what_it_built(built: SimpleNamespace, warehouse: Warehouse) -> None:
    assert rows(built.client, "SELECT as_of, as_of_day FROM marts.build_info") == [(built.asked, built.as_of)]
    summary = json.loads((warehouse.var / "dbt" / "summary.json").read_text())
    assert summary["ok"]
    assert summary["tests"]["failed"] == summary["tests"]["warned"] == summary["tests"]["skipped"] == 0
    assert {node["name"]: node["rows"] for node in summary["nodes"]}["fct_sessions"] == len(built.sessions)
    assert "fct_sessions" in built.text


@pytest.mark.parametrize(
    ("day", "complaint"), [("2024-02-30", "is not a date"), ("yesterday", "is not a date"), ("2999-01-01", "has not come yet")]
)
def test_a_day_that_is_none_is_refused(warehouse: Warehouse, day: str, complaint: str) -> None:
    result = build(warehouse, "--as-of", day)
    assert result.code == 1
    assert f"AS_OF={day}" in result.text.replace("'", "")
    assert complaint in result.text
    assert "Traceback" not in result.text


@pytest.mark.parametrize("built", [""], indirect=True, ids=["present"])
def test_a_failing_test_fails_the_build(built: SimpleNamespace, warehouse: Warehouse, shop: History) -> None:
    bad = {**asdict(shop.purchase_events[0]), **PURCHASE_CONSTANTS, "event_id": "bad", "purchase_id": "bad", "status": "lost"}
    insert(built.client, "raw.purchase_events", [bad])
    result = build(warehouse, "--as-of", "", "--select", "int_purchase_events")
    assert result.code == 1
    assert "in_vocabulary_int_purchase_events_status" in result.text
    built.client.command("DELETE FROM raw.purchase_events WHERE purchase_id = 'bad'")


def normal(records: list[tuple]) -> list[tuple]:
    """Amounts with the four decimals that the marts give."""
    return [
        tuple(value.quantize(expected.Decimal("0.0001")) if isinstance(value, expected.Decimal) else value for value in row)
        for row in records
    ]
