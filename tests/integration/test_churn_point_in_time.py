"""Churn features are point in time: whatever happens after a cutoff leaves them as they were, byte for byte."""

import random
from dataclasses import asdict, replace
from datetime import date

import pytest
from clickhouse_connect.driver.client import Client
from expected_growth import begins
from shop_history import CATEGORIES, DAY, PURCHASE_CONSTANTS, RAW_CONSTANTS, History, PurchaseEvent, WebEvent, history
from test_marts import build, insert, load
from warehouse_stack import Warehouse

from contracts.churn import feature_cutoffs
from contracts.events import PURCHASE_STATUSES, WEB_EVENT_TYPES

AS_OF = date(2024, 6, 28)
CUTOFF = feature_cutoffs(AS_OF)[1]
MOMENT = begins(CUTOFF) + DAY


def changed(shop: History, dice: random.Random) -> History:
    """Every event from the cutoff on is gone or another one; as many that never were are there."""
    ids = sorted({event.customer_id for event in shop.web_events})

    def web(event: WebEvent) -> WebEvent:
        return replace(
            event, event_time=max(MOMENT, event.event_time + dice.choice((-DAY, 0, 1))), event_type=dice.choice(WEB_EVENT_TYPES),
            category=dice.choice(CATEGORIES), quantity=7, device="unknown", country="XX", channel="other",
        )  # fmt: skip

    def state(event: PurchaseEvent) -> PurchaseEvent:
        return replace(event, status=dice.choice(PURCHASE_STATUSES), category="other", quantity=9, country="XX", channel="other")

    later_web = [event for event in shop.web_events if event.event_time >= MOMENT]
    later_states = [event for event in shop.purchase_events if event.event_time >= MOMENT]
    assert later_web and later_states
    # Sessions that are open at the cutoff go on, and purchases made before it come back.
    new_web = [replace(web(event), event_id=f"new-{event.event_id}", customer_id=dice.choice(ids)) for event in later_web]
    open_at_cutoff = [event for event in shop.web_events if MOMENT - 30 * 60_000 <= event.event_time < MOMENT]
    assert open_at_cutoff
    new_web += [replace(event, event_id=f"on-{event.event_id}", event_time=MOMENT, event_type="cart") for event in open_at_cutoff]
    old = [event for event in shop.purchase_events if event.event_time < MOMENT]
    returned = [replace(event, event_id=f"new-{event.event_id}", event_time=MOMENT, status="returned") for event in old]
    return replace(
        shop,
        web_events=[event for event in shop.web_events if event.event_time < MOMENT]
        + [web(event) for event in later_web if dice.random() < 0.5]
        + new_web,
        purchase_events=old + [state(event) for event in later_states if dice.random() < 0.5] + returned,
    )


def reload(client: Client, shop: History) -> None:
    for table, events, constants in (
        ("raw.web_events", shop.web_events, RAW_CONSTANTS),
        ("raw.purchase_events", shop.purchase_events, PURCHASE_CONSTANTS),
    ):
        client.command(f"TRUNCATE TABLE {table}")
        insert(client, table, [{**asdict(event), **constants} for event in events])


def features(client: Client, where: str) -> bytes:
    query = f"SELECT * EXCEPT (label) FROM marts.churn_features WHERE {where} ORDER BY cutoff_day, customer_id FORMAT RowBinary"
    return client.raw_query(query)


def labels(client: Client) -> list:
    return client.query(f"SELECT label FROM marts.churn_features WHERE cutoff_day = '{CUTOFF}' ORDER BY customer_id").result_rows


@pytest.fixture(scope="module")
def shop() -> History:
    """With visits over the midnight of the cutoff."""
    known = history(seed=7)
    template = known.web_events[0]
    over_midnight = [
        replace(template, event_id=f"{name}-{step}", customer_id=name, event_type="view", event_time=MOMENT + (step - 2) * 60_000)
        for name in ("c05", "c06", "c07")
        for step in range(4)
    ]
    return replace(known, web_events=known.web_events + over_midnight)


def test_events_after_a_cutoff_do_not_change_its_features(warehouse: Warehouse, shop: History) -> None:
    client = warehouse.client()
    load(client, shop)
    assert (first := build(warehouse, "--as-of", AS_OF.isoformat())).code == 0, first.text
    at_cutoff, up_to, labels_before = f"cutoff_day = '{CUTOFF}'", f"cutoff_day <= '{CUTOFF}'", labels(client)
    before, later_before = features(client, up_to), features(client, f"not ({up_to})")
    assert len(features(client, at_cutoff)) > 1000

    reload(client, changed(shop, random.Random(11)))
    assert (second := build(warehouse, "--as-of", AS_OF.isoformat())).code == 0, second.text
    assert features(client, up_to) == before
    assert features(client, f"not ({up_to})") != later_before
    assert labels(client) != labels_before
