"""The simulated shop: deterministic, in order, valid, and coherent from session to purchase."""

import json
import tracemalloc
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from generators_support import END, events_of, faults, history, records_of, when, world
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import WEB_EVENT_TYPES
from contracts.topics import PURCHASES, STREAMS, WEB
from generators.clock import DAY, milliseconds, to_operational, to_real
from generators.customers import PurchaseClock

INACTIVITY = timedelta(minutes=30)


def sent(records):
    return [(each.stream.source, each.keys, each.values) for each in records]


def sessions(events):
    found = defaultdict(list)
    for event in events:
        found[event["session_id"]].append(event)
    return found


def test_same_seed_same_bytes():
    assert sent(records_of(world(seed=7))) == sent(records_of(world(seed=7)))


def test_another_seed_another_shop():
    assert sent(records_of(world(seed=7))) != sent(records_of(world(seed=8)))


def test_a_world_can_be_resumed():
    """What is sent in two parts is what is sent at once."""
    middle = milliseconds(END - timedelta(days=20, hours=5))
    whole = [row for each in records_of(world()) for row in zip(each.ids, each.values, each.times, strict=True)]
    rest = [row for each in records_of(world(), since=middle) for row in zip(each.ids, each.values, each.times, strict=True)]
    assert rest == [row for row in whole if row[2] > middle]
    assert rest


def check_contract(made):
    for records in records_of(made):
        for key, value in zip(records.keys, records.values, strict=True):
            assert faults(records.stream, key, value, END) == []
            assert set(json.loads(value)) == {field.name for field in records.stream.event.fields}


def check_order(made):
    """Event-time order across customers, within the window; no id twice."""
    for stream in STREAMS:
        records = [each for each in records_of(made) if each.stream is stream]
        times = [time for each in records for time in each.times]
        ids = [event_id for each in records for event_id in each.ids]
        assert times == sorted(times)
        assert all(made.start <= time <= milliseconds(END) for time in times)
        assert len(set(ids)) == len(ids)


def check_inactivity(events):
    """The client's sessions are those that 30 minutes of inactivity would cut."""
    by_customer = defaultdict(list)
    for event in events[WEB]:
        by_customer[event["customer_id"]].append(event)
    for own in by_customer.values():
        for one, other in pairwise(own):
            gap = when(other) - when(one)
            if one["session_id"] == other["session_id"]:
                assert timedelta(0) < gap < INACTIVITY
            else:
                assert gap > INACTIVITY


def check_funnel(events):
    """A session lands once, checks out with something in its cart, and buys what the cart holds after a checkout and payment."""
    for own in sessions(events[WEB]).values():
        kinds = [event["event_type"] for event in own]
        assert kinds.count("landing") == 1 and kinds[0] == "landing"
        cart: Counter[str] = Counter()
        for event in own:
            cart[event["product_id"]] += {"cart": 1, "remove_from_cart": -1}.get(event["event_type"], 0) * (
                event["quantity"] or 0
            )
            assert min(cart.values()) >= 0
            assert event["event_type"] != "checkout" or cart.total() > 0
        if "purchase" in kinds:
            first = kinds.index("purchase")
            assert kinds[first - 1] == "payment" and "checkout" in kinds[:first]
            assert set(kinds[first:]) == {"purchase"}
            assert bought(own[first:]) == +cart


def bought(events):
    result: Counter[str] = Counter()
    for event in events:
        result[event["product_id"]] += event["quantity"]
    return result


def check_money(events):
    """A purchase is the web event of its session; amount is unit price times quantity, the discount less than it."""
    web = Counter(
        (
            event["session_id"],
            event["event_time"],
            event["product_id"],
            event["quantity"],
            round(event["price"] * event["quantity"], 2),
        )
        for event in events[WEB]
        if event["event_type"] == "purchase"
    )
    placed = [event for event in events[PURCHASES] if event["status"] == "placed"]
    assert web == Counter(
        (event["session_id"], event["purchased_at"], event["product_id"], event["quantity"], event["amount"]) for event in placed
    )
    assert all(event["event_time"] == event["purchased_at"] for event in placed)
    assert all(0 <= event["discount"] < event["amount"] for event in events[PURCHASES])


AFTER = {
    "placed": {"paid"},
    "paid": {"cancelled", "shipped"},
    "shipped": {"delivered"},
    "delivered": {"returned"},
    "cancelled": set(),
    "returned": set(),
}


def check_states(events):
    """States follow each other; what the purchase is stays the same."""
    purchases = defaultdict(list)
    for event in events[PURCHASES]:
        purchases[event["purchase_id"]].append(event)
    for states in purchases.values():
        assert states[0]["status"] == "placed"
        for one, other in pairwise(states):
            assert other["status"] in AFTER[one["status"]]
            assert when(other) > when(one)
        same = ("customer_id", "session_id", "purchased_at", "product_id", "quantity", "amount", "discount", "device", "country")
        assert len({tuple(state[name] for name in same) for state in states}) == 1


@settings(max_examples=5)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 2))
def test_worlds_of_any_size_are_coherent(seed, customers, months):
    made = world(seed, customers, months)
    check_contract(made)
    check_order(made)
    events = events_of(made)
    for check in (check_inactivity, check_funnel, check_money, check_states):
        check(events)


@pytest.mark.parametrize("check", [check_inactivity, check_funnel, check_money, check_states])
def test_a_larger_world_is_coherent(check):
    check(history(3, 150, 6))


def test_every_kind_of_event_and_state_occurs():
    events = history(3, 150, 6)
    assert {event["event_type"] for event in events[WEB]} == set(WEB_EVENT_TYPES)
    assert {event["status"] for event in events[PURCHASES]} == set(AFTER)
    assert {event["device"] for event in events[WEB]} == {"desktop", "mobile", "tablet"}


def test_nobody_buys_after_leaving_or_before_registering():
    made = world(seed=5, customers=150, months=3)
    people = made.customers
    last = {}
    for event in events_of(made)[PURCHASES]:
        number = int(event["customer_id"][1:]) - 1
        at = when(event, "purchased_at").timestamp() * 1000
        assert at >= people.registered[number]
        last[number] = max(last.get(number, 0), at)
    late = {number: (at - people.left[number]) / DAY for number, at in last.items() if at > people.left[number]}
    assert max(late.values(), default=0) < 1 / 12  # the end of the session that began at the moment of leaving
    assert last


def test_the_clock_of_purchases_is_bg_nbd():
    """Intervals are exponential with the customer's rate; the number of purchases is geometric with the dropout."""
    n, rate, dropout = 20_000, 0.05, 0.25
    clock = PurchaseClock(11, np.zeros(n, dtype=np.int64), np.full(n, rate), np.full(n, dropout))
    first = clock.next - to_operational(np.zeros(1, dtype=np.int64))
    who, _ = clock.until(1e5)
    purchases = np.bincount(who, minlength=n)
    assert first.mean() == pytest.approx(1 / rate, rel=0.03)
    assert np.median(first) == pytest.approx(np.log(2) / rate, rel=0.04)
    assert purchases.mean() == pytest.approx(1 / dropout, rel=0.03)
    assert (purchases == 1).mean() == pytest.approx(dropout, abs=0.01)


def test_order_values_follow_the_segments_gamma_gamma():
    """Customers' mean order value within a segment lies near p * scale / (q - 1)."""
    made = world(seed=2, customers=2_000, months=2)
    spent = defaultdict(float)
    for event in events_of(made)[PURCHASES]:
        if event["status"] == "placed":
            spent[event["customer_id"], event["session_id"]] += event["amount"]
    loyal = [value for (customer, _), value in spent.items() if made.customers.segment[int(customer[1:]) - 1] == 0]
    assert len(loyal) > 300
    assert np.mean(loyal) == pytest.approx(6 * 45 / 3, rel=0.15)


@given(st.integers(0, 4_000_000_000_000))
def test_operational_time_can_be_turned_back(ms):
    assert abs(int(to_real(to_operational(np.array([ms])))[0]) - ms) <= 2


def test_more_happens_in_the_evening_than_at_night():
    hours = Counter(when(event).hour for event in history(3, 150, 6)[WEB])
    assert hours[20] > 5 * hours[3]


def test_memory_does_not_grow_with_the_horizon():
    """Four times the time, about the same peak."""

    def live(made):
        for _ in made.days(milliseconds(END)):
            pass

    def peak(months):
        made = world(1, 60, months)
        tracemalloc.start()
        live(made)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    live(world(1, 60, 4))  # imports, caches, and what a world of this length fills lazily
    assert peak(4) < 1.6 * peak(1)  # 2.6 times if the records of all days were kept
