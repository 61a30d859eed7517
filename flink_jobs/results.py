"""Table -> Table: what is computed from the accepted events. Plain SQL; each function is one result.

Every aggregate is commutative, so the order of arrival does not matter, and a late event corrects its figure.
Columns come out in the order of the target's contract. ``views`` is a reserved word of Flink's SQL.
"""

from contracts.events import FUNNEL_STEPS, REFUNDED_STATUSES, UNKNOWN, WEB_EVENT_TYPES
from contracts.topics import PURCHASES, WEB, Stream
from contracts.types import Column, Type


def accepted(stream: Stream) -> str:
    """The view of a stream's accepted events."""
    return f"{stream.event.name}_accepted"


def _money(sum_: str) -> str:
    """A sum that grows beyond its column stays at the most that it holds. NULL, which Flink makes of it, no column takes: the
    job would fail on it for ever."""
    most = "99999999999999.9999"
    return f"CAST(GREATEST(LEAST({sum_}, {most}), -{most}) AS {Type.MONEY.flink})"


def _count(value: str, column: str = "event_type") -> str:
    return f"SUM(CASE WHEN {column} = '{value}' THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END)"


_REFUNDED = ", ".join(f"'{status}'" for status in REFUNDED_STATUSES)


def sessions() -> str:
    """One row per client session id. Events without a session id have no session here; the mart's sessions hold them."""
    depth = " ".join(f"WHEN '{step}' THEN {number}" for number, step in enumerate(FUNNEL_STEPS, start=1))
    line = "COALESCE(price, 0) * COALESCE(quantity, 1)"
    return f"""
        SELECT session_id, customer_id, started_at, last_event_at,
               events, `views`, carts, removals, checkouts, purchases, funnel_step,
               {_money("GREATEST(net_value, 0)")},
               {_money("CASE WHEN purchases = 0 THEN GREATEST(net_value, 0) ELSE 0 END")},
               device, country, channel
        FROM (
          SELECT session_id, MIN(customer_id) AS customer_id,
                 CAST(MIN(event_time) AS TIMESTAMP(3)) AS started_at, CAST(MAX(event_time) AS TIMESTAMP(3)) AS last_event_at,
                 COUNT(*) AS events, {_count("view")} AS `views`,
                 {_count("cart")} AS carts, {_count("remove_from_cart")} AS removals,
                 {_count("checkout")} AS checkouts, {_count("purchase")} AS purchases,
                 MAX(CASE event_type {depth} ELSE 0 END) AS funnel_step,
                 SUM(CASE event_type WHEN 'cart' THEN {line} WHEN 'remove_from_cart' THEN -{line} ELSE 0 END) AS net_value,
                 MIN(device) AS device, MIN(country) AS country, MIN(channel) AS channel
          FROM {accepted(WEB)} WHERE session_id IS NOT NULL GROUP BY session_id
        )"""


def _recent(retention_days: int) -> str:
    """Per-minute tables hold the newest days only: older events make no row there."""
    return f"event_time >= CURRENT_TIMESTAMP - INTERVAL '{retention_days}' DAY({len(str(retention_days))})"


_MINUTE = "CAST(FLOOR(event_time TO MINUTE) AS TIMESTAMP(3))"


def web_minute_metrics(retention_days: int) -> str:
    """Grouping on the truncated event time updates the current minute at once; a window would wait and drop late events."""
    return f"""
        SELECT minute_at, event_type, country, device, COUNT(*), COUNT(DISTINCT customer_id), MAX(event_at)
        FROM (SELECT {_MINUTE} AS minute_at, event_type, country, device, customer_id,
                     CAST(event_time AS TIMESTAMP(3)) AS event_at
              FROM {accepted(WEB)} WHERE {_recent(retention_days)})
        GROUP BY minute_at, event_type, country, device"""


def purchase_minute_metrics(retention_days: int) -> str:
    return f"""
        SELECT minute_at, country, category, COUNT(*),
               {_count("placed", "status")},
               SUM(CASE WHEN status = 'placed' THEN CAST(quantity AS BIGINT) ELSE CAST(0 AS BIGINT) END),
               {_money("SUM(CASE WHEN status = 'placed' THEN amount ELSE 0 END)")},
               {_money("SUM(CASE WHEN status = 'placed' THEN discount ELSE 0 END)")},
               {_money(f"SUM(CASE WHEN status IN ({_REFUNDED}) THEN amount - discount ELSE 0 END)")},
               COUNT(DISTINCT CASE WHEN status = 'placed' THEN customer_id END), MAX(event_at)
        FROM (SELECT {_MINUTE} AS minute_at, country, COALESCE(category, '{UNKNOWN}') AS category,
                     status, quantity, amount, discount, customer_id, CAST(event_time AS TIMESTAMP(3)) AS event_at
              FROM {accepted(PURCHASES)} WHERE {_recent(retention_days)})
        GROUP BY minute_at, country, category"""


def purchases(columns: tuple[Column, ...]) -> str:
    """One row per purchase in its newest state by event time; of two states at one time the greater event id.

    The order is one column on purpose: the planner of Flink 2.1 to 2.3 takes a top row by several columns for
    insert-only and would never replace the first state.
    """
    names = ", ".join(
        "CAST(event_time AS TIMESTAMP(3)) AS updated_at"
        if column.name == "updated_at"
        else f"CAST({column.name} AS TIMESTAMP(3)) AS {column.name}"
        if column.type is Type.TIMESTAMP
        else column.name
        for column in columns
    )
    return f"""
        SELECT {names} FROM (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY purchase_id ORDER BY version DESC) AS newest
          FROM (SELECT *, DATE_FORMAT(event_time, 'yyyy-MM-dd HH:mm:ss.SSS') || event_id AS version FROM {accepted(PURCHASES)})
        ) WHERE newest = 1"""


def customer_days() -> str:
    """Web and purchase events as one stream of kinds; no status is named as an event type is."""
    return f"""
        SELECT customer_id, `day`, COUNT(*), {", ".join(_count(kind, "kind") for kind in WEB_EVENT_TYPES)},
               {_count("placed", "kind")}, {_money("SUM(net)")}, MAX(event_at),
               MAX(CASE WHEN kind = 'placed' THEN event_at END)
        FROM (
          SELECT customer_id, CAST(event_time AS DATE) AS `day`, event_type AS kind, CAST(0 AS {Type.MONEY.flink}) AS net,
                 CAST(event_time AS TIMESTAMP(3)) AS event_at
          FROM {accepted(WEB)}
          UNION ALL
          SELECT customer_id, CAST(event_time AS DATE), status,
                 CAST(CASE WHEN status = 'placed' THEN amount - discount
                           WHEN status IN ({_REFUNDED}) THEN discount - amount ELSE 0 END AS {Type.MONEY.flink}),
                 CAST(event_time AS TIMESTAMP(3))
          FROM {accepted(PURCHASES)}
        ) GROUP BY customer_id, `day`"""
