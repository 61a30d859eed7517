"""The edges of the generators: what is sent to Kafka and Postgres, the ledger, plans, and the command line."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaError, KafkaException
from generators_support import END, records_of, world

from contracts.events import Reason
from contracts.settings import ROOT, Settings
from contracts.tables import CUSTOMERS, SHOP_TABLES
from contracts.topics import PURCHASES, WEB
from generators import __main__ as cli
from generators import history, ledger, send, shop, truth
from generators.clock import milliseconds, months_before
from generators.ledger import Ledger
from generators.people import shop_rows
from generators.records import Records, good
from generators.send import Sender, SendError


def two(topic=WEB, n=2):
    return good(topic, [b"k"] * n, [b"v%d" % i for i in range(n)], [f"e{i}" for i in range(n)], list(range(n)))


class FakeProducer:
    """A broker of our making: its queue fills, and it refuses what is told."""

    topics = (WEB.source, PURCHASES.source)

    def __init__(self, config):
        self.config, self.queue, self.delivered, self.full_times = config, [], [], 2
        FakeProducer.last = self

    def list_topics(self, timeout):
        return type("Metadata", (), {"topics": dict.fromkeys(self.topics)})

    def produce(self, topic, value, key):
        if value == b"large":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if value == b"v1" and self.full_times:
            self.full_times -= 1
            raise BufferError
        self.queue.append((topic, value, key))

    def poll(self, seconds):
        self.deliver()

    def flush(self, seconds):
        self.deliver()
        return len(self.queue)

    def deliver(self):
        for topic, value, key in self.queue:
            if value == b"refused":
                self.config["on_delivery"](KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), None)
            else:
                self.delivered.append((topic, value, key))
        self.queue = []

    def __len__(self):
        return len(self.queue)


@pytest.fixture
def producer(monkeypatch):
    monkeypatch.setattr(send, "Producer", FakeProducer)
    return FakeProducer


def values(*given):
    return good(WEB, [b"k"] * len(given), list(given), [""] * len(given), [0] * len(given))


def test_a_full_queue_waits_and_everything_is_delivered_in_order(producer):
    with Sender(Settings({}), (WEB.source,)) as sender:
        sender.send(two(n=3))
        sender.send(two(n=1), "elsewhere")
    assert [(topic, value) for topic, value, _ in producer.last.delivered] == [
        (WEB.source, b"v0"), (WEB.source, b"v1"), (WEB.source, b"v2"), ("elsewhere", b"v0"),
    ]  # fmt: skip
    assert producer.last.config["enable.idempotence"] and producer.last.config["acks"] == "all"
    # With more, what brokers have is sent again after one of them died (librdkafka issue 4953).
    assert producer.last.config["max.in.flight.requests.per.connection"] == 1


def test_what_is_not_delivered_is_an_error_that_says_how_many_and_why(producer):
    with (
        pytest.raises(SendError, match=r"3 of 4 records not delivered .*2 × Broker: Topic authorization failed.*1 × .*too large"),
        Sender(Settings({}), (WEB.source,)) as sender,
    ):
        sender.send(values(b"large", b"refused", b"refused", b"fine"))


def test_what_never_leaves_the_queue_is_an_error(producer, monkeypatch):
    monkeypatch.setattr(FakeProducer, "deliver", lambda self: None)
    monkeypatch.setattr(send, "DELIVERY_SECONDS", 0.01)
    with pytest.raises(SendError, match="1 of 1 records not delivered"), Sender(Settings({}), (WEB.source,)) as sender:
        sender.send(values(b"x"))


def test_another_error_is_not_hidden_by_undelivered_records(producer, capsys):
    with pytest.raises(ZeroDivisionError), Sender(Settings({}), (WEB.source,)) as sender:
        sender.send(values(b"refused"))
        _ = 1 / 0
    assert "1 of 1 records not delivered" in capsys.readouterr().err


def test_a_missing_topic_is_named(producer):
    with pytest.raises(SendError, match=r"Kafka at 127\.0\.0\.1:9092 has no topic nothing: `make up` creates it"):
        Sender(Settings({}), (WEB.source, "nothing"))


def test_no_broker_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(send, "METADATA_SECONDS", 0.2)
    with pytest.raises(SendError, match=r"Kafka at 127\.0\.0\.1:1 does not answer") as error:
        Sender(Settings({"KAFKA_PORT": "1"}), (WEB.source,))
    assert "\n" not in str(error.value)


# The ledger


def test_ledger_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "PART_ROWS", 4)
    with Ledger(tmp_path, "run-a") as one:
        one.add(two(n=3))
        assert list((tmp_path / "ledger").iterdir()) == []
        one.add(two(n=2))
        one.add(Records(PURCHASES, [None], [b"{"], [None], [None], ["malformed"], [Reason.MALFORMED_JSON.value]))
        one.add(two(n=0))
    parts = sorted((tmp_path / "ledger").iterdir())
    assert [part.name for part in parts] == ["run-a-000000.parquet", "run-a-000001.parquet"]
    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    assert len(rows) == 6
    assert rows[1] == {
        "topic": WEB.source, "event_id": "e1", "key": "k", "event_time": datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
        "class": "good", "reason": None, "md5": None, "run": "run-a",
    }  # fmt: skip
    assert (rows[5]["event_id"], rows[5]["key"], rows[5]["event_time"]) == (None, None, None)
    assert (rows[5]["reason"], rows[5]["md5"]) == ("malformed_json", "f95b70fdc3088560732a5ac135644506")


def test_the_ledger_of_a_world_has_every_record(tmp_path):
    with Ledger(tmp_path, "w") as one:
        batches = records_of(world(customers=20))
        for records in batches:
            one.add(records)
    rows = pq.read_table(tmp_path / "ledger").to_pylist()
    assert len(rows) == sum(map(len, batches))
    assert {row["event_id"] for row in rows} == {event_id for records in batches for event_id in records.ids}


# Customers


def test_rows_of_customers_are_the_tables_columns_and_the_same_each_time():
    made = world(customers=300)
    rows = list(shop_rows(made.customers, milliseconds(END)))
    assert rows == list(shop_rows(world(customers=300).customers, milliseconds(END)))
    assert {len(row) for row in rows} == {len(CUSTOMERS.columns)}
    assert len({row[0] for row in rows}) == len({row[2] for row in rows}) == len(rows) == 300
    for row in rows:
        named = dict(zip((column.name for column in CUSTOMERS.columns), row, strict=True))
        assert named["registered_at"] <= END and "@example.com" in named["email"]
        assert named["birth_date"] is None or named["registered_at"].date() - named["birth_date"] > timedelta(days=17 * 365)


PRINTED = """
from hashlib import md5
from generators_support import END, records_of, world
from generators.clock import milliseconds
from generators.people import shop_rows
made = world(customers=200, months=1)
rows = [records.columns() for records in records_of(made)], list(shop_rows(made.customers, milliseconds(END)))
print(md5(repr(rows).encode()).hexdigest())
"""


def test_the_same_world_in_every_process():
    """Whatever the order of Python's sets."""
    path = f"{ROOT}:{Path(__file__).parent}"
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINTED],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_customers_who_register_later_are_not_written_yet():
    made = world(customers=300)
    early = milliseconds(END - timedelta(days=40))
    rows = list(shop_rows(made.customers, early))
    assert 0 < len(rows) < 300
    assert max(milliseconds(row[-1]) for row in rows) <= early


def test_the_upsert_names_every_column_and_leaves_equal_rows_alone():
    for table in SHOP_TABLES:
        statement = shop.upsert_statement(table)
        assert statement.count("%s") == len(table.columns)
        assert table.qualified in statement and all(column.name in statement for column in table.columns)
        assert "IS DISTINCT FROM" in statement


# Plans


def test_a_world_is_remembered_and_carried_on(tmp_path):
    first = history.make_plan(tmp_path, 1, 10, 2, None, END)
    assert (first.start, first.end) == (milliseconds(months_before(END, 2)), milliseconds(END))
    history.write_plan(tmp_path, first)
    later = END + timedelta(days=3)
    assert history.make_plan(tmp_path, 1, 10, 2, None, later) == first
    assert history.make_plan(tmp_path, 2, 10, 2, None, later).start != first.start
    assert history.make_plan(tmp_path, 1, 10, 2, later, later).end == milliseconds(later)


def test_the_planted_truth_has_every_customer(tmp_path):
    made = world(customers=50)
    truth.write_truth(tmp_path, made)
    rows = pq.read_table(tmp_path / "customers.parquet").to_pylist()
    assert len(rows) == 50
    assert all(row["registered_at"] <= row["left_at"] and 0 <= row["dropout"] <= 1 for row in rows)


def test_months_before():
    assert months_before(datetime(2026, 3, 31, 5), 1) == datetime(2026, 2, 28, 5)
    assert months_before(datetime(2026, 1, 15), 12) == datetime(2025, 1, 15)
    assert months_before(datetime(2026, 1, 15), 1) == datetime(2025, 12, 15)


# The command line


def test_empty_settings_of_make_mean_not_given():
    given = cli.parser().parse_args(["web_events", "--rate", "", "--events", "", "--seconds", "", "--seed", ""])
    assert (given.events, given.seconds, given.seed) == (None, None, None)
    assert cli.parser().parse_args(["history", "--until", ""]).until is None
    assert cli.parser().parse_args(["live", "--shape", ""]).shape == "steady"


@pytest.mark.parametrize(("text", "expected"), [("max", None), ("0", None), ("MAX", None), ("250", 250.0), ("0.5", 0.5)])
def test_rates(text, expected):
    assert cli.parser().parse_args(["live", "--rate", text]).rate == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["web_events", "--rate", "fast"], "'fast' is not a number of events a second, or max"),
        (["web_events", "--rate", "-1"], "'-1' is not a number"),
        (["web_events", "--rate", "nan"], "'nan' is not a number"),
        (["live", "--shape", "round"], "'round' is neither steady nor daily"),
        (["purchases", "--events", "0"], "'0' is not a whole number above 0"),
        (["purchases", "--events", "1e3"], "'1e3' is not a whole number above 0"),
        (["live", "--seconds", "0"], "'0' is not a number of seconds above 0"),
        (["live", "--seed", "-3"], "'-3' is not a whole number of 0 or more"),
        (["history", "--customers", "many"], "'many' is not a whole number above 0"),
        (["history", "--until", "soon"], "'soon' is not an ISO date or time"),
        (["history", "--until", "2999-01-01"], "'2999-01-01' is not between 1990 and now"),
        (["replay", "a.csv"], "--format"),
        ([], "mode"),
    ],
)
def test_bad_arguments(capsys, arguments, message):
    with pytest.raises(SystemExit) as exit_:
        cli.parser().parse_args(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_missing_is_one_line_and_exit_code_1(capsys):
    assert cli.main(["replay", "/nowhere/orders.csv", "--format", "purchases"]) == 1
    assert capsys.readouterr().err == "generators replay: /nowhere/orders.csv does not exist\n"
    assert cli.main(["replay", "/nowhere/orders.csv", "--format", ""]) == 1
    assert "unknown format ''" in capsys.readouterr().err


def test_plans_are_json(tmp_path):
    history.write_plan(tmp_path, history.make_plan(tmp_path, 5, 6, 7, END, END))
    assert json.loads((tmp_path / "world.json").read_text())["customers"] == 6
    assert history.read_plan(tmp_path).months == 7
