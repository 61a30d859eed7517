"""History sends a world once, also when it is stopped or killed on the way."""

import json
import os
import signal
from collections import Counter
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from generators_support import END, records_of, world

from contracts.settings import Settings
from contracts.tables import CUSTOMERS, EXPERIMENTS, SURVEYS
from generators import history
from generators.clock import milliseconds


class Kafka:
    """Takes records; ``after`` so many batches it does what the test wants."""

    undelivered = 0

    def __init__(self):
        self.sent, self.after, self.then = [], None, lambda: None

    def __call__(self, settings, topics):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def deliver(self):
        pass

    def send(self, records):
        self.sent += zip(records.ids, records.values, records.kinds, strict=True)
        if self.after is not None:
            self.after -= 1
            if not self.after:
                self.then()


class KilledError(Exception):
    pass


def kill():
    raise KilledError


@pytest.fixture
def kafka(monkeypatch):
    made = Kafka()
    monkeypatch.setattr(history, "Sender", made)
    monkeypatch.setattr(history, "CHECKPOINT_RECORDS", 1)
    return made


@pytest.fixture
def shop(monkeypatch):
    """What was written to the shop's tables."""
    tables = {}
    monkeypatch.setattr(history, "write_rows", lambda settings, table, rows: len(tables.setdefault(table, list(rows))))
    return tables


def run(tmp_path, until=END, now=END, dirt=0.0):
    history.run(Settings({"VAR_DIR": str(tmp_path)}), 1, 60, 2, until, now, dirt)


def whole():
    """Ids of all events of the world that ``run`` sends; the namespace is another."""
    return sorted(event_id.partition("-")[2] for records in records_of(world(customers=60)) for event_id in records.ids)


def ids(kafka):
    return sorted(event_id.partition("-")[2] for event_id, *_ in kafka.sent)


def test_history_sends_the_whole_world_and_writes_the_shops_tables(kafka, shop, tmp_path):
    run(tmp_path)
    assert ids(kafka) == whole()
    assert len(shop[CUSTOMERS]) == 60 and shop[SURVEYS]
    for table in (CUSTOMERS, EXPERIMENTS, SURVEYS):
        assert {len(row) for row in shop[table]} == {len(table.columns)}
    assert history.read_plan(tmp_path / "truth").sent_until == milliseconds(END)
    assert {file.stem for file in (tmp_path / "truth").glob("*.parquet")} == {"customers", "experiments", "shifts"}
    assert {file.name for file in (tmp_path / "truth").rglob("*.unfinished")} == set()


def test_a_signal_stops_at_the_end_of_a_day_and_the_next_run_goes_on(kafka, shop, tmp_path):
    kafka.after, kafka.then = 31, lambda: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    stopped = len(kafka.sent)
    run(tmp_path)
    assert 0 < stopped < len(kafka.sent)
    assert ids(kafka) == whole()
    ledger = pq.read_table(tmp_path / "truth" / "ledger").to_pylist()
    assert Counter(row["event_id"] for row in ledger) == Counter(event_id for event_id, *_ in kafka.sent)


def test_what_dirt_had_held_back_is_sent_before_a_stop(kafka, shop, tmp_path):
    kafka.after, kafka.then = 61, lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, dirt=20.0)
    run(tmp_path, dirt=20.0)
    passed = {event_id.partition("-")[2] for event_id, _, kind in kafka.sent if kind in ("good", "late", "skewed")}
    assert passed == set(whole())


def test_a_run_that_is_killed_loses_nothing_and_repeats_no_more_than_a_checkpoint(kafka, shop, tmp_path):
    kafka.after, kafka.then = 100, kill
    with pytest.raises(KilledError):
        run(tmp_path, dirt=20.0)
    run(tmp_path, dirt=20.0)
    own = [(event_id.partition("-")[2], value) for event_id, value, kind in kafka.sent if kind in ("good", "late", "skewed")]
    assert {event_id for event_id, _ in own} == set(whole())
    repeated = {event_id for event_id, count in Counter(event_id for event_id, _ in own).items() if count > 1}
    days = {json.loads(value)["event_time"][:10] for event_id, value in own if event_id in repeated}
    assert len(days) <= 3  # two days of records, and what a clock dates otherwise


def test_later_the_world_goes_on_where_it_ended(kafka, shop, tmp_path):
    run(tmp_path, until=None, now=END)
    first = len(kafka.sent)
    later = END + timedelta(days=5)
    run(tmp_path, until=None, now=later)
    times = [json.loads(value)["event_time"] for _, value, _ in kafka.sent]
    assert max(times[:first]) <= "2026-03-01T06:30" < min(times[first:]) and max(times) < "2026-03-06T06:30:00.001Z"
    assert max(Counter(ids(kafka)).values()) == 1
