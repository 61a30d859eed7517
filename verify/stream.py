"""I2, I3: Postgres against the accepted events, and the replicas against Postgres; row by row, both directions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from contracts.events import FUNNEL_STEPS, REFUNDED_STATUSES, UNKNOWN, WEB_EVENT_TYPES
from contracts.settings import settings
from contracts.tables import (
    CUSTOMER_DAYS,
    LIVE_PURCHASES,
    PURCHASE_MINUTE_METRICS,
    RAW_DATABASE,
    RAW_PURCHASE_EVENTS,
    RAW_WEB_EVENTS,
    REPLICATED_TABLES,
    RETAINED_TABLES,
    SESSIONS,
    WEB_MINUTE_METRICS,
    PostgresTable,
)
from verify.canonical import Row, clickhouse_query, compare, postgres_query
from verify.result import SHOWN, Result
from verify.stores import shop, warehouse

# Minutes this close to the end of the retention may have been there when an event came, and gone now.
MARGIN_HOURS = 1


def _sessions() -> str:
    steps = ", ".join(f"'{step}'" for step in FUNNEL_STEPS)
    line = "ifNull(price, 0) * ifNull(quantity, 1)"
    net = f"greatest(sumIf({line}, event_type = 'cart') - sumIf({line}, event_type = 'remove_from_cart'), 0)"
    return f"""(
        SELECT assumeNotNull(session_id) AS session_id, min(customer_id) AS customer_id, min(event_time) AS started_at,
               max(event_time) AS last_event_at, count() AS events, countIf(event_type = 'view') AS views,
               countIf(event_type = 'cart') AS carts, countIf(event_type = 'remove_from_cart') AS removals,
               countIf(event_type = 'checkout') AS checkouts, countIf(event_type = 'purchase') AS purchases,
               max(indexOf([{steps}], event_type)) AS funnel_step, {net} AS cart_value,
               if(purchases = 0, cart_value, 0) AS abandoned_value,
               min(device) AS device, min(country) AS country, min(channel) AS channel
        FROM {RAW_WEB_EVENTS.qualified} AS event FINAL WHERE event.session_id IS NOT NULL GROUP BY session_id)"""


def _purchases() -> str:
    names = [column.name for column in LIVE_PURCHASES.columns if column.name not in ("purchase_id", "updated_at")]
    # A tuple keeps nulls; argMax alone would pass over them.
    newest = ", ".join(f"argMax(tuple({name}), (event_time, event_id)).1 AS {name}" for name in names)
    return f"""(
        SELECT purchase_id, {newest}, max(event_time) AS updated_at
        FROM {RAW_PURCHASE_EVENTS.qualified} FINAL GROUP BY purchase_id)"""


def _web_minutes() -> str:
    return f"""(
        SELECT toDateTime64(toStartOfMinute(event_time), 3, 'UTC') AS minute_at, event_type, country, device, count() AS events,
               uniqExact(customer_id) AS customers, max(event_time) AS last_event_at
        FROM {RAW_WEB_EVENTS.qualified} FINAL GROUP BY minute_at, event_type, country, device)"""


_REFUNDED = ", ".join(f"'{status}'" for status in REFUNDED_STATUSES)


def _purchase_minutes() -> str:
    return f"""(
        SELECT toDateTime64(toStartOfMinute(event_time), 3, 'UTC') AS minute_at, country,
               ifNull(event.category, '{UNKNOWN}') AS category,
               count() AS changes, countIf(status = 'placed') AS orders, sumIf(quantity, status = 'placed') AS units,
               sumIf(amount, status = 'placed') AS gross, sumIf(discount, status = 'placed') AS discounts,
               sumIf(amount - discount, status IN ({_REFUNDED})) AS refunds,
               uniqExactIf(customer_id, status = 'placed') AS buyers, max(event_time) AS last_event_at
        FROM {RAW_PURCHASE_EVENTS.qualified} AS event FINAL GROUP BY minute_at, country, category)"""


def _customer_days() -> str:
    counts = ", ".join(f"countIf(kind = '{kind}') AS {kind}_events" for kind in WEB_EVENT_TYPES)
    placed = "if(kind = 'placed', event_time, NULL)"
    return f"""(
        SELECT customer_id, toDate32(event_time) AS day, count() AS changes, {counts}, countIf(kind = 'placed') AS orders,
               sumIf(net, kind = 'placed') - sumIf(net, kind IN ({_REFUNDED})) AS value,
               max(event_time) AS last_event_at, max({placed}) AS last_purchase_at
        FROM (SELECT customer_id, event_time, toString(event_type) AS kind, toDecimal64(0, 4) AS net
              FROM {RAW_WEB_EVENTS.qualified} FINAL
              UNION ALL
              SELECT customer_id, event_time, toString(status), amount - discount FROM {RAW_PURCHASE_EVENTS.qualified} FINAL)
        GROUP BY customer_id, day)"""


RECOMPUTED = {
    SESSIONS: _sessions,
    LIVE_PURCHASES: _purchases,
    WEB_MINUTE_METRICS: _web_minutes,
    PURCHASE_MINUTE_METRICS: _purchase_minutes,
    CUSTOMER_DAYS: _customer_days,
}


def stream() -> Result:
    """I2: what Flink wrote = the same figures computed anew by ClickHouse from the accepted events."""
    result = Result("I2", "Postgres = the accepted events, computed independently")
    for table, recomputed in RECOMPUTED.items():
        _hold_against(table, recomputed(), "recomputed", result)
    return result


def replication() -> Result:
    """I3: the replicas in ClickHouse = Postgres."""
    result = Result("I3", "ClickHouse replicas = Postgres")
    for table in REPLICATED_TABLES:
        _hold_against(table, f"{RAW_DATABASE}.{table.name} FINAL", "ClickHouse", result)
    return result


def _hold_against(table: PostgresTable, source: str, name: str, result: Result) -> None:
    in_postgres, in_warehouse = _kept(datetime.now(UTC)) if table in RETAINED_TABLES else ("true", "true")
    names = tuple(column.name for column in table.replicated)
    rows = different = 0
    left = _postgres(postgres_query(table.qualified, table.key, table.replicated, in_postgres))
    right = _warehouse(clickhouse_query(source, table.key, table.replicated, in_warehouse))
    for difference in compare(left, right):
        rows += 1
        if difference:
            different += 1
            if different <= SHOWN:
                result.differences.append(f"{table.qualified} {difference.describe('Postgres', name, names)}")
    result.figures[f"{table.name}: rows compared"] = rows
    result.differing += different


def _kept(now: datetime) -> tuple[str, str]:
    """Minutes that no deletion reaches meanwhile, for Postgres and for ClickHouse: since one moment, whenever each is asked."""
    first = now - timedelta(days=settings().live_retention_days) + timedelta(hours=MARGIN_HOURS)
    minute = f"{first:%Y-%m-%d %H:%M}:00"
    return f"minute_at >= '{minute}+00'", f"minute_at >= toDateTime64('{minute}', 3, 'UTC')"


def _postgres(query: str) -> Iterator[Row]:
    with shop() as connection, connection.cursor(name="verify") as cursor:
        cursor.itersize = 20_000
        cursor.execute(query)  # type: ignore[arg-type]
        yield from cursor


def _warehouse(query: str) -> Iterator[Row]:
    with warehouse().query_rows_stream(query) as rows:
        yield from rows
