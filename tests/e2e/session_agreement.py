"""Where the client's session ids follow the rule of 30 minutes, and where they do not: a query over the accepted events.

An id follows the rule where a session of the mart holds its events and no others. Each other id is counted under the first of
the reasons that is true of it.
"""

MEASURES = (
    "started_at", "last_event_at", "events", "views", "carts", "removals", "checkouts", "purchases", "funnel_step", "cart_value",
    "abandoned_value",
)  # fmt: skip

WHY_NOT = ("the id of several customers", "longer silent than the gap", "another id within the gap", "events without an id")

_IDS = f"""
    events AS (
        SELECT cut.customer_id AS customer, cut.session_number AS number, cut.event_time AS event_time,
               raw.session_id AS client_id
        FROM intermediate.int_session_events AS cut
        INNER JOIN (SELECT event_id, session_id FROM raw.web_events FINAL) AS raw USING (event_id)
    ),
    ids AS (
        SELECT assumeNotNull(client_id) AS id, any((events.customer, events.number)) AS place,
               uniqExact(events.customer) AS customers, uniqExact(events.customer, events.number) AS cuts
        FROM events WHERE client_id IS NOT NULL GROUP BY id
    ),
    cuts AS (
        SELECT (events.customer, events.number) AS place, events.customer AS customer, min(event_time) AS started_at,
               uniqExact(client_id) AS ids, countIf(client_id IS NULL) AS without_id
        FROM events GROUP BY events.customer, events.number
    ),
    judged AS (
        SELECT ids.id AS id, cuts.customer AS customer, cuts.started_at AS started_at,
               multiIf(ids.customers > 1, '{WHY_NOT[0]}', ids.cuts > 1, '{WHY_NOT[1]}',
                       cuts.ids > 1, '{WHY_NOT[2]}', cuts.without_id > 0, '{WHY_NOT[3]}', '') AS reason
        FROM ids INNER JOIN cuts ON ids.place = cuts.place
    )"""

REASONS = f"WITH {_IDS} SELECT reason, count() FROM judged GROUP BY reason"

# The mart's row under the names of the live table; one row for each id that follows the rule and differs in a measure.
DIFFERING = f"""
    WITH {_IDS}
    SELECT judged.id, {", ".join(f"(live.{name}, mart.{name}) AS {name}" for name in MEASURES)}
    FROM judged
    LEFT JOIN (SELECT * FROM raw.sessions FINAL) AS live ON live.session_id = judged.id
    LEFT JOIN (SELECT *, ended_at AS last_event_at FROM marts.fct_sessions) AS mart
        ON mart.customer_id = judged.customer AND mart.started_at = judged.started_at
    WHERE judged.reason = '' AND ({" OR ".join(f"live.{name} != mart.{name}" for name in MEASURES)})"""
