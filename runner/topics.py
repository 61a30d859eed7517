"""What is in Kafka, where no topic browser can run: ``python -m runner.topics [--topic NAME] [--last N]``.

Topics with partitions and offsets, consumer groups with their lag, the last messages, and the dead letters by reason. Reads
only: joins no group and commits nothing. Memory does not grow with the topics.
"""

import argparse
import base64
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contracts.settings import Settings, SettingsError, settings
from contracts.topics import CONNECT_TOPICS, STREAMS
from runner.display import console as terminal

SECONDS = 15.0
# Dead letters are counted from here on, so many before the end of each partition.
SCANNED = 100_000
SAMPLES = 2
WIDTH = 300
BATCH = 500


class TopicsError(RuntimeError):
    """Kafka cannot be looked at; the message says why."""


@dataclass(frozen=True)
class Range:
    """Offsets of one partition: the first that is kept, and the next to be written."""

    partition: int
    low: int
    high: int

    @property
    def kept(self) -> int:
        return self.high - self.low


@dataclass
class Reason:
    """Dead letters of one reason; the newest as samples."""

    count: int = 0
    samples: deque[str] = field(default_factory=lambda: deque(maxlen=SAMPLES))


class Broker:
    def __init__(self, values: Settings) -> None:
        self._address = values.bootstrap_servers
        self._admin = AdminClient(values.kafka_client)
        own = {"group.id": "topics", "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": False}
        self._consumer = Consumer(values.kafka_client | own)

    def close(self) -> None:
        self._consumer.close()

    def topics(self) -> dict[str, list[Range]]:
        """All but Kafka's own, by name."""
        try:
            known = self._admin.list_topics(timeout=SECONDS).topics
        except KafkaException as error:
            raise TopicsError(f"Kafka at {self._address} does not answer: {error.args[0].str()}") from None
        return {
            name: [self._range(name, partition) for partition in sorted(known[name].partitions)]
            for name in sorted(known)
            if not name.startswith("__")
        }

    def _range(self, topic: str, partition: int) -> Range:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=SECONDS)
        return Range(partition, low, high)

    def committed(self) -> dict[str, dict[tuple[str, int], int]]:
        """The next offset that each consumer group will read, by topic and partition."""
        groups = [group.group_id for group in self._admin.list_consumer_groups(request_timeout=SECONDS).result().valid]
        result = {}
        for group in sorted(groups):
            asked = [ConsumerGroupTopicPartitions(group)]
            positions = self._admin.list_consumer_group_offsets(asked, request_timeout=SECONDS)[group].result().topic_partitions
            result[group] = {(each.topic, each.partition): each.offset for each in positions if each.offset >= 0}
        return result

    def tail(self, topic: str, ranges: list[Range], count: int) -> Iterator[Message]:
        """The last ``count`` messages of every partition, in the order of each."""
        starts = [TopicPartition(topic, each.partition, max(each.low, each.high - count)) for each in ranges if each.kept]
        left = {each.partition: each.high for each in ranges if each.kept}
        if not starts or count <= 0:
            return
        self._consumer.assign(starts)
        deadline = time.monotonic() + SECONDS
        try:
            while left:
                messages = self._consumer.consume(BATCH, timeout=0.2)
                if messages:
                    deadline = time.monotonic() + SECONDS
                else:
                    self._drop_finished(left, topic)
                    if left and time.monotonic() > deadline:
                        raise TopicsError(f"{topic}: no message from partitions {sorted(left)} within {SECONDS:.0f} s")
                for message in messages:
                    if message.error():
                        raise TopicsError(f"{topic}: {message.error().str()}")
                    if message.offset() < left.get(message.partition(), 0):
                        yield message
                    if message.offset() + 1 >= left.get(message.partition(), 0):
                        left.pop(message.partition(), None)
        finally:
            self._consumer.unassign()

    def _drop_finished(self, left: dict[int, int], topic: str) -> None:
        """Partitions read to their end: the newest offsets of a compacted topic may hold no record."""
        for each in self._consumer.position([TopicPartition(topic, partition) for partition in left]):
            if each.offset >= left[each.partition]:
                del left[each.partition]


def topic_table(topics: dict[str, list[Range]]) -> Table:
    table = Table("topic", *("partitions", "first", "next", "messages"), title="Topics", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, ranges in topics.items():
        low, high = sum(each.low for each in ranges), sum(each.high for each in ranges)
        table.add_row(name, *(f"{number:,}" for number in (len(ranges), low, high, high - low)))
    return table


def lag_table(topics: dict[str, list[Range]], committed: dict[str, dict[tuple[str, int], int]]) -> Table:
    table = Table("group", "topic", "read up to", "lag", title="Consumer groups", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for group, positions in committed.items():
        for topic in sorted({topic for topic, _ in positions} & set(topics)):
            read = {partition: offset for (name, partition), offset in positions.items() if name == topic}
            lag = sum(max(0, each.high - max(read.get(each.partition, each.low), each.low)) for each in topics[topic])
            table.add_row(group, topic, f"{sum(read.values()):,}", f"{lag:,}")
    return table


def text(value: bytes | None, width: int = WIDTH) -> str:
    """What a person can read of it, on one line."""
    if value is None:
        return "(null)"
    shown = value[: width * 4].decode(errors="backslashreplace").replace("\n", "\\n").replace("\r", "\\r")
    readable = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in shown)
    return readable if len(readable) <= width else f"{readable[: width - 1]}…"


def newest(messages: Iterator[Message], count: int) -> list[Message]:
    """The last of all partitions by the broker's time."""
    return sorted(messages, key=lambda message: (message.timestamp()[1], message.offset()))[-count:]


def by_reason(messages: Iterator[Message]) -> dict[str, Reason]:
    """Dead letters counted; a message that is none counts under its own heading."""
    reasons: dict[str, Reason] = {}
    for message in messages:
        try:
            letter = orjson.loads(message.value() or b"")
            heading = str(letter["reason"])
            raw = None if letter["raw_value"] is None else base64.b64decode(letter["raw_value"])
            place = ":".join(str(letter[name]) for name in ("source_topic", "source_partition", "source_offset"))
            sample = f"{place} {letter['message']}  {text(raw)}"
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            heading, sample = "(not a dead letter)", text(message.value())
        reason = reasons.setdefault(heading, Reason())
        reason.count += 1
        reason.samples.append(sample)
    return reasons


def dead_letter_table(topic: str, reasons: dict[str, Reason], capped: bool) -> Table:
    title = f"Dead letters in {topic}" + (f" (the last {SCANNED:,} of each partition)" if capped else "")
    table = Table("reason", "count", "newest", title=title, title_justify="left", show_lines=True)
    table.columns[1].justify = "right"
    for name, reason in sorted(reasons.items(), key=lambda item: -item[1].count):
        table.add_row(name, f"{reason.count:,}", "\n".join(map(escape, reason.samples)))
    return table


def show(broker: Broker, wanted: str, last: int, console: Console) -> None:
    """``wanted``: one topic only; all where empty. TopicsError where there is no such topic."""
    topics = broker.topics()
    if wanted and wanted not in topics:
        raise TopicsError(f"no topic {wanted!r}; there are {', '.join(topics) or 'none'}")
    chosen = {wanted: topics[wanted]} if wanted else topics
    console.print(topic_table(chosen))
    lags = lag_table(chosen, broker.committed())
    if lags.row_count:
        console.print(lags)
    dead = {stream.dead_letters for stream in STREAMS}
    for name, ranges in chosen.items():
        if wanted or (name not in CONNECT_TOPICS.values() and name not in dead):
            show_last(name, newest(broker.tail(name, ranges, last), last), console)
    for name in sorted(dead & set(chosen)):
        if sum(each.kept for each in chosen[name]):
            capped = any(each.kept > SCANNED for each in chosen[name])
            console.print(dead_letter_table(name, by_reason(broker.tail(name, chosen[name], SCANNED)), capped))


def show_last(topic: str, messages: list[Message], console: Console) -> None:
    if not messages:
        return
    console.print(f"\n[bold]{escape(topic)}[/bold], the last {len(messages)}")
    for message in messages:
        place = f"{message.partition()}:{message.offset()}"
        console.print(f"  {place}  {text(message.key(), 40)}  {text(message.value())}", markup=False, highlight=False)


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runner.topics", description="Topics, lag, last messages, dead letters.")
    parser.add_argument("--topic", default="", help="only this one")
    parser.add_argument("--last", type=int, default=2, help="messages to show of each topic (default 2)")
    parsed = parser.parse_args(given)
    if not 0 <= parsed.last <= 1_000:
        parser.error(f"--last {parsed.last}: from 0 to 1000")
    return parsed


def main(given: list[str], values: Settings | None = None) -> int:
    parsed = arguments(given)
    try:
        broker = Broker(values or settings())
        try:
            show(broker, parsed.topic, parsed.last, terminal())
        finally:
            broker.close()
    except (TopicsError, SettingsError) as error:
        print(f"topics: {error}", file=sys.stderr)
        return 1
    except KafkaException as error:
        print(f"topics: Kafka at {settings().bootstrap_servers}: {error.args[0].str()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
