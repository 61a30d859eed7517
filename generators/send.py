"""The one module that talks to Kafka."""

import sys
import time
from collections import Counter

from confluent_kafka import KafkaError, KafkaException, Producer

from contracts.settings import Settings
from contracts.topics import MAX_DEAD_LETTER_BYTES
from generators.records import Records

METADATA_SECONDS = 15
# A broker that starts again beside everything else that does takes minutes on a slow machine.
DELIVERY_SECONDS = 300


class SendError(RuntimeError):
    """Kafka did not take what was sent; the message says how much and why."""


class Sender:
    """An idempotent producer that counts what was not delivered. Use as a context manager: its end delivers the rest."""

    def __init__(self, settings: Settings, topics: tuple[str, ...]) -> None:
        self._address = settings.bootstrap_servers
        self._undelivered: Counter[str] = Counter()
        self.queued = 0
        self._complained = False
        self._producer = Producer(
            {
                "bootstrap.servers": self._address,
                "client.id": "generators",
                "enable.idempotence": True,
                # With more, a broker that dies leaves requests out of order: the client then takes a new epoch and sends again
                # what the brokers have (librdkafka issue 4953). It sends as fast with one.
                "max.in.flight.requests.per.connection": 1,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 20,
                "batch.size": 512 * 1024,
                "queue.buffering.max.messages": 200_000,
                "queue.buffering.max.kbytes": 131_072,
                "message.max.bytes": MAX_DEAD_LETTER_BYTES,
                "message.timeout.ms": DELIVERY_SECONDS * 1000,
                "delivery.report.only.error": True,
                "on_delivery": self._failed,
                "error_cb": self._complain,
                "log_level": 2,
            }
        )
        self._require(topics)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """SendError where something was not delivered; after another error that is only reported."""
        try:
            self.deliver()
        except SendError as error:
            if kind is None:
                raise
            print(error, file=sys.stderr)

    def _require(self, topics: tuple[str, ...]) -> None:
        """SendError where the broker does not answer or lacks a topic."""
        try:
            known = self._producer.list_topics(timeout=METADATA_SECONDS).topics
        except KafkaException as error:
            raise SendError(f"Kafka at {self._address} does not answer: {error.args[0].str()}") from None
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise SendError(f"Kafka at {self._address} has no topic {', '.join(missing)}: `make up` creates it")

    def send(self, records: Records, topic: str | None = None) -> None:
        """To the source topic of the records' stream, unless another is named. Waits where the queue is full."""
        target = topic or records.stream.source
        produce = self._producer.produce
        for key, value in zip(records.keys, records.values, strict=True):
            while True:
                try:
                    produce(target, value, key)
                    break
                except BufferError:
                    self._producer.poll(0.05)
                except KafkaException as error:
                    self._undelivered[error.args[0].str()] += 1
                    break
        self.queued += len(records)
        self._producer.poll(0)

    def wait(self, seconds: float) -> None:
        """Serve the producer for so long."""
        self._producer.poll(seconds)

    @property
    def undelivered(self) -> int:
        return self._undelivered.total()

    def deliver(self) -> None:
        """What is still queued. SendError where something was not delivered by the deadline."""
        deadline = time.monotonic() + DELIVERY_SECONDS
        left = len(self._producer)
        while left and time.monotonic() < deadline:
            left = self._producer.flush(1.0)
        if left:
            self._undelivered[f"not delivered within {DELIVERY_SECONDS} s"] += left
        if self._undelivered:
            why = "; ".join(f"{count:,} × {reason}" for reason, count in self._undelivered.most_common())
            raise SendError(f"{self.undelivered:,} of {self.queued:,} records not delivered to Kafka at {self._address}: {why}")

    def _failed(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._undelivered[error.str()] += 1

    def _complain(self, error: KafkaError) -> None:
        """Once: the client itself keeps trying."""
        if not self._complained and error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._FATAL):
            self._complained = True
            print(f"Kafka at {self._address}: {error.str()}; trying on", file=sys.stderr)
