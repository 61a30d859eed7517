"""One event of our own: when it, and its session by way of Postgres and Debezium, are in ClickHouse, events flow. Others' times
tell less: some clocks run ahead."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from confluent_kafka import Producer

from chaos.stack import NotRecoveredError
from contracts.events import SCHEMA_VERSION, UNKNOWN
from contracts.settings import settings
from contracts.tables import RAW_DATABASE, RAW_WEB_EVENTS, SESSIONS
from contracts.topics import WEB
from generators.ledger import Ledger
from generators.records import good
from generators.send import DELIVERY_SECONDS
from verify.stores import warehouse

CUSTOMER = "canary"


def send() -> str:
    """Send it and enter it in the ledger; its event id, also its session's. NotRecoveredError where Kafka takes nothing."""
    name, now = f"canary-{uuid4()}", datetime.now(UTC)
    event = {
        "event_id": name, "event_time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "schema_version": SCHEMA_VERSION, "event_type": "landing", "customer_id": CUSTOMER, "session_id": name,
        "device": UNKNOWN, "country": UNKNOWN, "channel": UNKNOWN,
    }  # fmt: skip
    key, value = CUSTOMER.encode(), json.dumps(event).encode()
    options = {"enable.idempotence": True, "delivery.timeout.ms": DELIVERY_SECONDS * 1000}
    producer, refused = Producer(settings().kafka_client | options), []
    producer.produce(WEB.source, value, key=key, on_delivery=lambda error, _message: refused.append(error))
    if producer.flush(DELIVERY_SECONDS) or any(refused):
        raise NotRecoveredError(f"Kafka took no event for {DELIVERY_SECONDS} s: {refused}")
    with Ledger(settings().truth, name) as ledger:
        ledger.add(good(WEB, [key], [value], [name], [int(now.timestamp() * 1000)]))
    return name


def arrived(name: str) -> bool:
    client = warehouse()
    places = ((RAW_WEB_EVENTS.qualified, "event_id"), (f"{RAW_DATABASE}.{SESSIONS.name}", "session_id"))
    return all(
        client.query(f"SELECT count() FROM {table} WHERE {column} = %(name)s", {"name": name}).first_row[0]
        for table, column in places
    )
