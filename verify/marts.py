"""I5: the marts hold what the accepted events say, and no incremental model can have drifted from its full refresh."""

import json

from contracts.settings import settings
from contracts.tables import INGESTED, MARTS_DATABASE, RAW_PURCHASE_EVENTS, RAW_WEB_EVENTS
from verify.result import Result
from verify.stores import warehouse

DELETED_CUSTOMERS = "staging.stg_deleted_customers"


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
    _no_incremental(result)
    return result


def _buyers(known: str) -> str:
    return f"SELECT uniqExact(customer_id) FROM {RAW_PURCHASE_EVENTS.qualified} FINAL WHERE {known}"


def _no_incremental(result: Result) -> None:
    """Every mart is a table, built anew each time; a model that were incremental would need a comparison of its own."""
    manifest = settings().var / "dbt" / "target" / "manifest.json"
    nodes = json.loads(manifest.read_text())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    result.figures["models"] = len(models)
    for node in models:
        if node["config"]["materialized"] == "incremental":
            result.differ(f"{node['name']} is incremental and nothing compares it with its full refresh")
    if not models:
        result.differ(f"{manifest} names no model")
