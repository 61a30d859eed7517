"""Live streams: exact counts, the wall clock's times, the rules of sessions, guests where customers are too few."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

import pytest
from generators_support import END, faults, world

from contracts.topics import PURCHASES, STREAMS, WEB
from generators import stream
from generators.clock import HOURS, MINUTE, milliseconds
from generators.encode import Encoder
from generators.live import REST, Stage
from generators.stop import Stop
from generators.stream import SLICE, TICK, Limits, Pace

NOW = milliseconds(END)


def play(streams=STREAMS, events=6_000, rate=500.0, seed=3, customers=200):
    """The events of a stream in the order of sending, at its rate, as (stream, event)."""
    made = world(customers=customers)
    stage = Stage(made, seed, streams, rate, NOW)
    encoder = Encoder(made.catalogues, len(made.customers), "0badcafe")
    result, last, step = [], NOW, 50
    while len(result) < events:
        now = NOW + int((len(result) + step) / (rate or 100_000) * 1000)
        for each, columns in stage.next(min(step, events - len(result)), last, now).items():
            records = encoder.purchases(columns) if each is PURCHASES else encoder.web(columns)
            for key, value in zip(records.keys, records.values, strict=True):
                assert faults(each, key, value, END) == []
            result += [(each, json.loads(value)) for value in records.values]
        last = now
    return result


def times(event):
    return event["event_time"]


def test_counts_are_exact_and_times_are_the_clocks():
    events = play(events=1_234)
    assert len(events) == 1_234
    latest = max(times(event) for _, event in events)
    assert min(times(event) for _, event in events) >= "2026-03-01T06:30:00.000Z"
    assert latest <= "2026-03-01T06:30:02.600Z"
    for each in STREAMS:
        own = [times(event) for one, event in events if one is each]
        assert own == sorted(own)


def test_same_seed_same_stream():
    assert play(events=500) == play(events=500)
    assert play(events=500) != play(events=500, seed=4)


def test_sessions_keep_their_order_and_a_customer_rests_between_them():
    own = defaultdict(list)
    for each, event in play():
        if each is WEB:
            own[event["session_id"]].append(event)
    owners = Counter(events[0]["customer_id"] for events in own.values())
    assert set(owners.values()) == {1}  # nobody comes twice within a minute
    for events in own.values():
        assert events[0]["event_type"] == "landing"
        assert len({event["customer_id"] for event in events}) == 1
        assert all(times(one) <= times(other) for one, other in pairwise(events))
    assert REST > 30 * MINUTE


def test_purchases_come_out_of_sessions_and_keep_their_date():
    web, states = defaultdict(list), defaultdict(list)
    for each, event in play(events=15_000):
        (web if each is WEB else states)[event["session_id"] if each is WEB else event["purchase_id"]].append(event)
    assert len(states) > 50
    for changes in states.values():
        assert changes[0]["status"] == "placed"
        assert changes[0]["event_time"] == changes[0]["purchased_at"]
        assert len({event["purchased_at"] for event in changes}) == 1
        kinds = [event["event_type"] for event in web[changes[0]["session_id"]]]
        assert "checkout" in kinds and "purchase" in kinds


def test_guests_come_when_all_customers_have_been():
    visitors = {event["customer_id"] for _, event in play(events=20_000, customers=50)}
    guests = {visitor for visitor in visitors if visitor.startswith("g")}
    assert guests and visitors - guests
    assert len(visitors - guests) <= 50


def test_one_stream_alone():
    assert {each for each, _ in play((WEB,), events=500)} == {WEB}
    purchases = play((PURCHASES,), events=3_000, rate=None)
    assert {each for each, _ in purchases} == {PURCHASES}
    assert {event["status"] for _, event in purchases} >= {"placed", "paid", "cancelled"}


def test_finished_purchases_are_forgotten():
    made = world(customers=50)
    stage = Stage(made, 1, (PURCHASES,), None, NOW)
    held = []
    for _ in range(60):
        stage.next(5_000, NOW, NOW + 50)
        held.append(len(stage._placed))
    assert max(held[30:]) < 2 * max(held[:30])


class Clock:
    """A clock that only waiting moves on."""

    def __init__(self):
        self.now = 100.0

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(stream.time, "monotonic", lambda: made.now)
    return made


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(1_000.0, None, 2.0), 2_000),
        (Limits(1_000.0, 150, None), 150),
        (Limits(1_000.0, 150, 0.1), 100),
        (Limits(None, 25_000, None), 25_000),
        (Limits(0.5, None, 10.0), 5),
    ],
)
def test_pace(clock, limits, expected):
    pace, sent = Pace(limits, Stop(), NOW), 0
    while count := pace.due(clock):
        sent += count
    assert sent == pytest.approx(expected, abs=limits.rate * 0.03 + 1 if limits.rate and limits.seconds else 0)


def due(clock, start, seconds=20.0):
    """Events of so many seconds from a moment on, at a daily shape of 1,000/s."""
    began = clock.now
    pace, sent = Pace(Limits(1_000.0, None, None, daily=True), Stop(), milliseconds(start)), 0
    while clock.now < began + seconds:
        sent += pace.due(clock)
    return sent


def test_a_daily_shape_is_busy_in_the_evening_and_right_in_the_mean(clock):
    wednesday = END.replace(day=4, hour=0, minute=30)
    counts = [due(clock, wednesday.replace(hour=hour)) for hour in range(24)]
    assert [count / sum(counts) for count in counts] == pytest.approx((HOURS / HOURS.sum()).tolist(), abs=0.001)
    week = [due(clock, END + timedelta(days=day, hours=12)) for day in range(7)]
    assert sum(week) == pytest.approx(7 * 20_000 * HOURS[18] / HOURS.mean(), rel=0.03)


def test_a_fast_stream_comes_in_slices_and_ends_with_what_is_left(clock):
    pace, counts = Pace(Limits(10_000.0, 1_010, None), Stop(), NOW), []
    while count := pace.due(clock):
        counts.append(count)
    assert min(counts[:-1]) >= 10_000 * TICK
    assert sum(counts) == 1_010


def test_lag_is_how_long_the_next_event_has_been_due(clock):
    pace = Pace(Limits(50_000.0, None, None), Stop(), NOW)
    clock.wait(1.0)
    assert pace.due(clock) == SLICE
    assert pace.lag == pytest.approx(0.8)
    for _ in range(5):
        pace.due(clock)
    assert pace.lag == 0.0


def test_a_signal_ends_the_stream(clock):
    stop = Stop()
    pace = Pace(Limits(1_000.0, None, None), stop, NOW)
    assert pace.due(clock) > 0
    stop.set()
    assert pace.due(clock) == 0
