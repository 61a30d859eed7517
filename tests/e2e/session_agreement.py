"""Where the client's session ids follow the rule of 30 minutes, and where they do not: a query over the accepted events.

An id follows the rule where a session of the mart holds its events and no others. Each other id is counted under the first of
the reasons that is true of it.
"""

MEASURES = (
    "started_at", "last_event_at", "events", "views", "carts", "removals", "checkouts", "purchases", "funnel_step", "cart_value",
    "abandoned_value",
)  # fmt: skip

_IDS = """
    ids AS (
        SELECT assumeNotNull(session_id) AS id, any(customer_id) AS customer, any(session_number) AS number,
               uniqExact(customer_id) AS customers, uniqExact(customer_id, session_number) AS cuts
        FROM intermediate.int_session_events AS event WHERE event.session_id IS NOT NULL GROUP BY id
    ),
    cuts AS (
        SELECT customer_id AS customer, session_number AS number, min(event_time) AS started_at, uniqExact(session_id) AS ids,
               countIf(event.session_id IS NULL) AS without_id
        FROM intermediate.int_session_events AS event GROUP BY customer, number
    ),
    judged AS (
        SELECT id, cuts.customer AS customer, cuts.started_at AS started_at,
               multiIf(customers > 1, 'the id of several customers', ids.cuts > 1, 'longer silent than the gap',
                       cuts.ids > 1, 'another id within the gap', without_id > 0, 'events without an id', '') AS reason
        FROM ids INNER JOIN cuts USING (customer, number)
    )"""

REASONS = f"WITH {_IDS} SELECT reason, count() FROM judged GROUP BY reason"

# The mart's row under the names of the live table; one row for each id that follows the rule and differs in a measure.
DIFFERING = f"""
    WITH {_IDS}
    SELECT judged.id, {", ".join(f"(live.{name}, mart.{name}) AS {name}" for name in MEASURES)}
    FROM judged
    INNER JOIN (SELECT * FROM raw.sessions FINAL) AS live ON live.session_id = judged.id
    LEFT JOIN (SELECT *, ended_at AS last_event_at FROM marts.fct_sessions) AS mart
        ON mart.customer_id = judged.customer AND mart.started_at = judged.started_at
    WHERE judged.reason = '' AND ({" OR ".join(f"live.{name} != mart.{name}" for name in MEASURES)})"""
