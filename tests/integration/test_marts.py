"""dbt's marts over a random history in a real ClickHouse equal an independent computation, at a past cutoff and today."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import expected_churn
import expected_experiments
import expected_funnel
import expected_growth
import expected_marts as expected
import pytest
import yaml
from chart_queries import ChartQuery, chart_queries
from clickhouse_connect.driver.client import Client
from shop_history import DAY, PURCHASE_CONSTANTS, RAW_CONSTANTS, START, History, history
from warehouse_stack import Warehouse, python

from contracts.churn import audit_cutoffs, feature_cutoffs
from contracts.settings import ROOT
from contracts.tables import INGESTED, RAW_WEB_EVENTS

# The history goes on for weeks after it.
PAST = date(2024, 6, 28)
# As long as some pauses, to the millisecond; the default is days.
SHORT_WINDOW = 30
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = {"event_time", "registered_at", "purchased_at", "updated_at", "started_at", "ended_at"}


def insert(client: Client, table: str, records: Sequence[dict]) -> None:
    rows = [[as_stored(name, value) for name, value in record.items()] for record in records]
    client.insert(table, rows, column_names=list(records[0]))


def as_stored(name: str, value: object) -> object:
    return EPOCH + timedelta(milliseconds=value) if name in TIMES and isinstance(value, int) else value


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


def load_results(client: Client) -> None:
    """What comes from elsewhere: two runs of the segmentation, a dead letter."""
    insert(client, "ml.customer_segments", [{"run_id": "new", "as_of": PAST, "customer_id": "c05", "segment_name": "loyal"}])
    for run_id, day, sizes in (("old", 1, {"loyal": 3}), ("new", 2, {"loyal": 1, "lost": 9})):
        run = {"run_id": run_id, "as_of": PAST, "computed_at": EPOCH + timedelta(days=day)}
        named = ({"segment": place, "segment_name": name, "customers": size} for place, (name, size) in enumerate(sizes.items()))
        insert(client, "ml.segment_profiles", [run | profile for profile in named])
    insert(client, "raw.dead_letters", [{"reason": "bad_time", "stream": "web_event", "source_topic": "web_events"}])


def build(warehouse: Warehouse, *arguments: str, **changes: str) -> SimpleNamespace:
    done = warehouse.run([python("dbt"), str(ROOT / "dbt" / "build.py"), *arguments], **changes)
    return SimpleNamespace(code=done.returncode, text=done.stdout + done.stderr)


COHORT_COLUMNS = (
    "cohort_month, months_since, month, customers, is_complete, active_customers, buyers, revenue, active_share, buyer_share"
)


@pytest.fixture(scope="module")
def closed_cells() -> list[tuple]:
    """What the past knew of months that were over."""
    return []


@pytest.fixture(scope="module")
def shop() -> History:
    return history(seed=20240101)


@pytest.fixture(scope="module", params=[PAST.isoformat(), ""], ids=["past", "present"])
def built(request: pytest.FixtureRequest, warehouse: Warehouse, shop: History) -> SimpleNamespace:
    """The marts as of a day, with what they are compared to: sessions and purchases by the independent road.

    In the past the shop has had no experiments yet, and the funnel's window is short.
    """
    client, window = warehouse.client(), {}
    if not request.param:
        assert client.query("SELECT count() FROM marts.build_info").first_row == (1,), "the present is built over the past"
        load_results(client)
        insert(client, "raw.experiments", [{**asdict(variant), "_lsn": 10, "_deleted": 0} for variant in shop.variants])
    else:
        load(client, shop)
        shop, window = replace(shop, variants=[]), {"FUNNEL_WINDOW_MINUTES": str(SHORT_WINDOW)}
    result = build(warehouse, "--as-of", request.param, *(["--unit-tests"] if request.param else []), **window)
    assert result.code == 0, result.text
    summary = json.loads((warehouse.var / "dbt" / "summary.json").read_text())
    started = datetime.fromisoformat(summary["started_at"])
    as_of = PAST if request.param else started.date()
    kinds = Counter(node["kind"] for node in summary["nodes"])
    return compared(client, shop, as_of, started, request.param, result.text, kinds)


def compared(
    client: Client, shop: History, as_of: date, started: datetime, asked: str, text: str, kinds: Counter[str]
) -> SimpleNamespace:
    cutoff = expected_growth.begins(as_of) + DAY
    purchases = expected.purchases(shop, cutoff)
    refunds = expected.refunds(shop, cutoff)
    return SimpleNamespace(
        client=client,
        shop=shop,
        as_of=as_of,
        asked=asked,
        cutoff=cutoff,
        known_until=min(cutoff, int(started.timestamp() * 1000)),
        window=SHORT_WINDOW if asked else 7 * 24 * 60,
        sessions=expected.sessions(shop, cutoff),
        purchases=purchases,
        refunds=refunds,
        revenue=expected.revenue_daily(purchases, refunds),
        text=text,
        kinds=kinds,
    )


def rows(client: Client, select: str) -> list[tuple]:
    return sorted((tuple(row) for row in client.query(select).result_rows), key=repr)


def rows_by_name(client: Client, select: str, *key: str) -> dict[tuple, dict]:
    return {tuple(row[name] for name in key): row for row in client.query(select).named_results()}


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


def test_unit_tests_run_where_asked_for(built: SimpleNamespace) -> None:
    files = map(yaml.safe_load, (path.read_text() for path in (ROOT / "dbt" / "models").rglob("*.yml")))
    declared = sum(len(file.get("unit_tests", [])) for file in files)
    assert declared > 20
    assert built.kinds["unit_test"] == (declared if built.asked else 0)
    assert built.kinds["test"] > 90


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
        reached_cart, reached_checkout, reached_purchase, sessions_to_view, sessions_to_cart, sessions_to_checkout,
        sessions_to_purchase, session_cart_ms, session_checkout_ms, session_purchase_ms, customers_to_view, customers_to_cart,
        customers_to_checkout, customers_to_purchase, customer_cart_ms, customer_checkout_ms, customer_purchase_ms
        FROM marts.funnel_daily"""
    assert rows(built.client, select) == sorted(expected_funnel.funnel_daily(built.sessions, built.window), key=repr)
    assert built.client.query("SELECT DISTINCT window_minutes FROM marts.funnel_daily").result_rows == [(built.window,)]


def test_events_daily(built: SimpleNamespace) -> None:
    select = "SELECT day, event_type, country, device, channel, events, customers FROM marts.fct_web_events_daily"
    assert rows(built.client, select) == sorted(expected.events_daily(built.sessions), key=repr)


def test_revenue(built: SimpleNamespace) -> None:
    select = """SELECT day, country, category, customer_type, purchases, units, gross, discounts, refunds, net
        FROM marts.revenue_daily"""
    assert rows(built.client, select) == sorted(normal(built.revenue), key=repr)


def test_clv_summary(built: SimpleNamespace) -> None:
    found = {
        row[0]: tuple(row[1:])
        for row in rows(built.client, "SELECT customer_id, frequency, recency, T, monetary_value FROM marts.clv_summary")
    }
    assert found == expected.clv_summary(built.purchases, built.as_of)


def test_customers(built: SimpleNamespace, shop: History) -> None:
    select = f"""SELECT customer_id, is_registered, {milliseconds("registered_at")}, country, channel, device,
        {milliseconds("first_purchase_at", "last_purchase_at")}, purchases, net_revenue, sessions, {milliseconds("last_seen_at")},
        status FROM marts.dim_customers"""
    found = rows(built.client, select)
    assert found == sorted(normal(expected.dim_customers(shop, built.sessions, built.purchases, built.cutoff)), key=repr)
    assert not shop.deleted & {row[0] for row in found}
    assert "stranger" in {row[0] for row in found}


def test_rfm_scores(built: SimpleNamespace) -> None:
    select = "SELECT customer_id, rfm_recency, rfm_frequency, rfm_monetary FROM marts.dim_customers WHERE purchases > 0"
    assert {row[0]: row[1:] for row in rows(built.client, select)} == expected.rfm(built.purchases)


def test_registrations(built: SimpleNamespace) -> None:
    select = "SELECT month, country, channel, registrations, buyers_30d, is_complete FROM marts.registrations_monthly"
    wanted = expected_growth.registrations_monthly(built.shop, built.purchases, built.cutoff, built.known_until)
    assert rows(built.client, select) == sorted(wanted, key=repr)


def test_cohorts(built: SimpleNamespace) -> None:
    wanted = expected_growth.retention_cohorts(
        built.shop, built.sessions, built.purchases, built.refunds, built.cutoff, built.known_until
    )
    found = rows(built.client, f"SELECT {COHORT_COLUMNS} FROM marts.retention_cohorts")
    assert found == sorted(normal(wanted), key=repr)
    assert any(row[5] is None for row in found) and any(row[5] for row in found)


def test_a_closed_month_stays_as_it_was(built: SimpleNamespace, closed_cells: list[tuple]) -> None:
    found = rows(built.client, f"SELECT {COHORT_COLUMNS} FROM marts.retention_cohorts WHERE is_complete")
    if built.asked:
        closed_cells += found
    assert closed_cells
    assert set(closed_cells) <= set(found)
    if not built.asked:
        assert len(found) > len(closed_cells)


def test_countries(built: SimpleNamespace) -> None:
    select = """SELECT month, country, is_complete, registrations, sessions, visitors, sessions_with_purchase, buyers, purchases,
        units, gross, discounts, refunds, net FROM marts.country_performance"""
    wanted = expected_growth.country_performance(
        built.shop, built.sessions, built.purchases, built.revenue, built.cutoff, built.known_until
    )
    assert rows(built.client, select) == sorted(normal(wanted), key=repr)


def test_categories(built: SimpleNamespace) -> None:
    select = """SELECT month, category, is_complete, views, viewers, carts, buyers, purchases, units, gross, discounts, refunds,
        net FROM marts.category_performance"""
    wanted = expected_growth.category_performance(built.sessions, built.purchases, built.revenue, built.known_until)
    assert rows(built.client, select) == sorted(normal(wanted), key=repr)


def test_cart_sessions(built: SimpleNamespace) -> None:
    select = f"""SELECT customer_id, session_number, {milliseconds("first_cart_at", "last_cart_at")}, weekday, hour,
        seconds_to_cart, events_before, views_before, searches_before, prior_sessions, prior_cart_sessions,
        prior_purchase_sessions, carts, units, products, categories, highest_price, cart_value, is_checked_out, is_abandoned,
        abandoned_value, device, country, channel, variant FROM marts.cart_sessions"""
    exposed = expected_experiments.exposures(built.shop, built.sessions, built.purchases, built.cutoff)
    found = rows(built.client, select)
    assert found == sorted(normal(expected_growth.cart_sessions(built.sessions, exposed)), key=repr)
    # On the past day no experiment had begun.
    assert {row[-1] for row in found} == {"none"} if built.asked else len({row[-1] for row in found}) > 1


def test_churn_features(built: SimpleNamespace) -> None:
    found = rows_by_name(built.client, "SELECT * FROM marts.churn_features", "cutoff_day", "customer_id")
    wanted = expected_churn.churn_features(built.shop, built.purchases, feature_cutoffs(built.as_of), built.known_until)
    assert found == {(row["cutoff_day"], row["customer_id"]): row for row in wanted}
    assert len(next(iter(found.values()))) - len(("cutoff_day", "customer_id", "label")) >= 18
    labels = {row["label"] for row in found.values()}
    assert labels == {0, 1, None} if built.asked else labels == {1, None}


def test_churn_label_audit(built: SimpleNamespace) -> None:
    select = """SELECT cutoff_day, horizon_days, customers, churned, churn_rate, came_back_30d, came_back_30d_share,
        came_back_90d, came_back_90d_share FROM marts.churn_label_audit"""
    wanted = expected_churn.churn_label_audit(built.purchases, audit_cutoffs(built.as_of), built.known_until)
    assert rows(built.client, select) == sorted(wanted, key=repr)
    assert wanted


def test_experiment_exposures(built: SimpleNamespace) -> None:
    select = f"""SELECT experiment, customer_id, variant, bucket, {milliseconds("exposed_at", "observed_until")}, bought_before,
        device, country, channel FROM marts.experiment_exposures"""
    wanted = expected_experiments.exposures(built.shop, built.sessions, built.purchases, built.cutoff)
    assert rows(built.client, select) == sorted(wanted, key=repr)
    assert bool(wanted) is not bool(built.asked)


def test_experiment_results(built: SimpleNamespace) -> None:
    found = rows_by_name(built.client, "SELECT * FROM marts.experiment_results", "experiment", "variant")
    exposed = expected_experiments.exposures(built.shop, built.sessions, built.purchases, built.cutoff)
    wanted = expected_experiments.results(built.shop, exposed, built.sessions, built.purchases, built.cutoff)
    assert found.keys() == wanted.keys()
    for key, row in wanted.items():
        shown = {name: float(value) if isinstance(value, Decimal) else value for name, value in found[key].items()}
        for name in shown.keys() & row.keys():
            assert shown[name] == (None if row[name] is None else pytest.approx(float(row[name]), abs=1e-12)), (key, name)
        assert len(shown.keys() & row.keys()) >= 15


@pytest.mark.parametrize("built", [""], indirect=True, ids=["present"])
@pytest.mark.parametrize("query", list(chart_queries("history")), ids=lambda query: query.chart)
def test_a_chart_has_rows(built: SimpleNamespace, warehouse: Warehouse, query: ChartQuery) -> None:
    """As the user that Superset has, who may only read."""
    rows = warehouse.client("bi").query(query.sql).result_rows
    assert rows and any(value is not None for value in rows[0])


def test_features(built: SimpleNamespace, shop: History) -> None:
    """All that is known at the cutoff; the history goes on after the first of them, and none of it shows."""
    found = {row["customer_id"]: row for row in built.client.query("SELECT * FROM marts.customer_features").named_results()}
    wanted = expected.customer_features(shop, built.sessions, built.purchases, built.as_of, built.cutoff)
    assert found == {row["customer_id"]: row for row in wanted}


def test_layers_reconcile(built: SimpleNamespace) -> None:
    counts = rows(built.client, "SELECT entity, rows, amount FROM marts.layer_counts")
    assert len({entity for entity, _, _ in counts}) == 7
    for entity in {entity for entity, _, _ in counts}:
        assert len({row[1] for row in counts if row[0] == entity}) == 1, entity
        assert len({row[2] for row in counts if row[0] == entity and row[2] is not None}) <= 1, entity


def test_verify_finds_a_row_changed_by_hand(built: SimpleNamespace, warehouse: Warehouse) -> None:
    """As one that a build kept and should not have: the number of rows is right."""
    ask = [python("core"), "-c", "import json; from verify.marts import marts; print(json.dumps(marts().differences))"]
    differences = warehouse.run(ask)
    assert json.loads(differences.stdout or "null") == [], differences.stderr
    for mart, key, column in (("fct_purchases", "purchase_id", "discount"), ("fct_sessions", "customer_id", "views")):
        one = built.client.query(f"SELECT min({key}) FROM marts.{mart}").first_row[0]
        changed = f"ALTER TABLE marts.{mart} UPDATE {column} = {column} {{}} 1 WHERE {key} = '{one}' SETTINGS mutations_sync = 2"
        built.client.command(changed.format("+"))
        found = json.loads(warehouse.run(ask).stdout)
        built.client.command(changed.format("-"))
        assert found == [f"marts.{mart}: 1 rows are not what the accepted events give, such as {one}"]


def test_build_says_what_it_built(built: SimpleNamespace, warehouse: Warehouse) -> None:
    assert rows(built.client, "SELECT as_of, as_of_day FROM marts.build_info") == [(built.asked, built.as_of)]
    summary = json.loads((warehouse.var / "dbt" / "summary.json").read_text())
    assert summary["ok"]
    assert summary["tests"]["failed"] == summary["tests"]["warned"] == summary["tests"]["skipped"] == 0
    assert {node["name"]: node["rows"] for node in summary["nodes"]}["fct_sessions"] == len(built.sessions)
    assert "fct_sessions" in built.text


def test_builds_are_kept(built: SimpleNamespace, warehouse: Warehouse) -> None:
    summary = json.loads((warehouse.var / "dbt" / "summary.json").read_text())
    newest = built.client.query("SELECT * FROM ops.builds FINAL ORDER BY started_at DESC LIMIT 1").first_item
    assert (newest["as_of_day"], newest["is_ok"], newest["tests_failed"]) == (built.as_of, 1, 0)
    assert newest["models_built"] == summary["models"]["built"]
    nodes = rows(
        built.client, f"SELECT name, seconds, row_count FROM ops.build_nodes FINAL WHERE build_id = '{newest['build_id']}'"
    )
    assert nodes == sorted(((node["name"], node["seconds"], node["rows"]) for node in summary["nodes"]), key=repr)


@pytest.mark.parametrize("built", [""], indirect=True, ids=["present"])
def test_the_summary_tells_of_the_build_and_of_the_segments(built: SimpleNamespace, warehouse: Warehouse) -> None:
    done = warehouse.run([python("core"), "-m", "alerts.summary"])
    assert (done.returncode, done.stdout) == (0, "sent to log\n"), done.stderr
    for words in ("Customer pipeline: well, 2 segments", "tests: ", "loyal    1          -2", "lost     9          new"):
        assert words in done.stderr


@pytest.mark.parametrize("built", [""], indirect=True, ids=["present"])
def test_the_documentation_is_one_page(built: SimpleNamespace, warehouse: Warehouse) -> None:
    done = warehouse.run([python("dbt"), str(ROOT / "dbt" / "docs.py")])
    assert done.returncode == 0, done.stdout + done.stderr
    page = (warehouse.var / "docs" / "index.html").read_text()
    for node in (
        "model.customer_analytics.churn_features",
        "exposure.customer_analytics.growth",
        "source.customer_analytics.raw",
    ):
        assert node in page


@pytest.mark.parametrize("built", [""], indirect=True, ids=["present"])
def test_a_source_that_stands_still_is_named(built: SimpleNamespace, warehouse: Warehouse) -> None:
    command = [python("dbt"), str(ROOT / "dbt" / "freshness.py")]
    done = warehouse.run(command)
    assert done.returncode == 0 and re.search(r"raw\.web_events +pass ", done.stdout), done.stdout + done.stderr
    age = f"ALTER TABLE {RAW_WEB_EVENTS.qualified} UPDATE {INGESTED} = {INGESTED} %s INTERVAL 2 DAY WHERE 1"
    built.client.command(age % "-", settings={"mutations_sync": 2})
    done = warehouse.run(command)
    built.client.command(age % "+", settings={"mutations_sync": 2})
    assert done.returncode == 1 and re.search(r"raw\.web_events +warn +newest row 17\d,", done.stdout), done.stdout + done.stderr


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
    result = build(warehouse, "--as-of", "", "--select", "int_raw_customers", "int_purchase_events")
    assert result.code == 1
    assert "in_vocabulary_int_purchase_events_status" in result.text
    built.client.command("DELETE FROM raw.purchase_events WHERE purchase_id = 'bad'")


def test_what_cannot_be_added_up_fails_the_build(built: SimpleNamespace, warehouse: Warehouse, shop: History) -> None:
    state = {**asdict(shop.purchase_events[0]), **PURCHASE_CONSTANTS, "event_id": "bad", "purchase_id": "bad"}
    bad = {**state, "discount": state["amount"] + 1, "currency": "USD"}
    insert(built.client, "raw.purchase_events", [bad])
    result = build(warehouse, "--as-of", built.asked, "--select", "int_raw_customers", "int_purchase_events", "fct_purchases")
    assert result.code == 1
    assert "discounts_are_a_part_of_the_amount" in result.text and "purchases_are_in_the_one_currency" in result.text
    built.client.command("DELETE FROM raw.purchase_events WHERE purchase_id = 'bad'")


def normal(records: list[tuple]) -> list[tuple]:
    """Amounts with the four decimals that the marts give."""
    return [
        tuple(value.quantize(expected.Decimal("0.0001")) if isinstance(value, expected.Decimal) else value for value in row)
        for row in records
    ]
