"""What the tests of the generators share: small worlds, and a judge of records written from the contract alone."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from contracts.events import EARLIEST_EVENT_TIME, MAX_EVENT_BYTES, SCHEMA_VERSION, Reason
from contracts.settings import settings
from contracts.topics import STREAMS, Stream
from contracts.types import Column, Type
from generators.clock import milliseconds, months_before
from generators.encode import Encoder
from generators.records import Records
from generators.world import World

END = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
WIRE = {Type.TEXT: str, Type.LABEL: str, Type.TIMESTAMP: str, Type.INTEGER: int, Type.MONEY: (int, float)}


def world(seed: int = 1, customers: int = 80, months: int = 2) -> World:
    return World(seed, customers, milliseconds(months_before(END, months)), milliseconds(END))


def records_of(made: World, since: int | None = None) -> list[Records]:
    """All records of a world up to END, in the order of sending."""
    encoder = Encoder(made.catalogues, len(made.customers), f"{made.seed:08x}")
    result = []
    for events in made.days(milliseconds(END), since):
        result += [encoder.web(events.web), encoder.purchases(events.purchases)]
    return result


def events_of(made: World) -> dict[Stream, list[dict]]:
    """The events of a world as their readers see them."""
    result: dict[Stream, list[dict]] = {stream: [] for stream in STREAMS}
    for records in records_of(made):
        result[records.stream] += map(json.loads, records.values)
    return result


@lru_cache(maxsize=1)
def history(seed: int, customers: int, months: int) -> dict[Stream, list[dict]]:
    return events_of(world(seed, customers, months))


def when(event: dict, field: str = "event_time") -> datetime:
    return datetime.fromisoformat(event[field])


def faults(stream: Stream, key: bytes | None, value: bytes | None, now: datetime) -> list[Reason]:
    """Everything that is wrong with a record, in the order of the contract's reasons; empty for a good one."""
    if value is None:
        return [Reason.NULL_VALUE]
    found = set()
    if len(value) > MAX_EVENT_BYTES:
        found.add(Reason.OVERSIZED)
    try:
        event = json.loads(value.decode())
    except ValueError:
        return [reason for reason in Reason if reason in {*found, Reason.MALFORMED_JSON}]
    if key is None:
        found.add(Reason.NULL_KEY)
    elif isinstance(event.get("customer_id"), str) and event["customer_id"].encode() != key:
        found.add(Reason.KEY_MISMATCH)
    if event.get("schema_version") != SCHEMA_VERSION:
        found.add(Reason.UNKNOWN_SCHEMA_VERSION)
    for field in stream.event.fields:
        found |= field_faults(field, event.get(field.name), now)
    return [reason for reason in Reason if reason in found]


def field_faults(field: Column, value: object, now: datetime) -> set[Reason]:
    if value is None:
        return set() if field.nullable else {Reason.MISSING_FIELD}
    if not isinstance(value, WIRE[field.type]) or isinstance(value, bool) or value == "":
        return {Reason.WRONG_TYPE}
    if field.allowed and value not in field.allowed:
        return {Reason.UNKNOWN_TYPE}
    if field.type is Type.TIMESTAMP:
        return set() if believable(str(value), now) else {Reason.BAD_TIME}
    if field.minimum is not None and value < field.minimum:
        return {Reason.OUT_OF_RANGE}
    return set()


def believable(text: str, now: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    in_form = text.endswith("Z") and len(text) == len("2026-01-31T08:05:13.123Z")
    return in_form and datetime.fromisoformat(EARLIEST_EVENT_TIME) <= moment <= now + timedelta(
        hours=settings().clock_tolerance_hours
    )
