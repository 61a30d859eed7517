"""Kafka -> ClickHouse: validated events, dead letters and replicated tables, at least once.

A batch is inserted as the JSON bytes it came in, then its offsets are committed. A batch that is delivered again
replaces itself: every raw table is a ReplacingMergeTree over the row's identity.
"""

import logging
import signal
import time
from collections import defaultdict
from collections.abc import Iterable

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, KafkaException, Message

from contracts.settings import Settings, settings
from contracts.tables import RAW_TABLES
from contracts.topics import SINK_GROUP

log = logging.getLogger("cdc.sink")

TABLE_OF = {topic: table.qualified for table in RAW_TABLES for topic in table.topics}
INSERT_SETTINGS = {
    "date_time_input_format": "best_effort",
    "input_format_skip_unknown_fields": 1,  # a column added upstream flows once the table has it
    "input_format_null_as_default": 1,  # a deletion carries the key alone
}
RETRY_SECONDS = 120
REPORT_SECONDS = 30


class StopError(Exception):
    """Asked to end."""


def client(config: Settings) -> Client:
    return clickhouse_connect.get_client(
        host=config.host("CLICKHOUSE"), port=config.port("CLICKHOUSE"),
        username=config.clickhouse.user, password=config.clickhouse.password,
        autogenerate_session_id=False, compress=False,
    )  # fmt: skip


def consumer(config: Settings) -> Consumer:
    return Consumer({
        "bootstrap.servers": config.brokers,
        "group.id": SINK_GROUP,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "max.poll.interval.ms": 1_800_000,  # an insert may wait for ClickHouse to come back
        "session.timeout.ms": 10_000,  # a killed sink's partitions wait so long for the one that follows
        "fetch.wait.max.ms": 50,
        "queued.max.messages.kbytes": 65_536,
        "topic.metadata.refresh.interval.ms": 10_000,
    })  # fmt: skip


def bodies(messages: Iterable[Message]) -> dict[str, bytes]:
    """JSONEachRow bodies by table. Tombstones and messages of unknown topics make no row."""
    rows: dict[str, list[bytes]] = defaultdict(list)
    for message in messages:
        value, table = message.value(), TABLE_OF.get(message.topic() or "")
        if value is not None and table:
            rows[table].append(value)
    return {table: b"\n".join(values) for table, values in rows.items()}


def insert(warehouse: Client, table: str, body: bytes) -> None:
    """Insert, waiting for a ClickHouse that is away; the last error after RETRY_SECONDS."""
    deadline, pause = time.monotonic() + RETRY_SECONDS, 0.2
    while True:
        try:
            warehouse.raw_insert(table, insert_block=body, fmt="JSONEachRow", settings=INSERT_SETTINGS)
            return
        except (ClickHouseError, OSError) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("%s: insert of %d bytes refused, trying again: %s", table, len(body), str(error).splitlines()[0][:300])
            time.sleep(pause)
            pause = min(2 * pause, 5)


def batch(source: Consumer, size: int, linger: float) -> list[Message]:
    """Up to ``size`` messages, waiting at most ``linger`` seconds for them."""
    messages = []
    for message in source.consume(size, timeout=linger):
        if message.error():
            raise KafkaException(message.error())
        messages.append(message)
    return messages


def run(config: Settings) -> None:
    warehouse, source = client(config), consumer(config)
    source.subscribe(sorted(TABLE_OF))
    size, linger = config.number("SINK_BATCH_ROWS", 20_000), config.number("SINK_LINGER_MS", 300) / 1000
    done, reported = 0, time.monotonic()
    try:
        while True:
            messages = batch(source, size, linger)
            if messages:
                for table, body in bodies(messages).items():
                    insert(warehouse, table, body)
                source.commit(asynchronous=False)
                done += len(messages)
            if time.monotonic() - reported > REPORT_SECONDS:
                log.info("%d records since the start", done)
                reported = time.monotonic()
    except StopError:
        log.info("stopped after %d records", done)
    finally:
        source.close()


def _stop(signum: int, frame: object) -> None:
    raise StopError


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    run(settings())
