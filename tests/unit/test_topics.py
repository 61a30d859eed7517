"""make topics: what a person sees of Kafka."""

import base64
import io
import json
from types import SimpleNamespace

import pytest
from confluent_kafka import TopicPartition
from rich.console import Console

from runner import topics
from runner.topics import Broker, Range, TopicsError


class Message(SimpleNamespace):
    def __getattr__(self, name):
        return lambda: self.__dict__.get(f"_{name}")


def message(partition=0, offset=0, value=b"v", key=b"k", at=0):
    return Message(_partition=partition, _offset=offset, _value=value, _key=key, _timestamp=(1, at), _error=None)


class FakeConsumer:
    """Partitions as lists of messages; records what was assigned."""

    def __init__(self, partitions):
        self.partitions, self.at, self.assigned = partitions, {}, []

    def assign(self, starts):
        self.assigned = starts
        self.at = {each.partition: each.offset for each in starts}

    def unassign(self):
        self.at = {}

    def consume(self, count, timeout):
        for partition, offset in self.at.items():
            found = [each for each in self.partitions[partition] if each.offset() >= offset][:2]
            if found:
                self.at[partition] = found[-1].offset() + 1
                return found
        return []

    def position(self, partitions):
        ends = {each.partition: self.ends[each.partition] for each in partitions}
        return [TopicPartition(each.topic, each.partition, ends[each.partition]) for each in partitions]


def broker(partitions, ends=None):
    made = Broker.__new__(Broker)
    made._consumer = FakeConsumer(partitions)
    made._consumer.ends = ends or dict.fromkeys(partitions, 0)
    return made


def rendered(table):
    console = Console(width=160, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_tail_gives_the_last_of_each_partition_and_no_more():
    """What arrives after the offsets were taken is left alone."""
    partitions = {0: [message(0, offset) for offset in range(10)], 1: [message(1, offset) for offset in range(3, 5)], 2: []}
    made = broker(partitions)
    got = list(made.tail("t", [Range(0, 0, 8), Range(1, 3, 5), Range(2, 7, 7)], 3))
    assert [(each.partition(), each.offset()) for each in got] == [(0, 5), (0, 6), (0, 7), (1, 3), (1, 4)]


def test_tail_of_a_compacted_topic_ends_at_its_last_record():
    made = broker({0: [message(0, 1)]}, ends={0: 9})
    assert len(list(made.tail("t", [Range(0, 0, 9)], 9))) == 1


def test_a_partition_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(topics, "SECONDS", -1.0)
    with pytest.raises(TopicsError, match=r"t: no message from partitions \[0\]"):
        list(broker({0: []}).tail("t", [Range(0, 0, 9)], 9))


def test_newest_of_all_partitions():
    messages = [message(0, 5, at=30), message(1, 9, at=10), message(1, 10, at=40)]
    assert [each.offset() for each in topics.newest(iter(messages), 2)] == [5, 10]


def letter(reason, offset, raw=b"{"):
    value = {
        "reason": reason, "message": "why", "raw_value": None if raw is None else base64.b64encode(raw).decode(),
        "source_topic": "web_events", "source_partition": 1, "source_offset": offset,
    }  # fmt: skip
    return message(value=json.dumps(value).encode())


def test_dead_letters_by_reason_with_the_newest_as_samples():
    letters = [letter("malformed_json", i, b"{%d" % i) for i in range(5)] + [letter("null_value", 9, None), message(value=b"[]")]
    reasons = topics.by_reason(iter(letters))
    assert {name: reason.count for name, reason in reasons.items()} == {
        "malformed_json": 5, "null_value": 1, "(not a dead letter)": 1,
    }  # fmt: skip
    assert list(reasons["malformed_json"].samples) == ["web_events:1:3 why  {3", "web_events:1:4 why  {4"]
    assert "(null)" in reasons["null_value"].samples[0]
    text = rendered(topics.dead_letter_table("web_events.dlq", reasons, capped=True))
    assert "malformed_json" in text and "the last 100,000 of each" in text


def test_tables_count_messages_and_lag():
    known = {"a": [Range(0, 10, 30), Range(1, 0, 5)], "b": [Range(0, 0, 0)]}
    assert "35" in rendered(topics.topic_table(known)) and "25" in rendered(topics.topic_table(known))
    # Nothing committed on partition 1 yet: all that is kept is still to be read.
    text = rendered(topics.lag_table(known, {"flink": {("a", 0): 25, ("gone", 0): 3}}))
    assert "flink" in text and "10" in text and "gone" not in text


def test_text_is_one_readable_line():
    assert topics.text(None) == "(null)"
    assert topics.text(b"a\nb\x1b[31m\xff") == "a\\nb\\x1b[31m\\xff"
    assert len(topics.text(b"x" * 10_000)) == topics.WIDTH


@pytest.mark.parametrize("last", ["-1", "1001", "x"])
def test_bad_numbers(capsys, last):
    with pytest.raises(SystemExit):
        topics.arguments(["--last", last])
    assert "--last" in capsys.readouterr().err
