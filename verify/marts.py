"""I5: the marts hold what the accepted events say, also those of which a build keeps the rows of unchanged customers."""

import json
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from contracts.events import REFUNDED_STATUSES
from contracts.settings import settings
from contracts.tables import INGESTED, MARTS_DATABASE, RAW_PURCHASE_EVENTS, RAW_WEB_EVENTS
from verify.result import Result
from verify.stores import warehouse

DELETED_CUSTOMERS = "staging.stg_deleted_customers"
# Built anew by every build.
IN_FULL = ("table", "view")
# Keeps rows; what is made of it for people is held against the events in `_contents`.
KEPT = "by_customer"
# Columns of a session, and which events they count.
COUNTED = {
    "events": "true",
    "views": "event_type = 'view'",
    "carts": "event_type = 'cart'",
    "removals": "event_type = 'remove_from_cart'",
    "checkouts": "event_type = 'checkout'",
    "purchases": "event_type = 'purchase'",
}


@dataclass(frozen=True)
class Content:
    """Two queries for a ``key`` and a hash of all that is compared, named ``row``: of the mart, and of the accepted events."""

    mart: str
    held: str
    accepted: str


def marts() -> Result:
    result = Result("I5", "marts = accepted events up to their cutoff")
    client = warehouse()
    if not client.query(f"EXISTS TABLE {MARTS_DATABASE}.build_info").first_row[0]:
        result.figures["build"] = "none yet"
        return result
    cutoff = f"(SELECT max(cutoff) FROM {MARTS_DATABASE}.build_info)"
    frozen = f"(SELECT max(frozen_at) FROM {MARTS_DATABASE}.build_info)"
    # What arrived after the build froze its events is not in it, nor are customers that the shop deleted.
    known = (
        f"event_time < {cutoff} AND {INGESTED} < {frozen} AND customer_id NOT IN (SELECT customer_id FROM {DELETED_CUSTOMERS})"
    )
    placed = f"{known} AND purchased_at < {cutoff}"
    for mart, measure, source in (
        ("fct_sessions", "sum(events)", f"SELECT count() FROM {RAW_WEB_EVENTS.qualified} FINAL WHERE {known}"),
        ("fct_web_events_daily", "sum(events)", f"SELECT count() FROM {RAW_WEB_EVENTS.qualified} FINAL WHERE {known}"),
        ("fct_purchases", "count()", f"SELECT uniqExact(purchase_id) FROM {RAW_PURCHASE_EVENTS.qualified} FINAL WHERE {placed}"),
        ("clv_summary", "count()", _buyers(placed)),
        ("customer_features", "count()", _buyers(placed)),
    ):
        found, expected = client.query(f"SELECT (SELECT {measure} FROM {MARTS_DATABASE}.{mart}), ({source})").first_row
        result.figures[f"{mart}: {measure}"] = int(found)
        if found != expected:
            result.differ(f"{MARTS_DATABASE}.{mart}: {measure} = {found}, the accepted events give {expected}")
    for content in _contents(known, placed):
        _compare(client, content, result)
    _materializations(result)
    return result


def _buyers(known: str) -> str:
    return f"SELECT uniqExact(customer_id) FROM {RAW_PURCHASE_EVENTS.qualified} FINAL WHERE {known}"


def _contents(known: str, placed: str) -> tuple[Content, ...]:
    """Purchases one by one, sessions by customer, events by day."""
    refunded = ", ".join(f"'{status}'" for status in REFUNDED_STATUSES)
    net = f"CAST(if(status IN ({refunded}), 0, amount - discount), 'Decimal(18, 4)')"
    bought = "purchase_id, customer_id, status, purchased_at, quantity, amount, discount, currency"
    return (
        Content(
            "fct_purchases",
            f"SELECT purchase_id AS key, cityHash64({bought}, updated_at, net_amount) AS row FROM {MARTS_DATABASE}.fct_purchases",
            f"SELECT purchase_id AS key, argMax(cityHash64({bought}, event_time, {net}), (event_time, event_id)) AS row"
            f" FROM {RAW_PURCHASE_EVENTS.qualified} FINAL WHERE {placed} GROUP BY purchase_id",
        ),
        Content(
            "fct_sessions",
            f"SELECT customer_id AS key, cityHash64(key, {', '.join(f'sum({name})' for name in COUNTED)},"
            f" min(started_at), max(ended_at)) AS row FROM {MARTS_DATABASE}.fct_sessions GROUP BY customer_id",
            f"SELECT customer_id AS key, cityHash64(key, {', '.join(f'toInt64(countIf({which}))' for which in COUNTED.values())},"
            f" min(event_time), max(event_time)) AS row FROM {RAW_WEB_EVENTS.qualified} FINAL WHERE {known} GROUP BY customer_id",
        ),
        Content(
            "fct_web_events_daily",
            f"SELECT (day, event_type) AS key, cityHash64(key, sum(events)) AS row"
            f" FROM {MARTS_DATABASE}.fct_web_events_daily GROUP BY day, event_type",
            f"SELECT (toDate32(event_time), event_type) AS key, cityHash64(key, toInt64(count())) AS row"
            f" FROM {RAW_WEB_EVENTS.qualified} FINAL WHERE {known} GROUP BY toDate32(event_time), event_type",
        ),
    )


def _compare(client: Client, content: Content, result: Result) -> None:
    """By one number a side; only where these differ is it asked which rows."""
    found, expected = client.query(
        f"SELECT (SELECT sum(row) FROM ({content.held})), (SELECT sum(row) FROM ({content.accepted}))"
    ).first_row
    result.figures[f"{content.mart}: content"] = "the same" if found == expected else "differs"
    if found == expected:
        return
    alone = f"SELECT key FROM ({content.held} UNION ALL {content.accepted}) GROUP BY key, row HAVING count() = 1"
    keys, one = client.query(f"SELECT uniqExact(key), min(toString(key)) FROM ({alone})").first_row
    result.differ(f"{MARTS_DATABASE}.{content.mart}: {keys} rows are not what the accepted events give, such as {one}", keys)


def _materializations(result: Result) -> None:
    """A model of another kind than these keeps what nothing compares with the events."""
    manifest = settings().var / "dbt" / "target" / "manifest.json"
    nodes = json.loads(manifest.read_text())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    result.figures["models"] = len(models)
    for node in models:
        if (kind := node["config"]["materialized"]) not in (*IN_FULL, KEPT):
            result.differ(f"{node['name']} is {kind} and nothing compares it with its full refresh")
    if not models:
        result.differ(f"{manifest} names no model")
