"""The same events sent twice, under two prefixes of their ids: once in order, once shuffled and partly doubled."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from confluent_kafka import Producer

from contracts.settings import settings
from contracts.tables import ACCEPTED, CUSTOMER_DAYS, LIVE_PURCHASES, SESSIONS
from contracts.topics import Stream
from generators.ledger import Ledger
from generators.records import good
from verify.stores import shop, warehouse

IN_ORDER, SHUFFLED = "in-order-", "shuffled-"
IDS = ("event_id", "customer_id", "session_id", "purchase_id")
SHUFFLE_SECONDS = 600
DOUBLED = 0.05

Event = dict[str, object]


def newest(stream: Stream, count: int) -> list[Event]:
    """Accepted events in order of their time."""
    names = ", ".join(column.name for column in stream.event.fields)
    query = f"SELECT {names} FROM {ACCEPTED[stream].qualified} FINAL ORDER BY event_time DESC LIMIT {count}"
    return list(warehouse().query(query).named_results())[::-1]


def shuffled(events: list[Event], dice: Random) -> list[Event]:
    """Each up to SHUFFLE_SECONDS late, and some twice."""
    doubled = [*events, *(event for event in events if dice.random() < DOUBLED)]
    return sorted(doubled, key=lambda event: event["event_time"].timestamp() + dice.uniform(0, SHUFFLE_SECONDS))  # type: ignore[attr-defined]


def renamed(event: Event, prefix: str) -> Event:
    return event | {name: f"{prefix}{event[name]}" for name in IDS if event.get(name)}


def plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat(timespec="milliseconds")
    return float(value) if isinstance(value, Decimal) else value


def send(stream: Stream, events: list[Event], run: str) -> None:
    """Send and enter in the ledger."""
    values = [{name: plain(value) for name, value in event.items() if value is not None} for event in events]
    keys = [str(event["customer_id"]).encode() for event in events]
    bodies = [json.dumps(value).encode() for value in values]
    times = [int(event["event_time"].replace(tzinfo=UTC).timestamp() * 1000) for event in events]  # type: ignore[attr-defined]
    with Ledger(settings().truth, run) as ledger:
        ledger.add(good(stream, keys, bodies, [str(event["event_id"]) for event in events], times))
    producer = Producer({"bootstrap.servers": settings().bootstrap_servers, "linger.ms": 5})
    for key, body in zip(keys, bodies, strict=True):
        producer.produce(stream.source, body, key=key)
        producer.poll(0)
    assert producer.flush(60) == 0


def results(prefix: str) -> dict[str, set[tuple]]:
    """What Postgres shows of the customers with this prefix, without it."""
    found = {}
    with shop() as connection:
        for table in (SESSIONS, LIVE_PURCHASES, CUSTOMER_DAYS):
            names = ", ".join(column.name for column in table.columns)
            rows = connection.execute(f"SELECT {names} FROM {table.qualified} WHERE customer_id LIKE %s", (f"{prefix}%",))  # type: ignore[arg-type]
            found[table.name] = {
                tuple(value.removeprefix(prefix) if isinstance(value, str) else value for value in row) for row in rows
            }
    return found
