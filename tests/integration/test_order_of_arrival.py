"""Whatever the order in which events arrive, and however often: the live job's queries make the same tables of them."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from contracts.events import DEVICES, PURCHASE_STATUSES, WEB_EVENT_TYPES
from contracts.settings import ROOT
from contracts.tables import CUSTOMER_DAYS, LIVE_TABLES, SESSIONS
from contracts.topics import PURCHASES, WEB
from runner.tools import python

# Within the retention, and an hour from a day's end.
NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
LATE_MINUTES = 10
ANSWER = "table: "

Events = dict[str, list[dict]]
Tables = dict[str, list[list[str]]]
Compute = Callable[[Events], Tables]


@pytest.fixture(scope="module")
def compute(flink_alone, tmp_path_factory) -> Iterator[Compute]:
    """Events in their order of arrival -> the live tables by name, by one Flink for all examples."""
    var = tmp_path_factory.mktemp("order")
    command = [python("flink"), "-m", "tests.integration.result_tables", ANSWER]
    with (
        (var / "errors.log").open("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=flink_alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as worker,
    ):

        def ask(arrived: Events) -> Tables:
            folder = tempfile.mkdtemp(dir=var)
            # One that has ended says why below.
            with suppress(BrokenPipeError):
                worker.stdin.write(json.dumps({"arrived": arrived, "folder": folder}) + "\n")
                worker.stdin.flush()
            for line in worker.stdout:
                if line.startswith(ANSWER):
                    return json.loads(line.removeprefix(ANSWER))
            errors.seek(0)
            raise RuntimeError(f"the job ended: {errors.read()[-2000:]}")

        yield ask
        with suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait(60)


def instant(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def one_of(*values: object) -> st.SearchStrategy:
    return st.sampled_from(values)


MOMENTS = st.integers(0, 1800)
CUSTOMERS = one_of("ann", "bob", "cy")
MONEY = st.integers(0, 99_999).map(lambda cents: cents / 100)


@st.composite
def web_events(draw: st.DrawFn, number: int) -> dict:
    return {
        "event_id": f"web-{number}", "event_time": instant(draw(MOMENTS)), "schema_version": 1,
        "event_type": draw(st.sampled_from(WEB_EVENT_TYPES)), "customer_id": draw(CUSTOMERS),
        "session_id": draw(one_of("s1", "s2", "s3", None)), "product_id": "p1", "category": draw(one_of("lips", None)),
        "brand": None, "price": draw(st.none() | MONEY), "quantity": draw(one_of(None, 1, 3)),
        "device": draw(st.sampled_from(DEVICES)), "country": draw(one_of("DE", "FR")), "channel": draw(one_of("paid", "email")),
    }  # fmt: skip


@st.composite
def purchase_events(draw: st.DrawFn, number: int) -> dict:
    purchase = draw(one_of("o1", "o2", "o3"))
    return {
        "event_id": f"buy-{number}", "event_time": instant(draw(MOMENTS)), "schema_version": 1, "purchase_id": purchase,
        "customer_id": draw(CUSTOMERS), "session_id": draw(one_of("s1", None)), "purchased_at": instant(0),
        "status": draw(st.sampled_from(PURCHASE_STATUSES)), "product_id": None, "brand": None,
        "category": draw(one_of("lips", "skin", None)),
        "quantity": draw(st.integers(1, 5)), "amount": 0.5 + draw(MONEY), "discount": 0.5, "currency": "EUR",
        "device": draw(st.sampled_from(DEVICES)), "country": draw(one_of("DE", "FR")), "channel": "paid",
    }  # fmt: skip


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Events, Events]:
    """The same events twice: in order, each once; and up to ten minutes late, some of them once more."""
    in_order, late = {}, {}
    for stream, one in ((WEB, web_events), (PURCHASES, purchase_events)):
        events = [draw(one(number)) for number in range(draw(st.integers(1, 25)))]
        again = [event for event in events if draw(st.integers(0, 19)) == 0]
        delayed = [(event, draw(st.integers(0, 60 * LATE_MINUTES))) for event in events + again]
        in_order[stream.event.name] = sorted(events, key=lambda event: event["event_time"])
        late[stream.event.name] = [
            event
            for event, delay in sorted(
                delayed, key=lambda pair: datetime.fromisoformat(pair[0]["event_time"]) + timedelta(seconds=pair[1])
            )
        ]
    return in_order, late


@given(both=arrivals())
@how(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_the_order_of_arrival_does_not_matter(compute, both):
    in_order, late = both
    tables = compute(late)
    assert set(tables) == {table.name for table in LIVE_TABLES} and tables[CUSTOMER_DAYS.name]
    assert tables == compute(in_order)


EVENT = {
    "event_id": "e1", "event_time": instant(0), "schema_version": 1, "event_type": "view", "customer_id": "ann",
    "session_id": "s1", "product_id": None, "category": None, "brand": None, "price": None, "quantity": None,
    "device": "mobile", "country": "DE", "channel": "paid",
}  # fmt: skip


def times(count: int, event: dict) -> Events:
    return {WEB.event.name: [event | {"event_id": f"e{number}"} for number in range(count)], PURCHASES.event.name: []}


def test_a_sum_that_outgrows_its_column_stays_at_the_most_that_it_holds(compute):
    """NULL, which Flink makes of it, the column does not take: the job would fail on it for ever."""
    columns = {column.name: column for column in WEB.event.fields}
    dearest = {"event_type": "cart", "price": columns["price"].maximum, "quantity": columns["quantity"].maximum}
    enough = 10**14 // (dearest["price"] * dearest["quantity"]) + 1
    [row] = compute(times(enough, EVENT | dearest))[SESSIONS.name]
    found = dict(zip([column.name for column in SESSIONS.columns], row, strict=True))
    assert found["cart_value"] == found["abandoned_value"] == "99999999999999.9999"


def test_an_event_more_makes_another_table(compute):
    """What the test of the order compares does depend on the events."""
    one, two = times(1, EVENT), times(2, EVENT)
    of_one = compute(one)[CUSTOMER_DAYS.name]
    assert len(of_one) == 1
    assert of_one != compute(two)[CUSTOMER_DAYS.name]
